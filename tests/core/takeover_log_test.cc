// The third takeover of one name within a second is refused, with the time at which it would not be.
#include "core/takeover_log.h"

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

TEST(TakeoverLog, IsBounded) {
  TakeoverLog log;
  uint32_t retry_after_ms = 0;
  EXPECT_TRUE(log.allow(1, {100}, retry_after_ms));
  EXPECT_TRUE(log.allow(1, {100}, retry_after_ms));
  for (uint64_t name = 2; name < 1'000; ++name) EXPECT_TRUE(log.allow(name, {100}, retry_after_ms));
  EXPECT_TRUE(log.allow(1, {100}, retry_after_ms)) << "the oldest were forgotten";
}

}  // namespace
}  // namespace onehop::core
