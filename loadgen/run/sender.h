// What one client has to send: messages that wait for room, in order for each recipient, and what was sent on the
// present connection, for outcomes to be matched with. Knows no socket and no clock.
//
//   want ──► waiting ──► take_next ──► under way (if the system tells outcomes) ──► on_told
//               │  ▲          ▲ take: what need not wait
//       on_pause▼  │on_resume
//              parked: behind a recipient that is paused; nobody else waits for it
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
  // Of an answer: the message it answers, as it came, and how long that one had waited to be sent.
  bool answers = false;
  uint32_t wait_us = 0;
  uint64_t in_reply_to = 0;
  uint64_t in_reply_to_session = 0;
};

class Sender {
 public:
  Sender(uint32_t client, Ledger& ledger, Recorder& recorder) : client_(client), ledger_(ledger), recorder_(recorder) {}

  void want(const Wanted& wanted);
  // The next that may be sent, or nullptr. take_next() takes it, and counts it as sent: returns its number in its
  // stream, and in `id` what it is called on this connection.
  const Wanted* next();
  uint32_t take_next(bool is_told_of, uint64_t& id);
  // A message that was not told to want() and is sent now; only while nothing waits and nobody is paused.
  uint32_t take(const Wanted& wanted, bool is_told_of, uint64_t& id);
  bool lets_pass() const { return waiting_.empty() && paused_until_.empty(); }

  void on_pause(uint32_t recipient, uint64_t until_ns) { paused_until_[recipient] = until_ns; }
  void on_resume(uint32_t recipient);
  // Resumes whom nothing was said of for long enough.
  void on_time(uint64_t now_ns);
  bool has_paused() const { return !paused_until_.empty(); }

  // False: these ids were not sent on this connection, or were told before. Returns in `settled` how many have left.
  bool on_told(uint64_t first_id, uint64_t last_id, client::Outcome outcome, std::string_view reason, uint64_t now_ns,
               uint64_t& settled);
  // Of what was under way nothing will be told any more. Ids begin at 1 again.
  void on_connection_lost();
  // What still waits is not_sent.
  void give_up();

  size_t waiting() const { return waiting_.size() + parked_count_; }
  // With what remembering them takes.
  uint64_t waiting_bytes() const { return waiting_bytes_; }
  // Messages sent that nothing was told of so far.
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
  // By id, from oldest_id_.
  std::deque<UnderWay> under_way_;
  uint64_t oldest_id_ = 1;
  uint64_t next_id_ = 1;
  size_t untold_ = 0;
};

}  // namespace onehop::loadgen
