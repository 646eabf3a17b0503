// What a pattern says of a filter, against every topic of a small world.
#include "identity/filter_rules.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "identity/permissions.h"
#include "sim/topic_match.h"

namespace onehop::identity {
namespace {

using Texts = std::vector<std::string>;

// All texts of up to `depth` levels out of these.
Texts texts_of(const Texts& levels, int depth) {
  Texts all = levels, last = levels;
  for (int i = 1; i < depth; ++i) {
    Texts next;
    for (const std::string& text : last) {
      for (const std::string& level : levels) next.push_back(text + "/" + level);
    }
    all.insert(all.end(), next.begin(), next.end());
    last = next;
  }
  return all;
}

TEST(FilterRules, AgreeWithEveryTopic) {
  const Texts topics = texts_of({"", "a", "b", "ab"}, 4);
  std::vector<sim::Levels> topic_levels;
  for (const std::string& topic : topics) topic_levels.push_back(sim::levels_of(topic));
  Texts filters = texts_of({"", "a", "ab", "+"}, 3);
  for (const std::string& filter : Texts(filters)) filters.push_back(filter + "/#");
  filters.emplace_back("#");
  std::set<std::pair<std::string, bool>> patterns;
  for (const std::string& literal : texts_of({"", "a", "b", "ab"}, 2)) {
    patterns.emplace(literal, false);
    patterns.emplace(literal, true);
  }
  for (const std::string& filter : filters) {
    Texts matched;
    for (size_t i = 0; i < topics.size(); ++i) {
      if (sim::topic_matches(sim::levels_of(filter), topic_levels[i])) matched.push_back(topics[i]);
    }
    for (const auto& [literal, is_prefix] : patterns) {
      const auto is_of_pattern = [&literal = literal, &is_prefix = is_prefix](const std::string& topic) {
        return is_prefix ? topic.starts_with(literal) : topic == literal;
      };
      ASSERT_EQ(overlaps(literal, is_prefix, filter), std::any_of(matched.begin(), matched.end(), is_of_pattern))
          << filter << " and " << literal << (is_prefix ? "*" : "");
      ASSERT_EQ(covers(literal, is_prefix, filter), std::all_of(matched.begin(), matched.end(), is_of_pattern))
          << filter << " and " << literal << (is_prefix ? "*" : "");
    }
  }
}

TEST(FilterRules, AFilterMayBeAllowedByItsText) {
  EXPECT_TRUE(covers("rooms/#", false, "rooms/#"));
  EXPECT_FALSE(covers("rooms/#", false, "rooms/+"));
  EXPECT_FALSE(covers("rooms/", true, "rooms/#")) << "it includes the topic rooms";
  EXPECT_TRUE(covers("rooms/", true, "rooms/+/#"));
}

TEST(FilterRules, OfAPermissionsFile) {
  std::vector<std::string> problems;
  const auto permissions = Permissions::parse(R"([roles.member]
allow.subscribe = ["rooms/*", "rooms/#", "own/%p/*", "own/%p/#"]
deny.subscribe = ["rooms/board", "rooms/secret/*", "%p/x"]
allow.publish = ["rooms/*"]
[principals]
"alice" = ["member"]
)",
                                              "file", problems);
  ASSERT_NE(permissions, nullptr);
  const auto may = [&](const char* filter) {
    return permissions->decide({"alice"}, Right::kSubscribe, filter).allowed;
  };
  EXPECT_TRUE(may("rooms/kitchen"));
  EXPECT_TRUE(may("rooms/kitchen/+"));
  EXPECT_TRUE(may("rooms/kitchen/#"));
  EXPECT_TRUE(may("own/alice/#"));
  EXPECT_FALSE(may("own/+/x"));
  EXPECT_FALSE(may("own/bob/#"));
  EXPECT_FALSE(may("rooms/#")) << "it would bring what is denied";
  EXPECT_FALSE(may("rooms/+")) << "the board is one of these";
  EXPECT_FALSE(may("rooms/+/floor")) << "rooms/secret/floor is one of these";
  EXPECT_FALSE(may("rooms/secret/1"));
  EXPECT_TRUE(may("rooms/secret")) << "only what is below it is denied";
  EXPECT_FALSE(may("#"));
  // A topic is never read as a filter where it is published to.
  EXPECT_TRUE(permissions->decide({"alice"}, Right::kPublish, "rooms/secret").allowed);
}

TEST(FilterRules, AWatchOfAPrefixIsOfAllNamesThatBeginWithIt) {
  std::vector<std::string> problems;
  const auto permissions = Permissions::parse(R"([roles.member]
allow.watch = ["hub", "device-*", "%p", "%p/*", "door"]
deny.watch = ["device-secret", "device-vault-*"]
[roles.all]
allow.watch = ["*"]
[principals]
"alice" = ["member"]
"admin" = ["all"]
)",
                                              "file", problems);
  ASSERT_NE(permissions, nullptr);
  const auto may = [&](const char* who) { return permissions->decide({"alice"}, Right::kWatch, who).allowed; };
  EXPECT_TRUE(may("hub"));
  EXPECT_FALSE(may("hub*")) << "one name is not all that begin with it";
  EXPECT_TRUE(may("device-1"));
  EXPECT_TRUE(may("device-1*"));
  EXPECT_FALSE(may("device-*")) << "it would tell of what is denied";
  EXPECT_FALSE(may("device-se*"));
  EXPECT_FALSE(may("device-secret*"));
  EXPECT_FALSE(may("device-vault-7*"));
  EXPECT_FALSE(may("device-secret"));
  EXPECT_TRUE(may("device-secret2"));
  EXPECT_TRUE(may("alice"));
  EXPECT_TRUE(may("alice/*"));
  EXPECT_FALSE(may("alice*"));
  EXPECT_FALSE(may("bob/*"));
  EXPECT_FALSE(may("*"));
  EXPECT_TRUE(permissions->decide({"admin"}, Right::kWatch, "*").allowed);
  EXPECT_TRUE(permissions->decide({"admin"}, Right::kWatch, "device-*").allowed);
}

}  // namespace
}  // namespace onehop::identity
