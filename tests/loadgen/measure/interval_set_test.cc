// A set of intervals is a set. std::set serves as the model.
#include "loadgen/measure/interval_set.h"

#include <gtest/gtest.h>

#include <iterator>
#include <set>

#include "loadgen/measure/random.h"

namespace onehop::loadgen {
namespace {

TEST(IntervalSet, AgreesWithASetOfNumbersAndNoTwoIntervalsTouch) {
  for (uint64_t seed = 0; seed < 200; ++seed) {
    Random random(seed);
    IntervalSet intervals;
    std::set<uint32_t> numbers;
    for (int step = 0; step < 100; ++step) {
      const uint32_t first = random.below(60);
      if (random.below(3) == 0) {
        EXPECT_EQ(intervals.erase(first), numbers.erase(first) == 1);
      } else {
        const uint32_t last = first + random.below(5);
        uint64_t added = 0;
        for (uint32_t i = first; i <= last; ++i) added += numbers.insert(i).second;
        EXPECT_EQ(intervals.insert(first, last), added);
      }
      ASSERT_EQ(intervals.size(), numbers.size());
      for (uint32_t i = 0; i < 70; ++i) ASSERT_EQ(intervals.contains(i), numbers.contains(i)) << seed << " " << i;
      uint64_t end = 0;
      for (const auto& [begin, stop] : intervals.intervals()) {
        ASSERT_TRUE(end == 0 || begin > end) << seed;
        ASSERT_GT(stop, begin);
        end = stop;
      }
    }
  }
}

TEST(IntervalSet, HoldsTheLastNumberToo) {
  IntervalSet set;
  EXPECT_EQ(set.insert(UINT32_MAX - 1, UINT32_MAX), 2u);
  EXPECT_TRUE(set.contains(UINT32_MAX));
  EXPECT_TRUE(set.erase(UINT32_MAX));
  EXPECT_FALSE(set.contains(UINT32_MAX));
}

}  // namespace
}  // namespace onehop::loadgen
