// ReceiptLog: see the header.
#include "core/queue/receipt_log.h"

#include <algorithm>
#include <utility>

#include "core/wire/control_frames.h"

namespace onehop::core {
namespace {

// Room for so many fates is kept once they are told; a sender that had very many untold at once may never again.
constexpr size_t kUntoldKept = 64;

}  // namespace

void ReceiptLog::add(const FateOfIds& ids) {
  outcomes_ += ids.last_id - ids.first_id + 1;
  const size_t before = untold_.size();
  append_fate(untold_, ids);
  if (untold_.size() == before) return;
  untold_bytes_ += receipt_bytes(ids);
  fate_bytes_ += ids.text.size();
  count_held();
}

void ReceiptLog::count_held() {
  const size_t held = untold_.capacity() * sizeof(FateOfIds) + told_.capacity() * sizeof(Told) + fate_bytes_;
  totals_.receipt_bytes += held - held_bytes_;
  held_bytes_ = held;
}

size_t ReceiptLog::encode(OutputQueue& queue, SegmentPool& pool, v1::Frame& frame) {
  for (std::span<FateOfIds> left = untold_; !left.empty();) {
    const std::span<FateOfIds> now = left.first(receipts_per_frame(left));
    Told& told = told_.emplace_back();
    told.seq = ++last_seq_;
    told.fates.assign(std::make_move_iterator(now.begin()), std::make_move_iterator(now.end()));
    fate_bytes_ += now.size() * sizeof(FateOfIds);
    left = left.subspan(now.size());
  }
  untold_.clear();
  if (untold_.capacity() > kUntoldKept) std::vector<FateOfIds>().swap(untold_);
  untold_bytes_ = 0;
  count_held();
  size_t size = 0;
  for (; next_repeat_ != told_.size(); ++next_repeat_) {
    size += append_receipts(queue, pool, frame, told_[next_repeat_].fates, told_[next_repeat_].seq);
  }
  return size;
}

bool ReceiptLog::acknowledge(uint64_t up_to) {
  if (up_to > last_seq_) return false;
  for (; first_told_ != told_.size() && told_[first_told_].seq <= up_to; ++first_told_) {
    for (const FateOfIds& ids : std::exchange(told_[first_told_].fates, {})) {
      outcomes_ -= ids.last_id - ids.first_id + 1;
      fate_bytes_ -= sizeof(FateOfIds) + ids.text.size();
    }
  }
  next_repeat_ = std::max(next_repeat_, first_told_);
  drop_acknowledged();
  count_held();
  return true;
}

// Once they are at least half of all, so that each is moved about once.
void ReceiptLog::drop_acknowledged() {
  if (2 * first_told_ < told_.size()) return;
  told_.erase(told_.begin(), told_.begin() + static_cast<ptrdiff_t>(first_told_));
  if (told_.empty() && told_.capacity() > kUntoldKept) std::vector<Told>().swap(told_);
  next_repeat_ -= first_told_;
  first_told_ = 0;
}

}  // namespace onehop::core
