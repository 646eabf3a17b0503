// What the broker has to tell one client besides messages and outcomes: refusals, flow, pings, pongs, answers to
// subscriptions and watches, who is connected, and what became of a renewal of its credentials. It waits here, not yet
// encoded, until the connection's socket has taken what was encoded before: so it has room of its own that messages
// cannot fill, costs little while it waits, and ranges grow as refusals come.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/base/account.h"
#include "core/base/bytes.h"
#include "core/base/counters.h"
#include "core/base/instant.h"
#include "core/queue/presence_feed.h"
#include "core/wire/fate.h"
#include "core/wire/output_queue.h"
#include "onehop/v1/onehop.pb.h"

namespace onehop::core {

// Whom a Flow is about.
struct FlowTarget {
  Bytes name;
  bool is_service = false;  // Otherwise a client.
};

class PendingControl {
 public:
  explicit PendingControl(Counters& totals) : account_(totals.state_bytes) { count_held(); }

  // Refusals of messages that were not to be confirmed: told once, not numbered, not kept.
  void add_refusal(const FateOfIds& ids) {
    append_fate(refusals_, ids);
    count_held();
  }
  void add_flow(const FlowTarget& target, v1::State state, uint32_t retry_after_ms);
  // The latest wins, as it does on the wire.
  void set_ping(uint64_t nonce);
  void set_pong(uint64_t nonce);
  // Only if has_renewed() is false. Reason 0: renewed, and `expires_in_ms` is 0 if the credentials do not end.
  void set_renewed(v1::Reason reason, uint32_t expires_in_ms);
  bool has_renewed() const { return has_renewed_; }
  // The answer to a subscribe or an unsubscribe.
  void add_subscribed(uint64_t ref, v1::Reason reason, uint32_t retry_after_ms);
  // The answer to a watch that is refused, or to one that has ended. Reason 0: its client has stopped it.
  void add_watch_ended(uint64_t ref, v1::Reason reason);
  // The next encode() takes everything out of this feed, which lives until then; null: out of none.
  void set_presence(PresenceFeed* feed) { presence_ = feed; }
  bool has_presence() const { return presence_ != nullptr; }

  bool empty() const {
    return refusals_.empty() && other_bytes_ == 0 && !has_ping_ && !has_pong_ && !has_renewed_ && presence_ == nullptr;
  }
  // Whether it holds memory that refusals and flow to come can use again.
  bool keeps_room() const { return refusals_.capacity() != 0 || flows_.capacity() != 0; }
  // What it takes of the broker's memory.
  size_t held_bytes() const { return account_.bytes(); }
  // About how many bytes of refusals, flow and answers wait. Of presence it is others who decide how much there is.
  size_t bytes() const { return refusals_.size() * kRefusalBytes + other_bytes_; }

  // Encodes all of it behind what the queue holds; a pong comes last. Returns the bytes queued. `frame` is scratch.
  size_t encode(OutputQueue& queue, SegmentPool& pool, v1::Frame& frame, Instant now = {});

 private:
  struct PendingFlow {
    std::string name;
    bool is_service;
    v1::State state;
    uint32_t retry_after_ms;
  };
  struct Answer {
    uint64_t ref;
    v1::Reason reason;
    uint32_t retry_after_ms;
    bool is_watch = false;
  };
  size_t encode_answers(OutputQueue& queue, SegmentPool& pool, v1::Frame& frame);
  void count_held() {
    account_.set(sizeof *this + refusals_.capacity() * sizeof(FateOfIds) + flows_.capacity() * sizeof(PendingFlow) +
                 (answers_ == nullptr ? 0 : answers_->capacity() * sizeof(Answer)) + other_bytes_);
  }

  static constexpr size_t kFlowBytes = 12;     // Typical, encoded, without the name.
  static constexpr size_t kRefusalBytes = 20;  // Typical, encoded.
  static constexpr size_t kAnswerBytes = 8;    // The same.

  Account account_;
  std::vector<FateOfIds> refusals_;
  std::vector<PendingFlow> flows_;
  std::unique_ptr<std::vector<Answer>> answers_;  // To subscribes, unsubscribes, watches; null: there are none.
  PresenceFeed* presence_ = nullptr;
  size_t other_bytes_ = 0;  // About what flow and answers take, encoded; 0: there are none.
  uint64_t ping_nonce_ = 0;
  uint64_t pong_nonce_ = 0;
  uint32_t expires_in_ms_ = 0;
  uint8_t renewed_reason_ = v1::REASON_UNSPECIFIED;  // A v1::Reason.
  bool has_renewed_ = false;
  bool has_ping_ = false;
  bool has_pong_ = false;
};

}  // namespace onehop::core
