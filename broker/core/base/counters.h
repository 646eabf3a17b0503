// What a shard counts. Plain numbers of one thread; the host copies them where others can see them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace onehop::core {

// onehop.v1.Reason has 14 values with 0.
inline constexpr size_t kReasons = 14;

// onehop.v1.Outcome goes up to 8.
inline constexpr size_t kOutcomes = 9;

struct Counters {
  uint64_t links = 0;     // Now.
  uint64_t sessions = 0;  // Now.
  uint64_t sessions_opened = 0;
  uint64_t takeovers = 0;
  uint64_t connects_refused = 0;
  uint64_t connects_refused_full = 0;  // Those for which there was no place, or no memory.
  uint64_t sessions_evicted = 0;       // Away and holding nothing, they made place for newcomers.
  uint64_t hand_overs = 0;
  uint64_t messages_received = 0;  // From clients of this shard.
  uint64_t messages_admitted = 0;  // Queued for a connection, or for a session that waits.
  uint64_t topic_messages = 0;     // Sent to a topic of this shard, and not refused.
  uint64_t topic_copies = 0;       // Those of messages_admitted that came of a topic.
  uint64_t topic_skips = 0;        // Copies for which there was no room.
  uint64_t presence_restarts = 0;  // Times that too much waited for a watcher, which then got new snapshots.
  uint64_t messages_redelivered = 0;
  uint64_t messages_expired = 0;               // Unconfirmed ones that waited too long.
  std::array<uint64_t, kOutcomes> outcomes{};  // Of confirmed messages that were admitted, by v1::Outcome.
  uint64_t sessions_resumed = 0;
  uint64_t messages_dropped = 0;                      // Unconfirmed: queued, then lost with the connection.
  std::array<uint64_t, kReasons> messages_refused{};  // By reason, at this shard; told or, without an id, only counted.
  uint64_t bytes_received = 0;
  uint64_t bytes_sent = 0;
  uint64_t pauses_told = 0;
  uint64_t resumes_told = 0;
  uint64_t gates_closed = 0;
  uint64_t parcels_posted = 0;
  uint64_t reading_stopped = 0;  // Times a link waited for credit or for its own receipts to go out.
  uint64_t stale_acks = 0;       // Acks that named another session.
  uint64_t queued_bytes = 0;     // Now, in all output queues, and waiting in backlogs.
  uint64_t open_bytes = 0;       // Now, of deliveries that are sent and not settled.
  uint64_t waiting_bytes = 0;    // Now, those of queued_bytes that wait in backlogs.
  uint64_t spare_bytes = 0;      // Now, held by backlogs and output queues beside what waits, is queued and is open.
  uint64_t state_bytes = 0;      // Now, of long names, of senders and gates, and of control frames that wait.
  uint64_t away_bytes = 0;       // Now, of all of these, what sessions that are away hold.
  uint64_t decoder_bytes = 0;    // Now, of frames that are not all there, or wait to be decoded.
  uint64_t receipt_bytes = 0;    // Now, of outcomes that senders have not acknowledged.
  uint64_t transport_bytes = 0;  // What the transports of connections held when the host last said so.
  uint64_t memory_bytes = 0;     // What this shard held when it last looked.
  uint64_t memory_stage = 0;     // As MemoryStage, of all shards, then.
  uint64_t memory_ended = 0;     // Clients that were ended for want of memory.
  uint64_t connections_aged = 0;
  uint64_t credentials_expired = 0;  // Connections that ended because their credentials did.
  uint64_t renewals_accepted = 0;
  uint64_t renewals_refused = 0;
  uint64_t renewals_undecided = 0;  // The host could not say.
  uint64_t sessions_revoked = 0;    // Ended because a change of the policy covers them no more.

  std::array<uint64_t, kReasons> messages_lost{};  // Those of `outcomes`, by reason.

  // What is held now and goes when clients do, beside what they take by being there.
  uint64_t held_bytes() const {
    return queued_bytes + open_bytes + spare_bytes + decoder_bytes + receipt_bytes + state_bytes;
  }

  // By v1::Outcome.
  void count_outcome(int outcome) { ++outcomes[static_cast<size_t>(outcome)]; }
  void count_lost(int reason) { ++messages_lost[static_cast<size_t>(reason)]; }
  void count_refused(int reason) { ++messages_refused[static_cast<size_t>(reason)]; }
};

}  // namespace onehop::core
