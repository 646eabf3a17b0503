// SmallList: what a vector does, with one element inside.
#include "core/rooms/small_list.h"

#include <gtest/gtest.h>

#include <utility>
#include <vector>

namespace onehop::core {
namespace {

std::vector<uint32_t> all_of(const SmallList<uint32_t>& list) {
  return {list.all().begin(), list.all().end()};
}

TEST(SmallList, KeepsOneInsideAndMoreOnTheHeap) {
  SmallList<uint32_t> list;
  EXPECT_TRUE(list.empty());
  list.push_back(7);
  EXPECT_EQ(list.held_bytes(), 0u);
  EXPECT_EQ(all_of(list), std::vector<uint32_t>{7});
  list.push_back(8);
  list.push_back(9);
  EXPECT_EQ(list.held_bytes(), 4 * sizeof(uint32_t));
  EXPECT_EQ(all_of(list), (std::vector<uint32_t>{7, 8, 9}));
  list.erase(0);
  EXPECT_EQ(all_of(list), (std::vector<uint32_t>{9, 8}));
  list.erase(1);
  EXPECT_EQ(all_of(list), std::vector<uint32_t>{9});
  EXPECT_EQ(list.held_bytes(), 0u) << "inside again";
  list.erase(0);
  EXPECT_TRUE(list.empty());
}

TEST(SmallList, GivesBackWhatItDoesNotNeed) {
  SmallList<uint32_t> list;
  for (uint32_t i = 0; i < 1'000; ++i) list.push_back(i);
  EXPECT_EQ(list.held_bytes(), 1'024 * sizeof(uint32_t));
  while (list.size() > 10) list.erase(0);
  EXPECT_LE(list.held_bytes(), 64 * sizeof(uint32_t));
}

TEST(SmallList, IsFilledAgainAfterItWasEmpty) {
  for (uint32_t size = 1; size <= 20; ++size) {
    SmallList<uint32_t> list;
    for (int round = 0; round < 3; ++round) {
      std::vector<uint32_t> expected;
      for (uint32_t i = 0; i < size; ++i) {
        list.push_back(i);
        expected.push_back(i);
      }
      EXPECT_EQ(all_of(list), expected);
      while (!list.empty()) list.erase(list.size() - 1);
    }
  }
}

TEST(SmallList, Moves) {
  SmallList<uint32_t> one;
  one.push_back(1);
  SmallList<uint32_t> many;
  for (uint32_t i = 0; i < 5; ++i) many.push_back(i);
  SmallList<uint32_t> taken = std::move(many);
  EXPECT_EQ(taken.size(), 5u);
  taken = std::move(one);
  EXPECT_EQ(all_of(taken), std::vector<uint32_t>{1});
}

}  // namespace
}  // namespace onehop::core
