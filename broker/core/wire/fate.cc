// Fates: see the header.
#include "core/wire/fate.h"

#include "core/wire/control_frames.h"

namespace onehop::core {

void append_fate(std::vector<FateOfIds>& fates, const FateOfIds& ids) {
  if (!fates.empty()) {
    FateOfIds& last = fates.back();
    if (last.last_id + 1 == ids.first_id && last.fate == ids.fate && last.text == ids.text) {
      last.last_id = ids.last_id;
      return;
    }
  }
  fates.push_back(ids);
}

size_t receipts_per_frame(std::span<const FateOfIds> fates) {
  // Everything but the text: two ids, three enums and numbers with their tags, and the receipt's own.
  constexpr size_t kLongestWithoutText = 52;
  constexpr size_t kFrameBytes = 15 << 10;
  size_t bytes = 0;
  size_t count = 0;
  for (; count < fates.size(); ++count) {
    bytes += kLongestWithoutText + fates[count].text.size();
    if (bytes > kFrameBytes) break;
  }
  return count;
}

size_t append_receipts(OutputQueue& queue, SegmentPool& pool, v1::Frame& frame, std::span<const FateOfIds> fates,
                       uint64_t seq) {
  v1::Receipts& receipts = *frame.mutable_receipts();
  receipts.clear_items();
  receipts.set_seq(seq);
  for (const FateOfIds& ids : fates) {
    v1::Receipt& item = *receipts.add_items();
    item.set_first_id(ids.first_id);
    item.set_last_id(ids.last_id);
    item.set_outcome(ids.fate.outcome);
    item.set_reason(ids.fate.reason);
    item.set_attempted(ids.fate.attempted);
    if (ids.fate.is_sum) {
      item.set_reached(ids.fate.reached());
      item.set_missed(ids.fate.missed());
    } else {
      item.set_retry_after_ms(ids.fate.retry_after_ms);
      item.set_code(ids.fate.code);
    }
    item.set_text(ids.text);
  }
  return append_frame(queue, pool, frame);
}

}  // namespace onehop::core
