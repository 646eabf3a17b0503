// The messages of one client: those that wait for room, in order for each recipient, and those that were sent on the
// present connection, to match outcomes with messages. The class knows no socket and no clock.
//
//   want ──► waiting ──► take_next ──► under way (if the system tells outcomes) ──► on_told
//               │  ▲          ▲ take: a message that need not wait
//       on_pause▼  │on_resume
//              parked: behind a paused recipient, without holding up messages to others
#pragma once

#include <cstdint>
#include <deque>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "loadgen/measure/ledger.h"
#include "loadgen/measure/recorder.h"

namespace onehop::loadgen {

// A message that the workload wants sent.
struct Wanted {
  uint32_t recipient = 0;
  uint64_t intended_ns = 0;
  uint32_t payload_bytes = 0;
  // These are for answers: the message that this one answers, as it arrived, and how long that message had waited to be
  // sent.
  bool answers = false;
  uint32_t wait_us = 0;
  uint64_t in_reply_to = 0;
  uint64_t in_reply_to_session = 0;
};

class Sender {
 public:
  Sender(uint32_t client, Ledger& ledger, Recorder& recorder) : client_(client), ledger_(ledger), recorder_(recorder) {}

  void want(const Wanted& wanted);
  // next() is the next message that may be sent, or nullptr. take_next() takes it and counts it as sent. It returns the
  // number in the stream, and in `id` the name of the message on this connection.
  const Wanted* next();
  uint32_t take_next(bool is_told_of, uint64_t& id);
  // Takes a message that is sent at once, without want(). Allowed only while lets_pass().
  uint32_t take(const Wanted& wanted, bool is_told_of, uint64_t& id);
  bool lets_pass() const { return waiting_.empty() && paused_until_.empty(); }

  void on_pause(uint32_t recipient, uint64_t until_ns) { paused_until_[recipient] = until_ns; }
  void on_resume(uint32_t recipient);
  // Resumes the recipients whose pause has lasted long enough.
  void on_time(uint64_t now_ns);
  bool has_paused() const { return !paused_until_.empty(); }

  // Returns false if these ids were not sent on this connection or were told before. Adds to `settled` how many
  // messages now have an outcome.
  bool on_told(uint64_t first_id, uint64_t last_id, client::Outcome outcome, std::string_view reason, uint64_t now_ns,
               uint64_t& settled);
  // No outcome will come for messages that are under way. Ids begin at 1 again.
  void on_connection_lost();
  // All messages that still wait become not_sent.
  void give_up();

  size_t waiting() const { return waiting_.size() + parked_count_; }
  // Includes the memory that it takes to remember the messages.
  uint64_t waiting_bytes() const { return waiting_bytes_; }
  // Messages that were sent and have no outcome yet.
  size_t untold() const { return untold_; }

 private:
  struct UnderWay {
    Stream stream = 0;
    uint64_t intended_ns = 0;
    uint32_t number = 0;
    bool told = false;
  };

  const uint32_t client_;
  Ledger& ledger_;
  Recorder& recorder_;
  std::deque<Wanted> waiting_;
  absl::flat_hash_map<uint32_t, uint64_t> paused_until_;
  absl::flat_hash_map<uint32_t, std::deque<Wanted>> parked_;
  size_t parked_count_ = 0;
  uint64_t waiting_bytes_ = 0;
  // The element for id is at id - oldest_id_.
  std::deque<UnderWay> under_way_;
  uint64_t oldest_id_ = 1;
  uint64_t next_id_ = 1;
  size_t untold_ = 0;
};

}  // namespace onehop::loadgen
