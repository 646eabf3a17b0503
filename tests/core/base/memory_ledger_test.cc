// MemoryLedger: the stages in order, shares that fit, turns that come one at a time.
#include "core/base/memory_ledger.h"

#include <gtest/gtest.h>

namespace onehop::core::test {
namespace {

TEST(MemoryLedger, StagesComeInOrderAndOneShardSeesEachChange) {
  MemoryLedger ledger(8'000, 2);
  EXPECT_FALSE(ledger.publish(0, 3'000, 3'000, 0).began);
  EXPECT_FALSE(ledger.publish(1, 3'999, 3'999, 0).began);
  EXPECT_EQ(ledger.stage(), MemoryStage::kFree);
  const MemoryLedger::Look refusing = ledger.publish(1, 4'000, 4'000, 0);
  EXPECT_EQ(refusing.stage, MemoryStage::kRefusing);
  EXPECT_TRUE(refusing.began);
  EXPECT_FALSE(ledger.publish(0, 3'000, 3'000, 0).began);
  EXPECT_EQ(ledger.publish(0, 4'000, 4'000, 0).stage, MemoryStage::kEnding);
  EXPECT_EQ(ledger.total(), 8'000u);
}

TEST(MemoryLedger, ItRefusesUntilAQuarterIsFree) {
  MemoryLedger ledger(8'000, 1);
  ledger.publish(0, 7'500, 7'500, 0);
  EXPECT_EQ(ledger.publish(0, 6'500, 6'500, 0).stage, MemoryStage::kRefusing);
  EXPECT_EQ(ledger.publish(0, 6'000, 6'000, 0).stage, MemoryStage::kRefusing);
  const MemoryLedger::Look free = ledger.publish(0, 5'999, 5'999, 0);
  EXPECT_EQ(free.stage, MemoryStage::kFree);
  EXPECT_TRUE(free.ended);
  EXPECT_EQ(ledger.publish(0, 6'500, 6'500, 0).stage, MemoryStage::kFree);
}

TEST(MemoryLedger, WhatShardsMayAddFitsForAllOfThem) {
  MemoryLedger ledger(80'000, 4);
  uint64_t used[4] = {};
  for (int round = 0; round < 100; ++round) {
    uint64_t share[4];
    for (ShardIndex shard = 0; shard < 4; ++shard) ledger.publish(shard, used[shard], used[shard], 0);
    for (ShardIndex shard = 0; shard < 4; ++shard)
      share[shard] = ledger.publish(shard, used[shard], used[shard], 0).share;
    for (ShardIndex shard = 0; shard < 4; ++shard) used[shard] += share[shard];
  }
  EXPECT_GE(used[0] + used[1] + used[2] + used[3], 69'000u);
  EXPECT_LE(used[0] + used[1] + used[2] + used[3], 70'000u + 400);
}

TEST(MemoryLedger, TheShardThatHoldsMostHasItsTurnOneAtATime) {
  MemoryLedger ledger(10'000, 3);
  ledger.publish(0, 2'000, 2'000, 0);
  ledger.publish(1, 5'000, 5'000, 0);
  EXPECT_EQ(ledger.take_turn(Instant{100}), std::nullopt) << "there is room";
  ledger.publish(2, 4'000, 4'000, 0);
  EXPECT_EQ(ledger.take_turn(Instant{100}), 1);
  EXPECT_EQ(ledger.take_turn(Instant{1'000}), std::nullopt) << "it is under way";
  ledger.publish(1, 3'500, 3'500, 0);
  EXPECT_EQ(ledger.publish(2, 4'600, 4'600, 0).stage, MemoryStage::kEnding);
  ledger.end_turn(Instant{1'000});
  EXPECT_EQ(ledger.take_turn(Instant{1'001}), std::nullopt) << "it was just now";
  EXPECT_EQ(ledger.take_turn(Instant{1'002}), 2);
  ledger.publish(2, 100, 100, 0);
  ledger.end_turn(Instant{1'002});
  EXPECT_EQ(ledger.take_turn(Instant{2'000}), std::nullopt) << "there is room again";
}

TEST(MemoryLedger, ASmallerLimitHoldsFromTheNextLookOn) {
  MemoryLedger ledger(10'000, 1);
  EXPECT_EQ(ledger.publish(0, 5'000, 5'000, 0).stage, MemoryStage::kFree);
  ledger.set_bytes_max(5'000);
  EXPECT_EQ(ledger.publish(0, 5'000, 5'000, 0).stage, MemoryStage::kEnding);
  ledger.set_bytes_max(100'000);
  EXPECT_EQ(ledger.publish(0, 5'000, 5'000, 0).stage, MemoryStage::kFree);
}

TEST(MemoryLedger, ThoseThatAreAwayHaveHalf) {
  MemoryLedger ledger(8'000, 2);
  ledger.publish(0, 3'000, 3'000, 3'000);
  ledger.publish(1, 3'000, 3'000, 999);
  EXPECT_FALSE(ledger.away_is_full());
  ledger.publish(1, 3'000, 3'000, 1'000);
  EXPECT_TRUE(ledger.away_is_full());
  EXPECT_TRUE(ledger.holds_much_for_away(3'000));
  EXPECT_FALSE(ledger.holds_much_for_away(1'000)) << "less than its part";
  ledger.publish(0, 2'000, 2'000, 2'000);
  EXPECT_FALSE(ledger.away_has_freed_enough());
  ledger.publish(0, 1'000, 1'000, 1'000);
  EXPECT_TRUE(ledger.away_has_freed_enough());
}

// Also of a shard that has slept meanwhile: one that looks tells it.
TEST(MemoryLedger, RefusingForTooLongEndsClientsUntilItIsOver) {
  const Instant begin{1'000};
  MemoryLedger ledger(8'000, 2);
  ledger.publish(1, 7'100, 7'100, 0);
  ledger.watch(begin);
  ledger.watch(begin + 1'000);
  const Instant late = begin + MemoryLedger::kRefusingMsMax;
  EXPECT_FALSE(ledger.must_end(begin + (MemoryLedger::kRefusingMsMax - 1)));
  EXPECT_EQ(ledger.take_turn(begin + 2'000), std::nullopt);
  EXPECT_TRUE(ledger.must_end(late));
  EXPECT_EQ(ledger.take_turn(late), ShardIndex{1});
  ledger.publish(1, 5'100, 5'100, 0);
  EXPECT_FALSE(ledger.has_freed_enough(late)) << "it would soon be short again";
  ledger.publish(1, 4'900, 4'900, 0);
  EXPECT_TRUE(ledger.has_freed_enough(late));
  ledger.watch(late);
  EXPECT_FALSE(ledger.must_end(late));
}

}  // namespace
}  // namespace onehop::core::test
