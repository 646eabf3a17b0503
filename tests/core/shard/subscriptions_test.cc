// Subscriptions: answers, who must know, limits, and what a session's end and its resume leave of them.
#include <gtest/gtest.h>

#include "topics.h"

namespace onehop::core::test {
namespace {

using Refs = std::vector<uint64_t>;

TEST(Subscribe, IsAnsweredAndMayBeRepeated) {
  Room room;
  room.bob.send(subscribe_frame("news", 5));
  room.bob.send(subscribe_frame("news", 6));
  room.bob.send(unsubscribe_frame("news", 7));
  room.bob.send(unsubscribe_frame("news", 8));
  EXPECT_EQ(answered(room.bob.read()), (Refs{5, 6, 7, 8}));
}

TEST(Subscribe, NeedsTheFeature) {
  for (const v1::Frame& frame : {subscribe_frame("news"), unsubscribe_frame("news")}) {
    FakeBroker broker;
    FakeClient bob(broker, "bob");
    EXPECT_EQ(bob.connected().features(), 0u);
    bob.send(frame);
    expect_ended(broker, bob, v1::CODE_PROTOCOL_ERROR);
  }
  FakeBroker broker;
  FakeClient bob(broker, topics_frame("bob"));
  EXPECT_EQ(bob.connected().features(), kFeatureTopics);
}

TEST(Subscribe, ToWhatBreaksTheRulesIsAProtocolError) {
  for (const char* bad : {"", "a/#/b", "a+", "$a", "a b"}) {
    for (const v1::Frame& frame : {subscribe_frame(bad), unsubscribe_frame(bad)}) {
      FakeBroker broker;
      FakeClient bob(broker, topics_frame("bob"));
      bob.send(frame);
      expect_ended(broker, bob, v1::CODE_PROTOCOL_ERROR);
    }
  }
  FakeBroker broker;
  FakeClient bob(broker, topics_frame("bob"));
  bob.send_bytes(raw_frame(12, "\xff"));
  expect_ended(broker, bob, v1::CODE_PROTOCOL_ERROR);
}

TEST(Subscribe, IsAnsweredWhenAllThatMustKnowDo) {
  Room room(0, {}, 3);
  // The home of the topic is shard 0, carol's is shard 2.
  room.broker.held_parcels = {{2, 0}};
  room.carol.send(subscribe_frame(room.topic, 1));
  EXPECT_TRUE(room.carol.read().empty());
  room.broker.held_parcels = {{2, 1}};
  room.broker.settle();
  EXPECT_EQ(answered(room.carol.read()), Refs{1}) << "shard 1 need not know";
  room.carol.send(subscribe_frame("#", 2));
  EXPECT_TRUE(room.carol.read().empty()) << "a wildcard is known everywhere";
  room.broker.held_parcels = {{1, 2}};
  room.broker.settle();
  EXPECT_TRUE(room.carol.read().empty()) << "and its shard knows that it is";
  room.broker.held_parcels = {};
  room.broker.settle();
  EXPECT_EQ(answered(room.carol.read()), Refs{2});
}

TEST(Subscribe, TheAnswerIsLostWithItsConnection) {
  Room room;
  room.broker.held_parcels = {{1, 0}};
  room.carol.send(subscribe_frame(room.topic, 1));
  room.carol.reset();
  FakeClient again(room.broker);
  const v1::Frame connect = resume_frame(room.carol.connected(), 1);
  EXPECT_TRUE(again.connect(connect).empty());
  room.broker.held_parcels = {};
  room.broker.settle();
  EXPECT_TRUE(again.read().empty());
  room.publish(1, "it holds");
  EXPECT_EQ(payloads(again.read()), std::vector<std::string>{"it holds"});
}

TEST(Subscribe, NoMoreThanTheLimit) {
  Room room;
  std::string bytes;
  for (uint64_t i = 1; i <= kSubscriptionsMax + 1; ++i) {
    bytes += wire(subscribe_frame("topics/" + std::to_string(i), i));
  }
  room.bob.send_bytes(bytes);
  const std::vector<v1::Frame> frames = room.bob.read();
  EXPECT_EQ(answered(frames).size(), kSubscriptionsMax);
  EXPECT_EQ(answered(frames, v1::REASON_BROKER_BUSY), Refs{kSubscriptionsMax + 1});
  room.bob.send(subscribe_frame("topics/1", 1, true));
  EXPECT_EQ(answered(room.bob.read()), Refs{1}) << "what it has it may repeat";
  room.bob.send(unsubscribe_frame("topics/7", 2));
  room.bob.send(subscribe_frame("another", 3));
  EXPECT_EQ(answered(room.bob.read()), (Refs{2, 3}));
}

TEST(Subscribe, AnswersThatWaitForOtherShardsAreBounded) {
  Room room;
  room.broker.held_parcels = {{1, 0}};
  std::string bytes;
  for (uint64_t i = 1; i <= kSubscriptionsMax + 1; ++i) bytes += wire(subscribe_frame(room.topic, i));
  room.carol.send_bytes(bytes);
  const std::vector<v1::Frame> frames = room.carol.read();
  EXPECT_EQ(answered(frames, v1::REASON_BROKER_BUSY), Refs{kSubscriptionsMax + 1});
  EXPECT_NE(frames.back().subscribed().retry_after_ms(), 0u);
  room.broker.held_parcels = {};
  room.broker.settle();
  EXPECT_EQ(answered(room.carol.read()).size(), kSubscriptionsMax);
  room.carol.send(subscribe_frame(room.topic, 7));
  EXPECT_EQ(answered(room.carol.read()), Refs{7});
}

TEST(Subscriptions, SurviveABrokenConnectionAndEndWithTheSession) {
  for (const bool there : {false, true}) {
    Room room;
    FakeClient& client = there ? room.carol : room.bob;
    Room::subscribe(client, room.topic);
    Room::subscribe(client, "other/#");
    client.reset();
    room.publish(1, "while it is away");
    FakeClient again(room.broker);
    EXPECT_EQ(payloads(again.connect(resume_frame(client.connected(), 1))),
              std::vector<std::string>{"while it is away"});
    room.publish(2, "it is back");
    EXPECT_EQ(payloads(again.read()), std::vector<std::string>{"it is back"});
    EXPECT_TRUE(room.alice.read().empty());
    again.send(goodbye_frame(v1::CODE_NORMAL));
    room.publish(3);
    EXPECT_EQ(refused_ids(room.alice.read(), v1::REASON_NOBODY_THERE), Refs{3});
    FakeClient next(room.broker, topics_frame(client.connected().name()));
    room.publish(4);
    EXPECT_TRUE(next.read().empty());
  }
}

TEST(Subscriptions, CountForTheMemoryOfTheBroker) {
  Room room;
  const uint64_t before = room.broker.counters(1).state_bytes;
  const uint64_t before_at_home = room.broker.counters(0).state_bytes;
  Room::subscribe(room.carol, room.topic);
  Room::subscribe(room.carol, "other/+");
  EXPECT_GT(room.broker.counters(1).state_bytes, before + 100);
  EXPECT_GT(room.broker.counters(0).state_bytes, before_at_home + 100);
  room.carol.send(goodbye_frame(v1::CODE_NORMAL));
  EXPECT_EQ(room.broker.counters(1).state_bytes, before);
  EXPECT_EQ(room.broker.counters(0).state_bytes, before_at_home);
}

// Filters with many levels, and wildcards, take memory on every shard.
TEST(Subscriptions, WildcardsCountOnAllShards) {
  Limits limits;
  limits.memory_bytes_max = 1'000'000;
  Room room(0, limits, 2);
  FakeClient greedy(room.broker, topics_frame(room.broker.name_on(1, "greedy")));
  std::string levels;
  for (int i = 0; i < 100; ++i) levels += "/l";
  for (uint64_t i = 1; i <= 200; ++i) {
    if (!greedy.closed()) greedy.send(subscribe_frame(std::to_string(i) + levels + "/#", i));
  }
  room.broker.advance(6'000);
  EXPECT_LT(room.broker.ledger.total(), 1'000'000u);
  EXPECT_FALSE(room.alice.closed());
  EXPECT_FALSE(room.bob.closed());
  const std::vector<v1::Frame> told = greedy.read();
  EXPECT_TRUE(greedy.closed() || !answered(told, v1::REASON_BROKER_BUSY).empty());
}

TEST(Subscriptions, WhoHoldsMostIsEndedForMemory) {
  Limits limits;
  limits.memory_bytes_max = 300'000;
  Room room(0, limits, 1);
  FakeClient greedy(room.broker, topics_frame("greedy"));
  for (uint64_t i = 1; i <= kSubscriptionsMax; ++i) {
    if (!greedy.closed()) greedy.send(subscribe_frame(std::string(200, 't') + std::to_string(i), i));
  }
  // Where memory is short nobody subscribes to more, and who holds most ends after some seconds of that.
  EXPECT_FALSE(answered(greedy.read(), v1::REASON_BROKER_BUSY).empty());
  room.broker.advance(6'000);
  EXPECT_TRUE(greedy.closed());
  EXPECT_EQ(greedy.read().back().goodbye().code(), v1::CODE_SERVER_BUSY);
  EXPECT_FALSE(room.alice.closed());
  EXPECT_FALSE(room.bob.closed());
}

}  // namespace
}  // namespace onehop::core::test
