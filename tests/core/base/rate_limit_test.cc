// RateLimit: what passes, what is refused, and that the time told is the time at which there is room.
#include "core/base/rate_limit.h"

#include <gtest/gtest.h>

namespace onehop::core::test {
namespace {

Limits messages_limited(uint32_t per_second, uint32_t burst) {
  Limits limits;
  limits.messages_per_second = per_second;
  limits.messages_burst = burst;
  return limits;
}

Limits bytes_limited(uint64_t per_second, uint64_t burst) {
  Limits limits;
  limits.frame_bytes_max = 16 << 10;
  limits.bytes_per_second = per_second;
  limits.bytes_burst = burst;
  return limits;
}

TEST(RateLimit, WithoutLimitsEverythingPasses) {
  const RateLimits limits{Limits()};
  EXPECT_FALSE(limits.any);
  RateLimit rate;
  for (int i = 0; i < 1'000; ++i) ASSERT_EQ(rate.take(limits, 1 << 20, Instant{5}), 0u);
}

TEST(RateLimit, ABurstPassesAtOnceAndThenOnlyWhatTimeAllows) {
  const RateLimits limits(messages_limited(100, 20));
  EXPECT_TRUE(limits.any);
  RateLimit rate;
  Instant now{1'000'000};
  for (int i = 0; i < 20; ++i) ASSERT_EQ(rate.take(limits, 1, now), 0u) << i;
  EXPECT_EQ(rate.take(limits, 1, now), 10u);
  int passed = 0;
  for (int ms = 0; ms < 1'000; ++ms) {
    now = now + 1;
    passed += rate.take(limits, 1, now) == 0 ? 1 : 0;
  }
  EXPECT_EQ(passed, 100);
}

TEST(RateLimit, AtTheTimeToldThereIsRoomAndNotBefore) {
  for (const uint32_t per_second : {1u, 3u, 7u, 999u, 1'000u, 1'001u, 30'000u}) {
    const RateLimits limits(messages_limited(per_second, 5));
    RateLimit rate;
    Instant now{42};
    while (rate.take(limits, 1, now) == 0) {
    }
    const uint64_t wait_ms = rate.take(limits, 1, now);
    EXPECT_EQ(wait_ms, (1'000 + per_second - 1) / per_second) << per_second;
    EXPECT_EQ(rate.take(limits, 1, now + (wait_ms - 1)), 1u);
    EXPECT_EQ(rate.take(limits, 1, now + wait_ms), 0u);
  }
}

TEST(RateLimit, ARefusedOneTakesNothing) {
  const RateLimits limits(messages_limited(10, 1));
  RateLimit rate;
  EXPECT_EQ(rate.take(limits, 1, Instant{0}), 0u);
  for (int i = 0; i < 1'000; ++i) ASSERT_EQ(rate.take(limits, 1, Instant{50}), 50u);
  EXPECT_EQ(rate.take(limits, 1, Instant{100}), 0u);
}

TEST(RateLimit, BytesCountAndNothingSmallerOvertakesWhatWaits) {
  const RateLimits limits(bytes_limited(20'000, 20'000));
  RateLimit rate;
  const Instant now{7};
  EXPECT_EQ(rate.take(limits, 15'000, now), 0u);
  EXPECT_EQ(rate.take(limits, 15'000, now), 500u);
  EXPECT_EQ(rate.take(limits, 1, now), 500u) << "there is room for it, but another was first";
  EXPECT_EQ(rate.take(limits, 1, now + 499), 1u);
  EXPECT_EQ(rate.take(limits, 15'000, now + 500), 0u);
  EXPECT_EQ(rate.take(limits, 1, now + 500), 1u);
}

TEST(RateLimit, TheStricterOfBothCounts) {
  Limits both = bytes_limited(1'000'000, 100'000);
  both.messages_per_second = 10;
  both.messages_burst = 3;
  const RateLimits limits(both);
  RateLimit rate;
  const Instant now{0};
  EXPECT_EQ(rate.take(limits, 60'000, now), 0u);
  EXPECT_EQ(rate.take(limits, 60'000, now), 20u);
  EXPECT_EQ(rate.take(limits, 60'000, now + 20), 0u);
  EXPECT_EQ(rate.take(limits, 10, now + 30), 0u);
  EXPECT_EQ(rate.take(limits, 10, now + 30), 70u);
}

TEST(RateLimit, WithoutABurstItIsWhatComesInASecondAndAnyFrameFits) {
  RateLimit rate;
  const RateLimits messages(messages_limited(4, 0));
  for (int i = 0; i < 4; ++i) EXPECT_EQ(rate.take(messages, 1, Instant{0}), 0u);
  EXPECT_EQ(rate.take(messages, 1, Instant{0}), 250u);
  RateLimit other;
  const RateLimits bytes(bytes_limited(1, 0));
  EXPECT_EQ(other.take(bytes, 16 << 10, Instant{0}), 0u);
  EXPECT_EQ(other.take(bytes, 1, Instant{0}), 1'000u);
}

TEST(RateLimit, WhatIsGivenBackIsThereAgain) {
  const RateLimits limits(messages_limited(1, 1));
  RateLimit rate;
  for (int i = 0; i < 10; ++i) {
    ASSERT_EQ(rate.take(limits, 100, Instant{0}), 0u);
    rate.give_back(limits, 100);
  }
}

TEST(RateLimit, NothingOverflowsInHoweverLongATime) {
  const RateLimits limits(bytes_limited(uint64_t{100} << 30, uint64_t{1} << 40));
  RateLimit rate;
  EXPECT_EQ(rate.take(limits, 1 << 20, Instant{uint64_t{1} << 41}), 0u);
  EXPECT_EQ(rate.take(limits, 1 << 20, Instant{uint64_t{1} << 44}), 0u);
  const RateLimits slow(messages_limited(1, 4'000'000'000));
  EXPECT_EQ(rate.take(slow, 1, Instant{uint64_t{1} << 45}), 0u);
}

}  // namespace
}  // namespace onehop::core::test
