// What one run is like, drawn from its seed: how many shards and clients, how slow everything is, what goes wrong and
// how often. Small limits, so that a thousand messages reach them.
#pragma once

#include <cstdint>

#include "core/base/limits.h"
#include "sim/random.h"

namespace onehop::sim {

struct Scenario {
  uint32_t shards = 2;
  uint32_t clients = 8;
  // Names the clients share out among themselves; fewer than clients means that they fight for them.
  uint32_t names = 8;
  uint32_t messages = 1000;
  core::Limits limits;
  uint32_t connect_deadline_ms = 1000;

  // The network and the machine.
  uint32_t to_broker_bytes = 16 << 10;
  uint32_t to_client_bytes = 16 << 10;
  uint32_t loop_delay_us_max = 200;
  uint32_t stall_permille = 2;  // The loop of a shard wakes late.
  uint32_t parcel_delay_us_max = 2000;
  uint32_t credit_delay_us_max = 2000;
  uint32_t hand_over_delay_us_max = 2000;
  uint32_t short_write_permille = 30;
  uint32_t client_delay_us_max = 2000;

  // Authentication.
  uint32_t ask_pending_permille = 200;
  uint32_t ask_refused_permille = 20;

  // What clients do, in thousandths of connections or of steps.
  uint32_t hot_permille = 400;    // Messages for the hot name.
  uint32_t large_permille = 100;  // Messages of kilobytes.
  uint32_t step_us_max = 8000;    // Between steps.
  uint32_t burst_max = 8;         // Messages in a step.
  uint32_t freeze_permille = 20;  // Steps.
  uint32_t freeze_ms_max = 500;
  uint32_t cut_permille = 8;          // Steps.
  uint32_t leave_permille = 15;       // Steps.
  uint32_t misdeed_permille = 60;     // Connections.
  uint32_t ordered_permille = 500;    // Connections.
  uint32_t take_over_permille = 300;  // Connections.
  uint32_t confirmed_permille = 0;    // Messages.
  uint32_t ttl_permille = 100;        // Messages with a ttl of their own.
  uint32_t expiry_permille = 0;       // Connects that ask for a session that outlives its connection.
  uint32_t resume_permille = 700;     // Connects of those who have a session.
  uint32_t restart_permille = 300;    // Of them: by another program, which knows the token alone.
  uint32_t bad_resume_permille = 50;  // Of them: with something wrong.
  uint32_t lazy_permille = 300;       // Connections that settle late, or never.
  uint32_t refuse_permille = 50;      // Deliveries.
  bool storm = false;                 // The clients of one name do nothing but take it from each other.
  bool stops = false;                 // The shards are told to stop at the end,
  bool stops_early = false;           // or in the midst of it.
  bool drains = false;                // In the midst of it the end is announced; they stop a while later.
  uint32_t drain_grace_ms = 1;
  uint32_t drain_spread_ms = 0;
  uint32_t drain_answer_permille = 0;  // Clients that answer with goodbye when nothing of theirs is open.

  // Credentials and the policy.
  uint32_t expiring_permille = 0;       // Answers to Connects and renewals after which credentials end.
  uint32_t renewal_permille = 0;        // Connects that name the feature RENEWAL.
  uint32_t renew_permille = 0;          // Steps.
  uint32_t renew_refused_permille = 0;  // Renewals.
  uint32_t policy_ms_max = 0;           // Between two changes of the policy; 0: it never changes.
  uint32_t revoke_permille = 0;         // Names, at each change.

  // Topics.
  uint32_t topic_permille = 0;      // Bursts that go to a topic; 0: nobody uses any.
  uint32_t subscribe_permille = 0;  // Steps.

  // Services and requests.
  uint32_t service_permille = 0;  // Bursts that go to a service; 0: nobody serves any.
  uint32_t serve_permille = 0;    // Steps in which a client serves, or does not serve any more.
  uint32_t serves_permille = 0;   // Of them: in which it serves.
  uint32_t retry_permille = 0;    // Messages to services that another instance may get as well.
  uint32_t request_permille = 0;  // Messages that want a reply; 0: none does.
  uint32_t reply_us_max = 0;      // How long a reply takes.
  uint32_t mute_permille = 0;     // Requests that get none.
  // Presence.
  uint32_t watch_permille = 0;  // Steps; 0: nobody watches.
};

Scenario draw_scenario(Random& random);

}  // namespace onehop::sim
