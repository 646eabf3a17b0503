// When output leaves: after a number of events, after a time that grows with the number of links to write to.
#include "server/flush_policy.h"

#include <gtest/gtest.h>

namespace onehop::server {
namespace {

constexpr uint64_t kStart = 1'000'000'000;

TEST(FlushPolicy, AfterANumberOfEvents) {
  FlushPolicy policy;
  for (int round = 0; round < 3; ++round) {
    for (uint32_t i = 1; i < FlushPolicy::kEventsPerFlush; ++i) EXPECT_FALSE(policy.event_taken(kStart, 1)) << i;
    EXPECT_TRUE(policy.event_taken(kStart, 1));
    EXPECT_TRUE(policy.begin_flush());
    EXPECT_FALSE(policy.begin_flush());
  }
}

TEST(FlushPolicy, AfterATimeFromTheFirstEventOn) {
  FlushPolicy policy;
  EXPECT_FALSE(policy.event_taken(kStart, 1));
  EXPECT_FALSE(policy.event_taken(kStart + FlushPolicy::kFlushAfterNs - 1, 1));
  EXPECT_TRUE(policy.event_taken(kStart + FlushPolicy::kFlushAfterNs, 1));
  EXPECT_EQ(kStart, policy.first_event_ns());
  policy.begin_flush();
  // The next begins anew.
  EXPECT_FALSE(policy.event_taken(kStart + FlushPolicy::kFlushAfterNs, 1));
}

TEST(FlushPolicy, ManyLinksMayWaitLonger) {
  FlushPolicy policy;
  EXPECT_FALSE(policy.event_taken(kStart, 200));
  EXPECT_FALSE(policy.event_taken(kStart + 199 * FlushPolicy::kFlushNsPerLink, 200));
  EXPECT_TRUE(policy.event_taken(kStart + 200 * FlushPolicy::kFlushNsPerLink, 200));
}

TEST(FlushPolicy, ReadsOnWhereManyWait) {
  FlushPolicy policy;
  EXPECT_FALSE(policy.reads_on(FlushPolicy::kManyLinks));
  policy.event_taken(kStart, 1);
  EXPECT_TRUE(policy.reads_on(FlushPolicy::kManyLinks));
  EXPECT_FALSE(policy.reads_on(FlushPolicy::kManyLinks - 1));
  policy.begin_flush();
  EXPECT_FALSE(policy.reads_on(FlushPolicy::kManyLinks));
}

}  // namespace
}  // namespace onehop::server
