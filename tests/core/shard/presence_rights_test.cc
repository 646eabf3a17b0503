// Who may watch whom: asked of the host, at once or later, and again when the policy or the credentials change.
#include <gtest/gtest.h>

#include "presence.h"

namespace onehop::core::test {
namespace {

constexpr Answer kMayWatch{true, 0, 0, {}, 0};
constexpr Answer kMayNotWatch{false, 0, 0, {}, 0};

// Wendy watches; bob is there.
struct GuardedWatch {
  GuardedWatch()
      : broker(2, {}, true),
        wendy(broker, watcher_frame(broker.name_on(1, "wendy"), 60'000)),
        bob(broker, broker.name_on(0, "bob")) {}

  void change_policy() {
    for (ShardIndex shard = 0; shard < broker.shards(); ++shard) broker.shard(shard).on_policy_changed(broker.now);
    broker.settle();
    broker.advance(50);
  }
  void read() { picture.take(wendy.read()); }
  std::string name() const { return bob.connected().name(); }

  FakeBroker broker;
  FakeClient wendy;
  FakeClient bob;
  Picture picture;
};

TEST(PresenceRights, TheHostIsAskedAboutANameOrAPrefix) {
  GuardedWatch world;
  world.broker.topics_not_allowed["secret"] = kMayNotWatch;
  world.wendy.send(watch_prefix("bob"));
  world.wendy.send(watch_name(world.name(), 2));
  world.wendy.send(watch_prefix("", 3));
  world.wendy.send(watch_name("secret", 4));
  ASSERT_EQ(world.broker.asked_about_topics.size(), 4u);
  EXPECT_EQ(world.broker.asked_about_topics[0].name, "bob*");
  EXPECT_EQ(world.broker.asked_about_topics[0].sender, world.wendy.connected().name());
  EXPECT_EQ(world.broker.asked_about_topics[0].session, world.wendy.connected().session());
  EXPECT_EQ(world.broker.asked_about_topics[1].name, world.name());
  EXPECT_EQ(world.broker.asked_about_topics[2].name, "*");
  Picture secret(4);
  const std::vector<v1::Frame> frames = world.wendy.read();
  secret.take(frames);
  world.picture.take(frames);
  EXPECT_TRUE(world.picture.there.contains(world.name()));
  EXPECT_EQ(secret.reason, v1::REASON_NOT_AUTHORIZED);
  EXPECT_FALSE(secret.complete);
}

TEST(PresenceRights, AWatchWaitsForItsAnswer) {
  for (const bool is_allowed : {true, false}) {
    GuardedWatch world;
    world.broker.answer_about_topics_later = true;
    world.wendy.send(watch_prefix("bob"));
    world.wendy.send(ping_frame(7));
    EXPECT_TRUE(world.wendy.read().empty()) << "what comes behind it waits, too";
    world.broker.answer(world.broker.asked_about_topics.back(), is_allowed ? kMayWatch : kMayNotWatch);
    world.broker.settle();
    const std::vector<v1::Frame> frames = world.wendy.read();
    world.picture.take(frames);
    EXPECT_EQ(world.picture.complete, is_allowed);
    EXPECT_EQ(world.picture.reason, is_allowed ? v1::REASON_UNSPECIFIED : v1::REASON_NOT_AUTHORIZED);
    EXPECT_EQ(frames_of(frames, v1::Frame::kPong).size(), 1u);
  }
  GuardedWatch world;
  world.broker.answer_about_topics_later = true;
  world.wendy.send(watch_prefix("bob"));
  world.broker.advance(kVerdictDeadlineMs + 10);
  world.read();
  EXPECT_EQ(world.picture.reason, v1::REASON_BROKER_BUSY);
}

TEST(PresenceRights, WhatItMayNotKeepEndsAndTheSessionStays) {
  for (const bool is_later : {false, true}) {
    GuardedWatch world;
    world.wendy.send(watch_prefix("bob"));
    world.wendy.send(watch_prefix("", 2));
    world.read();
    world.broker.topics_not_allowed["bob*"] = kMayNotWatch;
    world.broker.answer_about_topics_later = is_later;
    const size_t before = world.broker.asked_about_topics.size();
    world.change_policy();
    EXPECT_EQ(world.broker.asked_about_topics.size(), before + 2);
    if (is_later) {
      for (const Asked& asked : std::vector<Asked>(world.broker.asked_about_topics)) {
        world.broker.answer(asked, asked.name == "bob*" ? kMayNotWatch : kMayWatch);
      }
    }
    world.read();
    EXPECT_EQ(world.picture.reason, v1::REASON_NOT_AUTHORIZED);
    world.bob.send(goodbye_frame(v1::CODE_NORMAL));
    EXPECT_EQ(world.picture.take(world.wendy.read()), 0) << "it is told no more";
    EXPECT_FALSE(world.wendy.closed());
  }
}

TEST(PresenceRights, WhoIsAwayIsAskedAboutWhenItComesBack) {
  GuardedWatch world;
  world.wendy.send(watch_prefix("bob"));
  world.read();
  world.wendy.reset();
  world.broker.topics_not_allowed["bob*"] = kMayNotWatch;
  const size_t before = world.broker.asked_about_topics.size();
  world.change_policy();
  EXPECT_EQ(world.broker.asked_about_topics.size(), before);
  FakeClient again(world.broker);
  Picture picture;
  picture.take(again.connect(resume_frame(world.wendy.connected(), 1)));
  EXPECT_EQ(picture.reason, v1::REASON_NOT_AUTHORIZED);
  EXPECT_TRUE(picture.there.empty());
}

TEST(PresenceRights, AChangeOfThePolicyAsksAgainAboutWhatWaits) {
  GuardedWatch world;
  world.broker.answer_about_topics_later = true;
  world.wendy.send(watch_prefix("bob"));
  const Asked old = world.broker.asked_about_topics.back();
  world.change_policy();
  world.broker.answer(old, kMayWatch);
  EXPECT_TRUE(world.wendy.read().empty()) << "the old policy's answer does not count";
  world.broker.answer(world.broker.asked_about_topics.back(), kMayNotWatch);
  world.read();
  EXPECT_EQ(world.picture.reason, v1::REASON_NOT_AUTHORIZED);
}

TEST(PresenceRights, WhatWasReplacedMeanwhileDoesNotCount) {
  GuardedWatch world;
  world.wendy.send(watch_prefix("bob"));
  world.read();
  world.broker.answer_about_topics_later = true;
  world.change_policy();
  const Asked old = world.broker.asked_about_topics.back();
  world.broker.answer_about_topics_later = false;
  world.wendy.send(watch_prefix("b"));
  world.broker.answer(old, kMayNotWatch);
  world.read();
  EXPECT_EQ(world.picture.reason, v1::REASON_UNSPECIFIED);
  EXPECT_TRUE(world.picture.complete);
}

}  // namespace
}  // namespace onehop::core::test
