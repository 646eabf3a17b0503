// The heap of deadlines: the earliest comes first, whatever the order they were put in.
#include "core/base/deadline_heap.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

namespace onehop::core {
namespace {

TEST(DeadlineHeap, GivesThemInTheOrderOfTheirDeadlines) {
  std::mt19937 random(1);
  std::vector<uint64_t> deadlines(500);
  for (uint64_t& deadline : deadlines) deadline = random() % 100;
  DeadlineHeap heap;
  for (const uint64_t deadline : deadlines) heap.push({deadline}, deadline + 1'000);
  std::sort(deadlines.begin(), deadlines.end());
  for (const uint64_t deadline : deadlines) {
    ASSERT_FALSE(heap.empty());
    EXPECT_EQ(heap.earliest(), Instant{deadline});
    EXPECT_EQ(heap.pop(), deadline + 1'000);
  }
  EXPECT_TRUE(heap.empty());
}

TEST(DeadlineHeap, GivesItsMemoryBackWhenAsked) {
  DeadlineHeap heap;
  for (uint64_t i = 0; i < 100; ++i) heap.push({i}, i);
  heap.clear();
  EXPECT_TRUE(heap.empty());
  EXPECT_GE(heap.held_bytes(), 1'600u);
  heap.free_memory();
  EXPECT_EQ(heap.held_bytes(), 0u);
}

}  // namespace
}  // namespace onehop::core
