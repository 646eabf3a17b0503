// Who may publish and subscribe: the host decides, at once or later, and again when the policy changes.
#include "core/shard/subscription_rights.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "topics.h"

namespace onehop::core::test {
namespace {

using Refs = std::vector<uint64_t>;
using Texts = std::vector<std::string>;

const Answer kMay{true, 0, 0, {}, 0};
const Answer kMayNot{false, 0, 0, {}, 0};
const Answer kCannotSay{false, 0, v1::CODE_SERVER_BUSY, {}, 0};

// Alice publishes and bob subscribes, on two shards, of which the second is the home of the topic.
struct Guarded {
  Guarded()
      : broker(2, {}, true),
        topic(broker.name_on(1, "news/")),
        alice(broker, topics_frame(broker.name_on(0, "alice"))),
        bob(broker, topics_frame(broker.name_on(1, "bob"), 60'000)) {}

  void subscribe(const std::string& filter) {
    bob.send(subscribe_frame(filter, 1));
    EXPECT_EQ(answered(bob.read()), Refs{1});
  }
  void publish(uint64_t id, const std::string& payload = "") { alice.send(publish_frame(topic, id, payload)); }
  void change_policy() {
    for (ShardIndex shard = 0; shard < broker.shards(); ++shard) broker.shard(shard).on_policy_changed(broker.now);
    broker.settle();
  }
  void answer(const Answer& verdict) { broker.answer(broker.asked_about_topics.back(), verdict); }
  uint64_t revoked() { return broker.counters(0).sessions_revoked + broker.counters(1).sessions_revoked; }

  FakeBroker broker;
  std::string topic;
  FakeClient alice;
  FakeClient bob;
};

TEST(Publish, WhatIsNotAllowedIsRefusedWhetherOrNotSomebodyIsThere) {
  Guarded world;
  world.broker.topics_not_allowed[world.topic] = kMayNot;
  world.publish(1);
  world.subscribe("news/#");
  world.publish(2);
  EXPECT_EQ(refused_ids(world.alice.read(), v1::REASON_NOT_AUTHORIZED), (Refs{1, 2}));
  EXPECT_TRUE(world.bob.read().empty());
}

TEST(Publish, IsAskedOnceUntilThePolicyChanges) {
  Guarded world;
  world.subscribe(world.topic);
  const size_t before = world.broker.asked_about_topics.size();
  for (uint64_t id = 1; id <= 3; ++id) world.publish(id);
  ASSERT_EQ(world.broker.asked_about_topics.size(), before + 1);
  EXPECT_EQ(world.broker.asked_about_topics.back().name, world.topic);
  EXPECT_EQ(world.broker.asked_about_topics.back().sender, world.alice.connected().name());
  world.bob.read();
  world.broker.topics_not_allowed[world.topic] = kMayNot;
  // Bob may not stay subscribed either.
  world.change_policy();
  world.publish(4);
  EXPECT_EQ(refused_ids(world.alice.read(), v1::REASON_NOT_AUTHORIZED), Refs{4});
}

TEST(Publish, ToATopicIsAnotherRightThanToSendToTheClientOfThatName) {
  Guarded world;
  const std::string bob = world.bob.connected().name();
  world.subscribe(bob);
  world.broker.topics_not_allowed[bob] = kMayNot;
  world.alice.send(publish_frame(bob, 1, "to the topic"));
  world.alice.send(bob, 2, "to the client");
  world.alice.send(publish_frame(bob, 3, "to the topic"));
  EXPECT_EQ(payloads(world.bob.read()), Texts{"to the client"});
  EXPECT_EQ(refused_ids(world.alice.read(), v1::REASON_NOT_AUTHORIZED), (Refs{1, 3}));
}

TEST(Publish, WaitsInOrderForAVerdictThatComesLater) {
  Guarded world;
  world.subscribe(world.topic);
  world.broker.answer_about_topics_later = true;
  world.publish(1, "one");
  world.publish(2, "two");
  EXPECT_TRUE(world.bob.read().empty());
  world.answer(kMay);
  EXPECT_EQ(payloads(world.bob.read()), (Texts{"one", "two"}));
}

TEST(Publish, WithoutAVerdictIsRefusedForNow) {
  Guarded world;
  world.subscribe(world.topic);
  world.broker.answer_about_topics_later = true;
  world.publish(1);
  world.broker.advance(kVerdictDeadlineMs + 10);
  EXPECT_EQ(refused_ids(world.alice.read(), v1::REASON_BROKER_BUSY), Refs{1});
}

TEST(SubscriptionRights, WhatIsNotAllowedIsRefused) {
  Guarded world;
  world.broker.topics_not_allowed["news/#"] = kMayNot;
  world.broker.topics_not_allowed["busy"] = kCannotSay;
  world.bob.send(subscribe_frame("news/#", 5));
  world.bob.send(subscribe_frame("busy", 6));
  world.bob.send(subscribe_frame("other", 7));
  const std::vector<v1::Frame> told = world.bob.read();
  EXPECT_EQ(answered(told, v1::REASON_NOT_AUTHORIZED), Refs{5});
  EXPECT_EQ(answered(told, v1::REASON_BROKER_BUSY), Refs{6});
  EXPECT_GT(told[1].subscribed().retry_after_ms(), 0u);
  EXPECT_EQ(answered(told), Refs{7});
  world.publish(1, "secret");
  EXPECT_TRUE(world.bob.read().empty());
}

TEST(SubscriptionRights, WhatTheClientSendsBehindItKeepsItsPlace) {
  Guarded world;
  world.broker.answer_about_topics_later = true;
  world.bob.send(subscribe_frame(world.topic, 5));
  world.bob.send(unsubscribe_frame(world.topic, 6));
  EXPECT_TRUE(world.bob.read().empty());
  world.answer(kMay);
  world.broker.settle();  // It is read again.
  EXPECT_EQ(answered(world.bob.read()), (Refs{5, 6}));
  world.publish(1);
  world.answer(kMay);
  EXPECT_EQ(refused_ids(world.alice.read(), v1::REASON_NOBODY_THERE), Refs{1});
}

TEST(SubscriptionRights, AnAnswerThatDoesNotComeIsARefusalForNow) {
  Guarded world;
  world.broker.answer_about_topics_later = true;
  world.bob.send(subscribe_frame(world.topic, 5));
  world.broker.advance(kVerdictDeadlineMs + 10);
  EXPECT_EQ(answered(world.bob.read(), v1::REASON_BROKER_BUSY), Refs{5});
  world.answer(kMay);  // It comes too late to count.
  EXPECT_TRUE(world.bob.read().empty());
  EXPECT_EQ(world.broker.counters(1).links, 1u) << "and the connection goes on";
}

TEST(SubscriptionRights, AnAnswerAfterTheConnectionSubscribesNobody) {
  Guarded world;
  world.broker.answer_about_topics_later = true;
  world.bob.send(subscribe_frame(world.topic, 5));
  world.bob.reset();
  world.answer(kMay);
  world.publish(1);
  world.answer(kMay);
  EXPECT_EQ(refused_ids(world.alice.read(), v1::REASON_NOBODY_THERE), Refs{1});
}

TEST(SubscriptionRights, WhatWaitsIsAskedAgainWhenThePolicyChanges) {
  Guarded world;
  world.broker.answer_about_topics_later = true;
  world.bob.send(subscribe_frame(world.topic, 5));
  const Asked old = world.broker.asked_about_topics.back();
  world.change_policy();
  EXPECT_NE(world.broker.asked_about_topics.back().ticket, old.ticket);
  world.broker.answer(old, kMay);
  EXPECT_TRUE(world.bob.read().empty()) << "the old policy's answer does not count";
  world.answer(kMayNot);
  EXPECT_EQ(answered(world.bob.read(), v1::REASON_NOT_AUTHORIZED), Refs{5});
}

TEST(SubscriptionRights, WhoMayNotKeepASubscriptionEnds) {
  for (const bool is_away : {false, true}) {
    for (const bool is_later : {false, true}) {
      Guarded world;
      world.subscribe("other");
      world.subscribe(world.topic);
      if (is_away) world.bob.reset();
      world.broker.topics_not_allowed[world.topic] = kMayNot;
      world.broker.answer_about_topics_later = is_later;
      world.change_policy();
      if (is_later) {
        for (const Asked& asked : std::vector<Asked>(world.broker.asked_about_topics)) {
          world.broker.answer(asked, asked.name == world.topic ? kMayNot : kMay);
        }
      }
      EXPECT_EQ(world.revoked(), 1u);
      EXPECT_EQ(world.broker.counters(1).sessions, 0u);
      if (!is_away) expect_ended(world.broker, world.bob, v1::CODE_NOT_AUTHORIZED);
      world.broker.answer_about_topics_later = false;
      world.broker.topics_not_allowed.clear();
      world.change_policy();
      world.publish(1);
      EXPECT_EQ(refused_ids(world.alice.read(), v1::REASON_NOBODY_THERE), Refs{1});
    }
  }
}

TEST(SubscriptionRights, WhereItCannotBeSaidTheConnectionEndsAndTheSessionStays) {
  Guarded world;
  world.subscribe(world.topic);
  world.broker.answer_about_topics_later = true;
  world.change_policy();
  world.broker.advance(kVerdictDeadlineMs + 10);
  expect_ended(world.broker, world.bob, v1::CODE_SERVER_BUSY);
  EXPECT_EQ(world.revoked(), 0u);
  EXPECT_EQ(world.broker.counters(1).sessions, 1u);
  // Who comes back is judged again.
  world.broker.answer_about_topics_later = false;
  world.broker.topics_not_allowed[world.topic] = kMayNot;
  FakeClient again(world.broker);
  again.send(resume_frame(world.bob.connected(), 1));
  EXPECT_EQ(again.read().back().goodbye().code(), v1::CODE_NOT_AUTHORIZED);
}

// A link that waits for the answer to its Subscribe is not read, whatever else happens to the rights of its session.
TEST(SubscriptionRights, NothingElseWakesALinkThatWaits) {
  Guarded world;
  world.bob.send(publish_frame("other", 1));  // So there are verdicts that may be forgotten.
  world.bob.read();
  world.broker.answer_about_topics_later = true;
  world.bob.send(subscribe_frame(world.topic, 5));
  world.bob.send(unsubscribe_frame(world.topic, 6));
  world.change_policy();
  world.broker.settle();
  EXPECT_TRUE(world.bob.read().empty());
  world.answer(kMay);
  world.broker.settle();
  EXPECT_EQ(answered(world.bob.read()), (Refs{5, 6}));
  world.broker.answer_about_topics_later = false;
  world.publish(1);
  EXPECT_EQ(refused_ids(world.alice.read(), v1::REASON_NOBODY_THERE), Refs{1});
}

// What was asked with the credentials from before does not count.
TEST(SubscriptionRights, ARenewalAsksAgainAboutWhatWaits) {
  Guarded world;
  FakeClient carol(world.broker, world.broker.name_on(1, "carol"));
  v1::Frame frame = topics_frame(world.broker.name_on(1, "dora"));
  frame.mutable_connect()->set_features(kFeatureTopics | kFeatureRenewal);
  FakeClient dora(world.broker, frame);
  world.broker.answer_about_topics_later = true;
  world.broker.answer_to_renew_later = true;
  v1::Frame renew;
  renew.mutable_renew()->set_token("less");
  dora.send(renew);
  dora.send(subscribe_frame(world.topic, 5));
  const Asked old = world.broker.asked_about_topics.back();
  world.broker.answer(world.broker.asked_to_renew.back(), world.broker.may_renew);
  world.broker.answer(old, kMay);
  EXPECT_TRUE(answered(dora.read()).empty());
  world.answer(kMayNot);
  EXPECT_EQ(answered(dora.read(), v1::REASON_NOT_AUTHORIZED), Refs{5});
}

TEST(SubscriptionRights, WhatItHasUnsubscribedMeanwhileDoesNotCount) {
  Guarded world;
  world.subscribe(world.topic);
  world.broker.answer_about_topics_later = true;
  world.change_policy();
  world.bob.send(unsubscribe_frame(world.topic, 2));
  world.answer(kMayNot);
  EXPECT_EQ(world.revoked(), 0u);
  EXPECT_FALSE(world.bob.closed());
}

// Whoever comes back may have shown credentials that allow less.
TEST(SubscriptionRights, AResumedSessionIsAskedAboutAgain) {
  Guarded world;
  world.subscribe(world.topic);
  world.bob.reset();
  world.broker.topics_not_allowed[world.topic] = kMayNot;
  FakeClient again(world.broker);
  again.send(resume_frame(world.bob.connected(), 1));
  EXPECT_EQ(again.read().back().goodbye().code(), v1::CODE_NOT_AUTHORIZED);
  EXPECT_EQ(world.broker.counters(1).sessions, 0u);
}

}  // namespace
}  // namespace onehop::core::test
