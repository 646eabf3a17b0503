// Tests what is lost, doubled and late after a command, with figures computed by hand.
#include "loadgen/measure/aftermath.h"

#include <gtest/gtest.h>

#include "loadgen/measure/quantity.h"

namespace onehop::loadgen {
namespace {

constexpr uint64_t kStart = 50'000 * kMs;  // The start of the run on some clock.
constexpr uint64_t kOnTime = 100 * kMs;

// A run of ten seconds with a message every 10 ms. `arrival` says when the message arrives that is due at a time of the
// run; 0 means never.
template <class Arrival>
Aftermath run_of(uint64_t first_command_ms, Arrival&& arrival) {
  Aftermath aftermath;
  aftermath.begin(kStart + first_command_ms * kMs, kOnTime);
  for (uint64_t due_ms = 0; due_ms < 10'000; due_ms += 10) {
    aftermath.note_due(kStart + due_ms * kMs);
    const uint64_t arrived_ms = arrival(due_ms);
    if (arrived_ms != 0) aftermath.note_arrival(kStart + due_ms * kMs, kStart + arrived_ms * kMs);
  }
  return aftermath;
}

CommandResult judged(const Aftermath& aftermath, uint64_t at_ms, uint64_t until_ms = 10'000) {
  CommandResult result;
  aftermath.judge(kStart + at_ms * kMs, kStart + until_ms * kMs, result);
  return result;
}

TEST(Aftermath, NothingHappened) {
  const auto result = judged(run_of(2'030, [](uint64_t due_ms) { return due_ms + 100; }), 2'030);
  EXPECT_EQ(result.lost, 0u);
  EXPECT_EQ(result.doubled, 0u);
  EXPECT_EQ(result.recovery_s, 0.0);
}

TEST(Aftermath, AfterAFreezeAllHasRecoveredWhenTheLastLateOneIsThere) {
  // The target stands still from 2.0 s to 2.7 s, and has worked off the backlog at 2.75 s.
  const auto aftermath = run_of(2'000, [](uint64_t due_ms) {
    return due_ms >= 2'000 && due_ms < 2'700 ? 2'700 + (due_ms - 2'000) / 14 : due_ms + 1;
  });
  const auto result = judged(aftermath, 2'000);
  EXPECT_EQ(result.lost, 0u);
  // The last message that was late by more than 100 ms was due at 2.63 s.
  ASSERT_TRUE(result.recovery_s);
  EXPECT_NEAR(*result.recovery_s, 0.745, 0.006);
}

TEST(Aftermath, WhileMessagesAreLostItHasNotRecovered) {
  // No message that is due from 3.0 s to 4.2 s arrives. All others arrive at once.
  const auto aftermath =
      run_of(3'000, [](uint64_t due_ms) { return due_ms >= 3'000 && due_ms < 4'200 ? 0 : due_ms + 1; });
  const auto result = judged(aftermath, 3'000);
  EXPECT_EQ(result.lost, 120u);
  ASSERT_TRUE(result.recovery_s);
  EXPECT_DOUBLE_EQ(*result.recovery_s, 1.2);
}

TEST(Aftermath, WhatDoesNotKeepUpByTheEndHasNotRecovered) {
  EXPECT_FALSE(
      judged(run_of(3'000, [](uint64_t due_ms) { return due_ms < 9'990 ? due_ms + 1 : 0; }), 3'000).recovery_s);
  EXPECT_FALSE(judged(run_of(3'000, [](uint64_t due_ms) { return due_ms + 600; }), 3'000).recovery_s);
}

TEST(Aftermath, LossesBeforeTheCommandAreNotItsDoing) {
  const auto lost_at = [](uint64_t lost_ms) {
    return run_of(3'000, [=](uint64_t due_ms) { return due_ms == lost_ms ? 0 : due_ms + 1; });
  };
  EXPECT_EQ(judged(lost_at(2'890), 3'000).lost, 0u);
  EXPECT_EQ(judged(lost_at(2'910), 3'000).lost, 1u);  // It may have been under way.
  EXPECT_EQ(judged(lost_at(9'000), 3'000).lost, 1u);
}

TEST(Aftermath, DoublesCountFromTheCommandOn) {
  Aftermath aftermath = run_of(3'000, [](uint64_t due_ms) { return due_ms + 1; });
  aftermath.note_double(kStart + 2'950 * kMs);
  aftermath.note_double(kStart + 3'010 * kMs);
  aftermath.note_double(kStart + 12'000 * kMs);  // This arrives in the drain.
  EXPECT_EQ(judged(aftermath, 3'000).doubled, 2u);
}

TEST(Aftermath, EachCommandHasItsTimeUntilTheNext) {
  // The damage of the first command lasts until 3.5 s, that of the second from 5.0 s to the end.
  const auto aftermath = run_of(3'000, [](uint64_t due_ms) {
    if (due_ms >= 3'000 && due_ms < 3'500) return uint64_t{3'500};
    return due_ms >= 5'000 ? 0 : due_ms + 1;
  });
  const auto first = judged(aftermath, 3'000, 5'000);
  ASSERT_TRUE(first.recovery_s);
  EXPECT_DOUBLE_EQ(*first.recovery_s, 0.5);
  EXPECT_EQ(first.lost, 500u);  // All losses from then on count, whatever caused them.
  EXPECT_FALSE(judged(aftermath, 5'000, 10'000).recovery_s);
}

TEST(Aftermath, ThreadsAddUp) {
  Aftermath one = run_of(3'000, [](uint64_t due_ms) { return due_ms == 4'000 ? 0 : due_ms + 1; });
  Aftermath other = run_of(3'000, [](uint64_t due_ms) { return due_ms == 4'500 ? due_ms + 300 : due_ms + 1; });
  one.note_double(kStart + 5'000 * kMs);
  other.note_double(kStart + 5'000 * kMs);
  Aftermath sum;
  sum.add(one);
  sum.add(other);
  const auto result = judged(sum, 3'000);
  EXPECT_EQ(result.lost, 1u);
  EXPECT_EQ(result.doubled, 2u);
  ASSERT_TRUE(result.recovery_s);
  EXPECT_DOUBLE_EQ(*result.recovery_s, 1.8);
}

}  // namespace
}  // namespace onehop::loadgen
