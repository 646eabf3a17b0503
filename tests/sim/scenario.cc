// Scenario: see the header.
#include "sim/scenario.h"

namespace onehop::sim {
namespace {

core::Limits draw_limits(Random& random) {
  core::Limits limits;
  limits.frame_bytes_max = random.between(4, 8) * (4 << 10);
  limits.queue_bytes_max = 4 * limits.frame_bytes_max + random.below(16 << 10);
  limits.keepalive_ms_default = random.between(1000, 3000);
  limits.keepalive_ms_min = 1000;
  limits.keepalive_ms_max = 4000;
  limits.frame_deadline_ms = random.between(500, 2000);
  limits.slow_consumer_ms = random.between(200, 1500);
  limits.pause_lease_ms = random.between(30, 400);
  limits.senders_max = random.between(1, 6);
  // What some clients' queues hold fits, not what all could; and what they are without anything queued.
  if (random.chance(200)) limits.memory_bytes_max = limits.queue_bytes_max + random.below(192 << 10) + (24 << 10);
  if (random.chance(200)) limits.sessions_max = random.between(2, 5);
  return limits;
}

// A fifth of the runs has none of it: there, queues can be judged more strictly.
void draw_confirmed(Random& random, Scenario& scenario) {
  core::Limits& limits = scenario.limits;
  limits.ttl_ms_max = random.between(2'000, 9'000);
  limits.ack_timeout_ms = random.between(300, 3'000);
  limits.session_expiry_ms_max = random.between(1'000, 8'000);
  if (random.chance(500)) limits.receive_window_default = random.between(1, 64);
  if (random.chance(300)) limits.receive_window_bytes = random.between(1 << 10, 64 << 10);
  if (random.chance(500)) limits.send_window = random.between(1, 100);
  if (random.chance(300)) limits.send_window_bytes = random.between(1 << 10, 128 << 10);
  scenario.ttl_permille = random.between(0, 400);
  scenario.resume_permille = random.between(400, 950);
  scenario.restart_permille = random.between(100, 600);
  scenario.bad_resume_permille = random.between(0, 200);
  scenario.lazy_permille = random.between(0, 500);
  scenario.refuse_permille = random.between(0, 200);
  if (random.chance(200)) return;
  scenario.confirmed_permille = random.between(100, 950);
  if (random.chance(150)) return;
  scenario.expiry_permille = random.between(200, 1'000);
  if (random.chance(700)) scenario.cut_permille += random.between(5, 80);
}

void draw_machine(Random& random, Scenario& scenario) {
  scenario.to_broker_bytes = random.between(2 << 10, 64 << 10);
  scenario.to_client_bytes = random.between(1 << 10, 24 << 10);
  const bool slow_parcels = random.chance(300);
  scenario.parcel_delay_us_max = slow_parcels ? random.between(5'000, 80'000) : random.between(50, 3'000);
  const bool slow_credits = random.chance(400);
  scenario.credit_delay_us_max = slow_credits ? random.between(50'000, 400'000) : random.between(50, 3'000);
  scenario.hand_over_delay_us_max = random.between(50, 20'000);
  scenario.stall_permille = random.between(0, 10);
  scenario.short_write_permille = random.between(0, 100);
}

void draw_trouble(Random& random, Scenario& scenario) {
  // A calm run moves much data; a rough one seldom lives long enough to fill a queue.
  const uint32_t trouble = random.below(4);
  scenario.cut_permille = trouble * random.between(1, 8);
  scenario.leave_permille = trouble * random.between(1, 8);
  scenario.misdeed_permille = trouble * random.between(5, 50);
  scenario.freeze_permille = random.between(5, 60);
  const uint32_t longest = random.chance(300) ? 5 : 2;
  scenario.freeze_ms_max = random.between(50, longest * scenario.limits.slow_consumer_ms);
  scenario.ask_pending_permille = random.between(0, 400);
  scenario.ask_refused_permille = random.between(0, 40);
  scenario.take_over_permille = random.between(100, 600);
  scenario.ordered_permille = random.between(200, 900);
  scenario.storm = random.chance(150);
  scenario.stops = random.chance(300);
  scenario.stops_early = random.chance(50);
}

// Little at a time for somebody who does not read for long: his queue passes its high mark late.
void draw_drip(Random& random, Scenario& scenario) {
  scenario.limits.slow_consumer_ms = random.between(50, 150);
  scenario.step_us_max = random.between(20'000, 60'000);
  scenario.burst_max = random.between(2, 4);
  scenario.hot_permille = random.between(300, 700);
  scenario.large_permille = random.between(200, 500);
  scenario.freeze_permille = random.between(50, 150);
  scenario.freeze_ms_max = random.between(500, 3'000);
}

void draw_protection(Random& random, core::Limits& limits) {
  if (random.chance(150)) {
    limits.messages_per_second = random.between(5, 400);
    limits.messages_burst = random.chance(200) ? 0 : random.between(1, 60);
  }
  if (random.chance(100)) {
    limits.bytes_per_second = random.between(10'000, 400'000);
    limits.bytes_burst = random.chance(300) ? 0 : limits.frame_bytes_max + random.below(100'000);
  }
  if (random.chance(150)) limits.connection_age_ms_max = random.between(1'000, 10'000);
}

// Last, so that runs without it are drawn as before.
void draw_drain(Random& random, Scenario& scenario) {
  scenario.drains = !scenario.stops_early && random.chance(100);
  if (!scenario.drains) return;
  scenario.drain_grace_ms = random.between(50, 4'000);
  scenario.drain_spread_ms = random.chance(300) ? 0 : random.between(100, 10'000);
  scenario.drain_answer_permille = random.between(0, 1'000);
}

// The same.
void draw_credentials(Random& random, Scenario& scenario) {
  if (random.chance(300)) {
    scenario.expiring_permille = random.between(50, 600);
    scenario.renewal_permille = random.between(300, 1'000);
    scenario.renew_permille = random.between(20, 200);
    scenario.renew_refused_permille = random.between(0, 500);
  }
  if (random.chance(200)) {
    scenario.policy_ms_max = random.between(50, 1'500);
    scenario.revoke_permille = random.between(20, 300);
  }
}

// The same.
void draw_topics(Random& random, Scenario& scenario) {
  if (!random.chance(400)) return;
  scenario.topic_permille = random.between(100, 900);
  scenario.subscribe_permille = random.between(20, 300);
}

// The same.
void draw_services(Random& random, Scenario& scenario) {
  if (random.chance(400)) {
    scenario.service_permille = random.between(100, 900);
    scenario.serve_permille = random.between(10, 150);
    scenario.serves_permille = random.between(500, 950);
    scenario.retry_permille = random.between(0, 700);
  }
  if (!random.chance(400)) return;
  scenario.request_permille = random.between(100, 900);
  scenario.reply_us_max = random.chance(700) ? random.between(1'000, 100'000) : random.between(100'000, 3'000'000);
  scenario.mute_permille = random.between(0, 400);
}

// The same.
void draw_presence(Random& random, Scenario& scenario) {
  if (!random.chance(400)) return;
  scenario.watch_permille = random.between(20, 300);
  if (random.chance(700)) scenario.limits.presence_names_max = random.between(4, 10);
}

}  // namespace

Scenario draw_scenario(Random& random) {
  Scenario scenario;
  scenario.limits = draw_limits(random);
  scenario.shards = random.chance(120) ? 1 : random.between(2, 4);
  scenario.clients = random.between(4, 14);
  const uint32_t shared = random.below(scenario.clients / 2);
  scenario.names = scenario.clients - shared;
  scenario.messages = random.between(1000, 1400);
  scenario.connect_deadline_ms = random.between(200, 2000);
  scenario.hot_permille = random.between(100, 800);
  scenario.large_permille = random.between(20, 500);
  scenario.step_us_max = random.between(500, 20'000);
  scenario.burst_max = random.between(2, 24);
  draw_machine(random, scenario);
  draw_trouble(random, scenario);
  draw_confirmed(random, scenario);
  if (random.chance(80)) draw_drip(random, scenario);
  draw_protection(random, scenario.limits);
  draw_drain(random, scenario);
  draw_credentials(random, scenario);
  draw_topics(random, scenario);
  draw_services(random, scenario);
  draw_presence(random, scenario);
  return scenario;
}

}  // namespace onehop::sim
