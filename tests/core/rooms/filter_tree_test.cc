// FilterTree: the wildcards of MQTT, by examples and against a matcher that compares level by level.
#include "core/rooms/filter_tree.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "sim/topic_match.h"

namespace onehop::core::test {
namespace {

HashKey some_key() {
  HashKey key;
  key.fill(5);
  return key;
}

std::vector<uint32_t> matched(FilterTree& tree, const std::string& topic) {
  std::vector<uint32_t> numbers;
  tree.match(topic, numbers);
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

using Filters = std::vector<uint32_t>;

TEST(FilterTree, Examples) {
  FilterTree tree(some_key());
  EXPECT_TRUE(tree.empty());
  EXPECT_EQ(matched(tree, "a"), Filters{});
  tree.insert("#", 1);
  tree.insert("a/#", 2);
  tree.insert("a/+", 3);
  tree.insert("+/b", 4);
  tree.insert("+", 5);
  tree.insert("a/+/c", 6);
  EXPECT_EQ(matched(tree, "a"), (Filters{1, 2, 5})) << "the parent is included";
  EXPECT_EQ(matched(tree, "a/b"), (Filters{1, 2, 3, 4}));
  EXPECT_EQ(matched(tree, "a/"), (Filters{1, 2, 3})) << "a level may be empty";
  EXPECT_EQ(matched(tree, "a/x/c"), (Filters{1, 2, 6}));
  EXPECT_EQ(matched(tree, "ab"), (Filters{1, 5}));
  EXPECT_EQ(matched(tree, "/b"), (Filters{1, 4}));
  tree.erase("a/#");
  tree.erase("+/b");
  EXPECT_EQ(matched(tree, "a/b"), (Filters{1, 3}));
  EXPECT_EQ(matched(tree, "a/x/c"), (Filters{1, 6}));
}

// A filter or a topic of a few levels of a small alphabet, so that many match.
std::string random_text(std::mt19937& random, bool wildcards) {
  const auto below = [&random](uint32_t n) { return static_cast<uint32_t>(random() % n); };
  std::string text;
  const uint32_t levels = 1 + below(5);
  for (uint32_t i = 0; i < levels; ++i) {
    if (i != 0) text += '/';
    const uint32_t drawn = below(wildcards ? 8 : 5);
    if (drawn == 7 && i + 1 == levels) {
      text += '#';
    } else if (drawn >= 5) {
      text += '+';
    } else if (drawn != 4) {
      text += std::string(drawn % 2 == 0 ? 1 : 20, static_cast<char>('a' + drawn));
    }
  }
  return text;
}

TEST(FilterTree, MatchesWhatTheNaiveMatcherMatches) {
  for (uint32_t seed = 1; seed <= 20; ++seed) {
    std::mt19937 random(seed);
    FilterTree tree(some_key());
    std::map<std::string, uint32_t> filters;
    for (uint32_t step = 0; step < 1'000; ++step) {
      const std::string filter = random_text(random, true);
      const bool is_wildcard = filter.find_first_of("+#") != std::string::npos;
      if (is_wildcard && filters.contains(filter)) {
        tree.erase(filter);
        filters.erase(filter);
      } else if (is_wildcard) {
        tree.insert(filter, step);
        filters.emplace(filter, step);
      }
      const std::string topic = random_text(random, false);
      Filters expected;
      for (const auto& [text, number] : filters) {
        if (sim::topic_matches(text, topic)) expected.push_back(number);
      }
      std::sort(expected.begin(), expected.end());
      ASSERT_EQ(matched(tree, topic), expected) << topic << ", seed " << seed << ", step " << step;
    }
    for (const auto& [text, number] : filters) tree.erase(text);
    EXPECT_TRUE(tree.empty());
    EXPECT_EQ(matched(tree, "a/b"), Filters{});
  }
}

TEST(FilterTree, UsesItsNodesAgain) {
  FilterTree tree(some_key());
  tree.insert("some/level/+", 1);
  const size_t held = tree.held_bytes();
  for (int i = 0; i < 1'000; ++i) {
    tree.erase("some/level/+");
    tree.insert("some/level/+", 1);
  }
  EXPECT_LE(tree.held_bytes(), held + 64);
}

}  // namespace
}  // namespace onehop::core::test
