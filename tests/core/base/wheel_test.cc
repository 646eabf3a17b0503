// The wheel: no deadline comes early, none later than a tick, none is forgotten, however it was armed before.
#include "core/base/wheel.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

namespace onehop::core {
namespace {

std::vector<uint32_t> due_at(Wheel& wheel, uint64_t ms) {
  std::vector<uint32_t> due;
  wheel.advance({ms}, due);
  std::sort(due.begin(), due.end());
  return due;
}

TEST(Wheel, ADeadlineIsNeverEarlyAndAtMostATickLate) {
  for (uint64_t due_ms = 1; due_ms < 100; ++due_ms) {
    Wheel wheel;
    wheel.arm(3, {due_ms});
    uint64_t came = 0;
    for (uint64_t ms = 0; ms < 200 && came == 0; ++ms) {
      if (!due_at(wheel, ms).empty()) came = ms;
    }
    EXPECT_GE(came, due_ms);
    EXPECT_LT(came, due_ms + Wheel::kTickMs);
  }
}

TEST(Wheel, NextIsWhenToComeBack) {
  Wheel wheel;
  EXPECT_EQ(wheel.next(), Instant::never());
  wheel.arm(0, {100});
  EXPECT_GE(wheel.next().ms, 100u);
  EXPECT_LT(wheel.next().ms, 100 + Wheel::kTickMs);
  EXPECT_TRUE(due_at(wheel, wheel.next().ms - 1).empty());
  EXPECT_EQ(due_at(wheel, wheel.next().ms), std::vector<uint32_t>{0});
  EXPECT_EQ(wheel.next(), Instant::never());
}

TEST(Wheel, ADeadlineOfManyRoundsAheadWaitsForItsRound) {
  Wheel wheel;
  const uint64_t day_ms = 24 * 3'600'000;
  wheel.arm(7, {day_ms});
  uint64_t visits = 0;
  for (Instant now{1'000}; now.ms < day_ms; now = wheel.next()) {
    EXPECT_TRUE(due_at(wheel, now.ms).empty());
    ASSERT_LE(wheel.next().ms, day_ms + Wheel::kTickMs);
    ++visits;
  }
  EXPECT_LT(visits, 3'000u);  // About once a round.
  EXPECT_EQ(due_at(wheel, day_ms + Wheel::kTickMs), std::vector<uint32_t>{7});
}

TEST(Wheel, ALongSleepLeavesNothingBehind) {
  Wheel wheel;
  for (uint32_t i = 0; i < 5'000; ++i) wheel.arm(i, {i * 20});
  EXPECT_EQ(due_at(wheel, 10'000'000).size(), 5'000u);
}

TEST(Wheel, ArmingAgainReplacesAndArmingEarlierOnlyIfEarlier) {
  Wheel wheel;
  wheel.arm(1, {100});
  wheel.arm(1, {1'000});
  EXPECT_TRUE(due_at(wheel, 500).empty());
  wheel.arm_earlier(1, {2'000});
  wheel.arm_earlier(2, {2'000});
  EXPECT_EQ(due_at(wheel, 1'100), std::vector<uint32_t>{1});
  wheel.arm_earlier(2, {1'500});
  EXPECT_EQ(due_at(wheel, 1'600), std::vector<uint32_t>{2});
  wheel.arm(3, {1'700});
  wheel.arm(3, Instant::never());
  wheel.arm(4, {1'700});
  wheel.disarm(4);
  wheel.disarm(5'000);  // Never armed.
  EXPECT_TRUE(due_at(wheel, 5'000).empty());
}

TEST(Wheel, WhatIsDueAlreadyComesWithTheNextTick) {
  Wheel wheel;
  due_at(wheel, 10'000);
  wheel.arm(1, {5});
  EXPECT_LE(wheel.next().ms, 10'000 + 2 * Wheel::kTickMs);
  EXPECT_EQ(due_at(wheel, wheel.next().ms), std::vector<uint32_t>{1});
}

// From when on. A node keeps the low 32 bits of a tick, so the wheel passes the end of them.
class WheelFrom : public testing::TestWithParam<uint64_t> {};
INSTANTIATE_TEST_SUITE_P(, WheelFrom,
                         testing::Values(0, ((uint64_t{1} << 32) - 10'000) * Wheel::kTickMs,
                                         ((uint64_t{1} << 31) - 10'000) * Wheel::kTickMs));

TEST_P(WheelFrom, AnyHistoryAgreesWithASortedMap) {
  constexpr unsigned kSeed = 20231;
  SCOPED_TRACE(kSeed);
  std::mt19937 random(kSeed);
  Wheel wheel;
  std::map<uint32_t, uint64_t> expected;
  uint64_t now = GetParam();
  due_at(wheel, now);
  for (int turn = 0; turn < 20'000; ++turn) {
    const auto index = static_cast<uint32_t>(random() % 3'000);
    const uint64_t due_ms = now + random() % 120'000;
    switch (random() % 4) {
      case 0:
        wheel.disarm(index);
        expected.erase(index);
        break;
      case 1: {
        wheel.arm_earlier(index, {due_ms});
        const auto known = expected.find(index);
        if (known == expected.end() || known->second > due_ms) expected[index] = due_ms;
        break;
      }
      default:
        wheel.arm(index, {due_ms});
        expected[index] = due_ms;
        break;
    }
    now += random() % 40;
    for (const uint32_t came : due_at(wheel, now)) {
      ASSERT_TRUE(expected.contains(came));
      EXPECT_LE(expected[came], now);
      expected.erase(came);
    }
    // One millisecond of slack: within one tick the earlier of two deadlines counts as the same.
    for (const auto& [waiting, at] : expected) ASSERT_GT(at + 2 * Wheel::kTickMs, now) << waiting;
  }
}

}  // namespace
}  // namespace onehop::core
