// How long messages are in the broker, from clock readings.
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

}  // namespace
}  // namespace onehop::server
