// What may be a topic and what may be a filter, from a table; and how they fall into levels.
#include "core/rooms/topic_filter.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace onehop::core {
namespace {

TEST(Topic, IsWhatANameMayBe) {
  for (const char* good : {"a", "news", "news/today", "/", "//", "/a", "a/", "a//b", "a/$b", "~x", "a:b=c"}) {
    EXPECT_TRUE(is_valid_topic(good)) << good;
  }
  EXPECT_TRUE(is_valid_topic(std::string(255, 'a')));
  for (const char* bad : {"", "$a", "$", "a b", "a+b", "+", "a/+", "#", "a/#", "a*", "a>b", "a?b", "a,b", "\"a", "a'",
                          "a`", "a\\b", "a\n", "caf\xc3\xa9"}) {
    EXPECT_FALSE(is_valid_topic(bad)) << bad;
  }
  EXPECT_FALSE(is_valid_topic(std::string(256, 'a')));
}

TEST(Filter, IsATopicInWhichAWholeLevelMayBeAWildcard) {
  for (const char* good : {"a", "a/b", "+", "#", "+/+", "a/+", "a/+/b", "a/#", "+/#", "/#", "/+", "+/", "a//#",
                           "a/$b/+", "a/$$/#", "+//+"}) {
    EXPECT_TRUE(is_valid_filter(good)) << good;
  }
  EXPECT_TRUE(is_valid_filter("+/" + std::string(253, 'a')));
  for (const char* bad : {"",    "$a/#", "a+", "+a",   "a/+b",  "a/b+/c", "#a",  "a#",    "a/#/b",        "#/a",
                          "#/#", "##",   "++", "a/##", "a b/+", "a*/+",   "+/>", "a\n/#", "a/+/\xc3\xa9", "$"}) {
    EXPECT_FALSE(is_valid_filter(bad)) << bad;
  }
  EXPECT_FALSE(is_valid_filter("+/" + std::string(254, 'a')));
  EXPECT_TRUE(has_wildcard("a/+"));
  EXPECT_TRUE(has_wildcard("#"));
  EXPECT_FALSE(has_wildcard("a/b"));
}

TEST(Levels, AreWhatLiesBetweenSlashes) {
  const auto levels_of = [](Bytes text) {
    std::vector<std::string> all;
    Levels levels(text);
    for (Bytes level; levels.next(level);) all.emplace_back(level);
    EXPECT_TRUE(levels.at_end());
    return all;
  };
  using Texts = std::vector<std::string>;
  EXPECT_EQ(levels_of("a"), Texts{"a"});
  EXPECT_EQ(levels_of("a/bc/d"), (Texts{"a", "bc", "d"}));
  EXPECT_EQ(levels_of("/"), (Texts{"", ""}));
  EXPECT_EQ(levels_of("a//"), (Texts{"a", "", ""}));
}

}  // namespace
}  // namespace onehop::core
