// FilterIndex: who subscribed is found, against a model that compares every filter; what others must know; memory.
#include "core/rooms/filter_index.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "../heap.h"
#include "sim/topic_match.h"

namespace onehop::core::test {
namespace {

using Kind = Audience::Kind;
// Session and whether it does not want what it has sent.
using Found = std::map<uint32_t, bool>;

HashKey index_key() {
  HashKey key;
  key.fill(3);
  return key;
}

SessionId session_id(uint32_t index) {
  return {index, 1};
}

struct Rig {
  FilterIndex index{index_key()};

  static uint64_t hash(const std::string& text) { return name_hash(text, index_key()); }
  FilterId find(const std::string& filter) const { return index.find(filter, hash(filter)); }
  void subscribe(uint32_t session, const std::string& filter, bool no_echo = false) {
    index.subscribe(session, index.find_or_add(filter, hash(filter)), no_echo);
  }
  void unsubscribe(uint32_t session, const std::string& filter) {
    const FilterId id = find(filter);
    if (!id) return;
    index.unsubscribe(session, id);
    index.drop_unwanted(id);
  }
  void end(uint32_t session) {
    while (const FilterId id = index.any_of(session)) {
      index.unsubscribe(session, id);
      index.drop_unwanted(id);
    }
  }
  Audience audience(const std::string& filter) const { return index.audience(find(filter), session_id); }
  void elsewhere(const std::string& filter, ShardIndex shard, const Audience& audience) {
    const FilterId id = index.find_or_add(filter, hash(filter));
    index.set_audience_elsewhere(id, shard, audience);
    index.drop_unwanted(id);
  }
  uint64_t shards_for(const std::string& topic, ShardIndex shard, uint32_t session) {
    index.match(topic, hash(topic));
    return index.shards_for({Origin::Kind::kSession, 0, shard, 0, session_id(session)});
  }
  Found subscribers(const std::string& topic) {
    index.match(topic, hash(topic));
    Found found;
    for (const Subscriber& one : index.subscribers()) {
      EXPECT_TRUE(found.emplace(one.session, one.no_echo != 0).second) << "a session comes once";
    }
    return found;
  }
};

TEST(FilterIndex, FindsWhoSubscribed) {
  Rig rig;
  rig.subscribe(1, "news");
  rig.subscribe(2, "news", true);
  rig.subscribe(3, "news/+");
  rig.subscribe(1, "#");
  EXPECT_EQ(rig.subscribers("news"), (Found{{1, false}, {2, true}}));
  EXPECT_EQ(rig.subscribers("news/today"), (Found{{1, false}, {3, false}}));
  EXPECT_EQ(rig.subscribers("other"), (Found{{1, false}}));
  EXPECT_EQ(rig.index.subscriptions(1), 2u);
  rig.end(1);
  EXPECT_EQ(rig.index.subscriptions(1), 0u);
  EXPECT_EQ(rig.subscribers("news"), (Found{{2, true}}));
  EXPECT_EQ(rig.subscribers("other"), Found{});
  EXPECT_FALSE(rig.find("#"));
}

TEST(FilterIndex, NoEchoHoldsIfAllThatMatchSaySo) {
  Rig rig;
  rig.subscribe(1, "a/b", true);
  rig.subscribe(1, "a/+", true);
  EXPECT_EQ(rig.subscribers("a/b"), (Found{{1, true}}));
  rig.subscribe(1, "a/#", false);
  EXPECT_EQ(rig.subscribers("a/b"), (Found{{1, false}}));
  rig.subscribe(1, "a/#", true);
  EXPECT_EQ(rig.subscribers("a/b"), (Found{{1, true}})) << "the latest word holds";
  EXPECT_EQ(rig.index.subscriptions(1), 3u);
}

TEST(FilterIndex, TellsWhatOthersMustKnow) {
  Rig rig;
  rig.subscribe(1, "a", true);
  EXPECT_EQ(rig.audience("a"), (Audience{Kind::kAllBut, session_id(1)}));
  rig.subscribe(2, "a", true);
  EXPECT_EQ(rig.audience("a"), (Audience{Kind::kSomebody, {}})) << "each is there for the other one";
  rig.unsubscribe(1, "a");
  EXPECT_EQ(rig.audience("a"), (Audience{Kind::kAllBut, session_id(2)}));
  rig.subscribe(2, "a", false);
  EXPECT_EQ(rig.audience("a"), (Audience{Kind::kSomebody, {}}));
}

TEST(FilterIndex, KnowsOnWhichOtherShardsSomebodyIs) {
  Rig rig;
  rig.elsewhere("a", 3, {Kind::kSomebody, {}});
  rig.elsewhere("+", 5, {Kind::kAllBut, session_id(9)});
  EXPECT_EQ(rig.shards_for("a", 5, 8), 1u << 3 | 1u << 5);
  EXPECT_EQ(rig.shards_for("a", 5, 9), 1u << 3) << "only the sender is there, and does not want it";
  EXPECT_EQ(rig.shards_for("a", 4, 9), 1u << 3 | 1u << 5) << "another shard's session";
  EXPECT_EQ(rig.shards_for("b", 5, 9), 0u);
  EXPECT_EQ(rig.subscribers("a"), Found{});
  // Another filter of that shard has somebody else.
  rig.elsewhere("#", 5, {Kind::kAllBut, session_id(8)});
  EXPECT_EQ(rig.shards_for("b", 5, 9), 1u << 5);
  rig.elsewhere("#", 5, {});
  rig.elsewhere("+", 5, {Kind::kSomebody, {}});
  EXPECT_EQ(rig.shards_for("b", 5, 9), 1u << 5);
  rig.elsewhere("+", 5, {});
  rig.elsewhere("a", 3, {});
  EXPECT_EQ(rig.shards_for("a", 0, 1), 0u);
  EXPECT_FALSE(rig.find("a")) << "nobody wants it any more";
  EXPECT_FALSE(rig.find("+"));
}

struct Model {
  // By filter: each session, with its no_echo.
  std::map<std::string, Found> filters;

  Found subscribers(const std::string& topic) const {
    Found found;
    for (const auto& [filter, sessions] : filters) {
      if (!sim::topic_matches(filter, topic)) continue;
      for (const auto& [session, no_echo] : sessions) {
        const auto [place, is_new] = found.emplace(session, no_echo);
        place->second = place->second && no_echo;
      }
    }
    return found;
  }
};

std::string random_filter(std::mt19937& random) {
  static const std::vector<std::string> kFilters = {"a",   "b",   "a/b",  "a/c",   "a/b/c", "+",     "#",
                                                    "a/+", "+/b", "a/#",  "a/b/#", "+/+",   "+/+/c", "a/+/c",
                                                    "/",   "/+",  "a//+", "b/#",   "+/#",   "a//"};
  return kFilters[random() % kFilters.size()];
}

std::string random_topic(std::mt19937& random) {
  static const std::vector<std::string> kTopics = {"a", "b",   "a/b", "a/c",   "a/b/c",  "b/b",
                                                   "/", "a//", "c",   "b/b/c", "a/b/c/d"};
  return kTopics[random() % kTopics.size()];
}

TEST(FilterIndex, FindsWhatTheModelFinds) {
  for (uint32_t seed = 1; seed <= 20; ++seed) {
    std::mt19937 random(seed);
    Rig rig;
    Model model;
    for (int step = 0; step < 2'000; ++step) {
      const auto session = static_cast<uint32_t>(random() % 20);
      const std::string filter = random_filter(random);
      const uint32_t action = static_cast<uint32_t>(random() % 10);
      if (action < 6) {
        const bool no_echo = random() % 2 == 0;
        rig.subscribe(session, filter, no_echo);
        model.filters[filter][session] = no_echo;
      } else if (action < 9) {
        rig.unsubscribe(session, filter);
        model.filters[filter].erase(session);
      } else {
        rig.end(session);
        for (auto& [text, sessions] : model.filters) sessions.erase(session);
      }
      const std::string topic = random_topic(random);
      ASSERT_EQ(rig.subscribers(topic), model.subscribers(topic)) << topic << ", seed " << seed << ", step " << step;
    }
    for (uint32_t session = 0; session < 20; ++session) rig.end(session);
    EXPECT_EQ(rig.subscribers("a"), Found{});
    EXPECT_FALSE(rig.find("#"));
  }
}

TEST(FilterIndex, ATopicWithOneSubscriberTakesLittle) {
  ONEHOP_NEEDS_THE_HEAP();
  constexpr uint32_t kTopics = 100'000;
  // The shard of the subscribers, and the home of the topics, which hears of them.
  auto here = std::make_unique<Rig>();
  auto home = std::make_unique<Rig>();
  const double before = heap_bytes();
  for (uint32_t i = 0; i < kTopics; ++i) {
    const std::string topic = "sensors/" + std::to_string(i) + "/temperature";
    here->subscribe(i, topic);
    home->elsewhere(topic, 1, {Kind::kSomebody, {}});
  }
  const double heap = heap_bytes() - before;
  EXPECT_LE(heap / kTopics, 300);
  const auto counted = static_cast<double>(here->index.held_bytes() + home->index.held_bytes());
  EXPECT_NEAR(counted / heap, 1, 0.2) << counted / kTopics << " are counted of " << heap / kTopics;
}

TEST(FilterIndex, ALeavingSubscriberCostsTheSameHoweverManyThereAre) {
  Rig rig;
  constexpr uint32_t kSessions = 300'000;
  for (uint32_t i = 0; i < kSessions; ++i) rig.subscribe(i, "all");
  // With a search along the others this takes minutes.
  for (uint32_t i = 0; i < kSessions; ++i) rig.end(i);
  EXPECT_FALSE(rig.find("all"));
}

}  // namespace
}  // namespace onehop::core::test
