// How long messages are in the broker, and how long a loop does not look for events: from clock readings.
#include "server/shard_load.h"

#include <gtest/gtest.h>

#include <numeric>

namespace onehop::server {
namespace {

uint64_t samples(const RouteLatency& latency) {
  return std::accumulate(latency.counts.begin(), latency.counts.end(), uint64_t{0});
}

TEST(ShardLoad, MeasuresOneInSixteenFlushesThatHadMessages) {
  ShardLoad load;
  int measured = 0;
  for (uint64_t delivered = 1; delivered <= 64; ++delivered) {
    measured += load.measures(delivered) ? 1 : 0;
    EXPECT_FALSE(load.measures(delivered)) << "nothing was routed since";
  }
  EXPECT_EQ(measured, 4);
}

TEST(ShardLoad, PutsEachSampleIntoItsBucket) {
  ShardLoad load;
  load.flushed(1'000'000, 1'010'000);      // 10 us: the bound belongs to its bucket.
  load.flushed(1'000'000, 1'011'000);      // 11 us.
  load.flushed(1'000'000, 2'001'001'000);  // 2 s.
  EXPECT_EQ(load.route_latency().counts.front(), 1u);
  EXPECT_EQ(load.route_latency().counts[1], 1u);
  EXPECT_EQ(load.route_latency().counts.back(), 1u);
  EXPECT_EQ(samples(load.route_latency()), 3u);
  EXPECT_EQ(load.route_latency().sum_us, 2'000'022u);
}

TEST(ShardLoad, TheLongestBusyStretchIsTold) {
  ShardLoad load;
  EXPECT_EQ(load.lag_us_max(0), 0u);
  load.sleeps(30, 0, 30'900'000);  // Not more than what is certain.
  EXPECT_EQ(load.lag_us_max(30'900'000), 0u);
  load.sleeps(40, 40'200'000, 40'700'000);  // From its first event on.
  load.sleeps(50, 50'100'000, 50'200'000);
  EXPECT_EQ(load.lag_us_max(50'200'000), 500u);
  load.sleeps(60, 0, 64'000'000);
  EXPECT_EQ(load.lag_us_max(64'000'000), 3'000u);
}

// However many ask, each is told; it is forgotten with time, not by who reads it.
TEST(ShardLoad, TheLongestBusyStretchIsTheOneOfTheLastHalfMinuteAtLeast) {
  constexpr uint64_t kSecond = 1'000'000'000;
  ShardLoad load;
  load.sleeps(29'000, 29 * kSecond, 29 * kSecond + 700'000);
  EXPECT_EQ(load.lag_us_max(29 * kSecond + 700'000), 700u);
  EXPECT_EQ(load.lag_us_max(31 * kSecond), 700u);
  load.sleeps(32'000, 32 * kSecond, 32 * kSecond + 20'000);
  EXPECT_EQ(load.lag_us_max(59 * kSecond), 700u);
  EXPECT_EQ(load.lag_us_max(61 * kSecond), 20u);
  EXPECT_EQ(load.lag_us_max(200 * kSecond), 0u);
}

}  // namespace
}  // namespace onehop::server
