// Patterns of names: which match, and what is left when they go.
#include "core/rooms/presence_patterns.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace onehop::core {
namespace {

struct Rig {
  void add(const std::string& text, bool is_prefix) {
    patterns.find_or_add({text, is_prefix}) = text + (is_prefix ? "*" : "");
  }
  std::vector<std::string> matches(const std::string& name) {
    std::vector<std::string> all;
    patterns.for_each_match(name, [&all](const std::string& value) { all.push_back(value); });
    std::sort(all.begin(), all.end());
    return all;
  }
  PresencePatterns<std::string> patterns{HashKey{}};
};

using Matching = std::vector<std::string>;

TEST(PresencePatterns, ANameAndEachPrefixOfItMatch) {
  Rig rig;
  const std::string longest(kNameBytesMax, 'x');
  for (const std::string& prefix : {std::string(), std::string("a"), std::string("ab"), std::string("b"), longest}) {
    rig.add(prefix, true);
  }
  rig.add("ab", false);
  rig.add("b", false);
  EXPECT_EQ(rig.matches("ab"), (Matching{"*", "a*", "ab", "ab*"}));
  EXPECT_EQ(rig.matches("abc"), (Matching{"*", "a*", "ab*"}));
  EXPECT_EQ(rig.matches("b"), (Matching{"*", "b", "b*"}));
  EXPECT_EQ(rig.matches("c"), (Matching{"*"}));
  EXPECT_EQ(rig.matches(longest), (Matching{"*", longest + "*"}));
}

TEST(PresencePatterns, WhatIsErasedMatchesNoMore) {
  Rig rig;
  rig.add("a", true);
  rig.add("b", true);
  rig.add("a", false);
  rig.patterns.erase({"a", true});
  rig.patterns.erase({"a", true});
  EXPECT_EQ(rig.matches("a"), (Matching{"a"}));
  EXPECT_EQ(rig.matches("bc"), (Matching{"b*"}));
  rig.patterns.erase({"a", false});
  EXPECT_FALSE(rig.patterns.empty());
  rig.patterns.erase({"b", true});
  EXPECT_TRUE(rig.patterns.empty());
  EXPECT_EQ(rig.patterns.held_bytes(), 0u);
  EXPECT_EQ(rig.patterns.find({"b", true}), nullptr);
}

}  // namespace
}  // namespace onehop::core
