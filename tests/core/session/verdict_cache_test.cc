// What is remembered of the destinations of one sender.
#include "core/session/verdict_cache.h"

#include <gtest/gtest.h>

namespace onehop::core {
namespace {

using Verdict = VerdictCache::Verdict;

TEST(VerdictCache, RemembersBothAnswersUntilItIsCleared) {
  VerdictCache cache;
  EXPECT_EQ(cache.find(7), Verdict::kUnknown);
  cache.add(7, true);
  cache.add(0, false);
  EXPECT_EQ(cache.find(7), Verdict::kAllowed);
  EXPECT_EQ(cache.find(0), Verdict::kDenied);
  EXPECT_EQ(cache.find(8), Verdict::kUnknown);
  cache.clear();
  EXPECT_EQ(cache.find(7), Verdict::kUnknown);
}

TEST(VerdictCache, TheEldestMakesRoom) {
  VerdictCache cache;
  for (uint64_t i = 0; i < VerdictCache::kKept; ++i) cache.add(i, true);
  const size_t full = cache.held_bytes();
  for (uint64_t i = 0; i < VerdictCache::kKept; ++i) EXPECT_EQ(cache.find(i), Verdict::kAllowed);
  cache.add(1'000, true);
  cache.add(1'001, false);
  EXPECT_EQ(cache.find(0), Verdict::kUnknown);
  EXPECT_EQ(cache.find(1), Verdict::kUnknown);
  EXPECT_EQ(cache.find(2), Verdict::kAllowed);
  EXPECT_EQ(cache.find(1'000), Verdict::kAllowed);
  EXPECT_EQ(cache.find(1'001), Verdict::kDenied);
  EXPECT_EQ(cache.held_bytes(), full);
}

}  // namespace
}  // namespace onehop::core
