// What became of a message, and how receipts say it.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/base/ids.h"
#include "core/wire/output_queue.h"
#include "onehop/v1/onehop.pb.h"

namespace onehop::core {

struct Fate {
  v1::Outcome outcome = v1::OUTCOME_REJECTED;
  v1::Reason reason = v1::REASON_UNSPECIFIED;
  uint32_t retry_after_ms = 0;
  uint32_t code = 0;  // The recipient's, with REFUSED_BY_RECIPIENT.
  bool attempted : 1 = false;
  // It sums up what became of a message to a topic. Then the two numbers above are how many subscribers acknowledged it
  // and how many did not, so that the fate of a message to a client is not larger for it.
  bool is_sum : 1 = false;

  uint32_t reached() const { return is_sum ? retry_after_ms : 0; }
  uint32_t missed() const { return is_sum ? code : 0; }

  friend bool operator==(const Fate&, const Fate&) = default;
};

// One fate, shared by the ids from `first_id` to `last_id`.
struct FateOfIds {
  uint64_t first_id = 0;
  uint64_t last_id = 0;
  Fate fate;
  std::string text;  // The recipient's, with REFUSED_BY_RECIPIENT.
};

// A fate on its way to the sender.
struct Receipt {
  Origin sender;
  Origin recipient;          // With `gate_closed`.
  bool gate_closed = false;  // With this refusal the sender's gate at `recipient` closed.
  bool confirmed = false;    // The messages wanted an outcome; otherwise it is a refusal, told once.
  uint64_t frame_bytes = 0;  // The sum of their frames: what the sender's window gets back.
  FateOfIds ids;
  uint64_t recipient_hash = 0;  // Of its name, with `gate_closed`.

  // Whether `next` can be told as part of this one.
  bool goes_on_with(const Receipt& next) const {
    return confirmed == next.confirmed && !next.gate_closed &&
           goes_on_with(next.sender, next.ids.first_id, next.ids.fate, next.ids.text);
  }
  // The same for one message, confirmed as these, for which no receipt has been made yet.
  bool goes_on_with(const Origin& whose, uint64_t id, const Fate& fate, Bytes text) const {
    return ids.last_id + 1 == id && sender == whose && ids.fate == fate && ids.text == text;
  }
  void absorb(uint64_t last_id, uint64_t bytes) {
    ids.last_id = last_id;
    frame_bytes += bytes;
  }
};

// About how many bytes a receipt takes, encoded.
inline size_t receipt_bytes(const FateOfIds& ids) {
  constexpr size_t kTypicalWithoutText = 20;
  return kTypicalWithoutText + ids.text.size();
}
// How many of them, from the first, make a frame of receipts: it stays below a client's smallest frame limit.
size_t receipts_per_frame(std::span<const FateOfIds> fates);

// Adds ids behind the others; where they go on with the same fate, the last range grows.
void append_fate(std::vector<FateOfIds>& fates, const FateOfIds& ids);
// Queues a frame of receipts. Returns the bytes queued. `frame` is scratch.
size_t append_receipts(OutputQueue& queue, SegmentPool& pool, v1::Frame& frame, std::span<const FateOfIds> fates,
                       uint64_t seq);

}  // namespace onehop::core
