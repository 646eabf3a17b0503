// The third takeover of one name within a second is refused, with the time at which it would not be.
#include "core/shard/takeover_log.h"

#include <gtest/gtest.h>

namespace onehop::core {
namespace {

TEST(TakeoverLog, TheThirdWithinASecondIsRefused) {
  TakeoverLog log;
  uint32_t retry_after_ms = 0;
  EXPECT_TRUE(log.allow(1, {5'000}, retry_after_ms));
  EXPECT_TRUE(log.allow(1, {5'400}, retry_after_ms));
  EXPECT_FALSE(log.allow(1, {5'900}, retry_after_ms));
  EXPECT_GT(retry_after_ms, 0u);
  EXPECT_LE(retry_after_ms, 102u);
  EXPECT_TRUE(log.allow(2, {5'900}, retry_after_ms)) << "another name";
  EXPECT_TRUE(log.allow(1, {5'900 + retry_after_ms}, retry_after_ms)) << "when it was told to come back";
  EXPECT_FALSE(log.allow(1, {6'100}, retry_after_ms)) << "two within the second again";
}

TEST(TakeoverLog, ARefusalDoesNotCount) {
  TakeoverLog log;
  uint32_t retry_after_ms = 0;
  EXPECT_TRUE(log.allow(1, {0}, retry_after_ms));
  EXPECT_TRUE(log.allow(1, {0}, retry_after_ms));
  for (uint64_t ms = 0; ms < 1'000; ++ms) EXPECT_FALSE(log.allow(1, {ms}, retry_after_ms)) << ms;
  EXPECT_TRUE(log.allow(1, {1'001}, retry_after_ms));
}

TEST(TakeoverLog, FightsForOtherNamesDoNotMakeItForget) {
  TakeoverLog log;
  uint32_t retry_after_ms = 0;
  EXPECT_TRUE(log.allow(1, {100}, retry_after_ms));
  EXPECT_TRUE(log.allow(1, {100}, retry_after_ms));
  for (uint64_t name = 2; name < 10'000; ++name) EXPECT_TRUE(log.allow(name, {100 + name / 20}, retry_after_ms));
  EXPECT_FALSE(log.allow(1, {1'099}, retry_after_ms));
  EXPECT_TRUE(log.allow(1, {1'100}, retry_after_ms));
}

TEST(TakeoverLog, ForgetsWhatWasTwoSecondsAgo) {
  TakeoverLog log;
  uint32_t retry_after_ms = 0;
  for (uint64_t ms = 0; ms < 60'000; ++ms) log.allow(ms, {ms}, retry_after_ms);
  EXPECT_LE(log.size(), 2'000u);
}

}  // namespace
}  // namespace onehop::core
