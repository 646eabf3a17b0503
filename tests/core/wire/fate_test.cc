// Fates: which of them are told as one range.
#include "core/wire/fate.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace onehop::core {
namespace {

constexpr Fate kDelivered{v1::OUTCOME_DELIVERED, v1::REASON_UNSPECIFIED, 0, 0, true};

// Every fate that differs from kDelivered in one thing.
std::vector<Fate> others() {
  std::vector<Fate> fates(5, kDelivered);
  fates[0].outcome = v1::OUTCOME_EXPIRED;
  fates[1].reason = v1::REASON_QUEUE_FULL;
  fates[2].retry_after_ms = 1;
  fates[3].code = 1;
  fates[4].attempted = false;
  return fates;
}

TEST(Fate, ARangeGrowsWhereItGoesOnAndNowhereElse) {
  std::vector<FateOfIds> fates;
  append_fate(fates, {5, 6, kDelivered, {}});
  append_fate(fates, {7, 9, kDelivered, {}});
  ASSERT_EQ(fates.size(), 1u);
  EXPECT_EQ(fates[0].first_id, 5u);
  EXPECT_EQ(fates[0].last_id, 9u);
  append_fate(fates, {11, 11, kDelivered, {}});
  EXPECT_EQ(fates.size(), 2u) << "a gap";
  append_fate(fates, {10, 10, kDelivered, {}});
  EXPECT_EQ(fates.size(), 3u) << "only behind the last";
  append_fate(fates, {11, 11, kDelivered, "text"});
  EXPECT_EQ(fates.size(), 4u);
  uint64_t id = 11;
  for (const Fate& other : others()) {
    append_fate(fates, {++id, id, kDelivered, {}});
    const size_t before = fates.size();
    append_fate(fates, {++id, id, other, {}});
    EXPECT_EQ(fates.size(), before + 1);
  }
}

TEST(Receipt, GoesOnOnlyWithTheSameOfTheSame) {
  const Receipt first{{Origin::Kind::kSession, 0, 1, 0, {2, 3}}, {}, false, true, 50, {4, 6, kDelivered, {}}};
  Receipt next = first;
  next.ids.first_id = next.ids.last_id = 7;
  EXPECT_TRUE(first.goes_on_with(next));
  Receipt whole = first;
  whole.absorb(next.ids.last_id, next.frame_bytes);
  EXPECT_EQ(whole.ids.last_id, 7u);
  EXPECT_EQ(whole.frame_bytes, 100u);

  Receipt other = next;
  other.ids.first_id = 8;
  EXPECT_FALSE(first.goes_on_with(other));
  other = next;
  other.sender.session.generation = 4;
  EXPECT_FALSE(first.goes_on_with(other));
  other = next;
  other.confirmed = false;
  EXPECT_FALSE(first.goes_on_with(other));
  other = next;
  other.gate_closed = true;
  EXPECT_FALSE(first.goes_on_with(other));
  other = next;
  other.ids.text = "x";
  EXPECT_FALSE(first.goes_on_with(other));
  for (const Fate& fate : others()) {
    other = next;
    other.ids.fate = fate;
    EXPECT_FALSE(first.goes_on_with(other));
  }
  EXPECT_FALSE(Receipt{}.goes_on_with(next)) << "no receipt yet";
}

TEST(ReceiptFrames, AFrameTakesManyShortOnesAndFewLongOnes) {
  const std::vector<FateOfIds> few(3, {1, 1, kDelivered, {}});
  EXPECT_EQ(receipts_per_frame(few), 3u);
  const std::vector<FateOfIds> many(5'000, {1, 1, kDelivered, {}});
  EXPECT_GE(receipts_per_frame(many), 256u);
  const std::vector<FateOfIds> long_ones(5'000, {1, 1, kDelivered, std::string(256, 'x')});
  EXPECT_GE(receipts_per_frame(long_ones), 40u);
  EXPECT_LE(receipts_per_frame(long_ones), 60u);
}

}  // namespace
}  // namespace onehop::core
