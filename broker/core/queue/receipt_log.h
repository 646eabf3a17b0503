// What one sender's session has yet to learn of its confirmed messages: outcomes that are decided, until the client has
// acknowledged the numbered frame of receipts that told them. It outlives connections; it is bounded by the send
// window. What it takes is counted in the shard's totals as well (Counters::receipt_bytes).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/base/counters.h"
#include "core/wire/fate.h"
#include "core/wire/output_queue.h"
#include "onehop/v1/onehop.pb.h"

namespace onehop::core {

class ReceiptLog {
 public:
  explicit ReceiptLog(Counters& totals) : totals_(totals) {}
  ReceiptLog(const ReceiptLog&) = delete;
  ReceiptLog& operator=(const ReceiptLog&) = delete;
  ~ReceiptLog() { totals_.receipt_bytes -= held_bytes_; }

  void add(const FateOfIds& ids);
  bool has_untold() const { return !untold_.empty() || next_repeat_ != told_.size(); }
  // About how many bytes wait to be encoded.
  size_t untold_bytes() const { return untold_bytes_; }
  // What it takes of the broker's memory.
  size_t held_bytes() const { return held_bytes_; }
  // Outcomes whose receipts are not acknowledged, told or not.
  uint64_t outcomes() const { return outcomes_; }

  // Encodes what is to be told: first, after repeat(), what was told before under the same numbers, then the rest under
  // new ones. Returns the bytes queued. `frame` is scratch.
  size_t encode(OutputQueue& queue, SegmentPool& pool, v1::Frame& frame);
  // The client has every frame up to this number. False if there never was such a number.
  bool acknowledge(uint64_t up_to);
  // The highest number given so far.
  uint64_t last_seq() const { return last_seq_; }
  // The client has come back: what it has not acknowledged is told again.
  void repeat() { next_repeat_ = first_told_; }

 private:
  void drop_acknowledged();
  void count_held();

  struct Told {
    uint64_t seq;
    std::vector<FateOfIds> fates;
  };

  Counters& totals_;
  size_t held_bytes_ = 0;  // As it is in the totals.
  size_t fate_bytes_ = 0;  // Of it: fates in told_, and all texts.
  std::vector<FateOfIds> untold_;
  size_t untold_bytes_ = 0;
  // In the order of seq, without gaps, those before first_told_ being acknowledged. A deque would take 600 bytes of
  // every sender as soon as it is made.
  std::vector<Told> told_;
  size_t first_told_ = 0;
  size_t next_repeat_ = 0;
  uint64_t last_seq_ = 0;
  uint64_t outcomes_ = 0;
};

}  // namespace onehop::core
