// Topics: one order for all subscribers, who is reached and who misses, and what the sender hears; with publisher,
// home and subscribers on one shard and on two.
#include <gtest/gtest.h>

#include "topics.h"

namespace onehop::core::test {
namespace {

using Refs = std::vector<uint64_t>;
using Texts = std::vector<std::string>;

// The parameter is alice's home. That of the topic is shard 0.
class TopicsFrom : public testing::TestWithParam<ShardIndex> {};

INSTANTIATE_TEST_SUITE_P(Topics, TopicsFrom, testing::Values(0, 1), [](const auto& home) {
  return home.param == 0 ? std::string("ItsHome") : std::string("AnotherShard");
});

TEST_P(TopicsFrom, EachSubscriberGetsEachMessageOnce) {
  Room room(GetParam());
  Room::subscribe(room.bob, room.topic);
  Room::subscribe(room.bob, "topic/+");
  Room::subscribe(room.carol, room.topic);
  Room::subscribe(room.carol, "#");
  room.publish(7, "hello");
  for (FakeClient* client : {&room.bob, &room.carol}) {
    const v1::Frame frame = client->read_one();
    EXPECT_EQ(frame.message().topic(), room.topic);
    EXPECT_EQ(frame.message().from(), room.alice.connected().name());
    EXPECT_EQ(frame.message().payload(), "hello");
    EXPECT_EQ(frame.message().id(), 7u);
    EXPECT_EQ(frame.message().from_session(), room.alice.connected().session());
    EXPECT_EQ(frame.message().delivery_tag(), 0u);
    EXPECT_EQ(frame.message().skipped(), 0u);
  }
  EXPECT_TRUE(room.alice.read().empty());
  EXPECT_EQ(room.sum(&Counters::topic_messages), 1u);
  EXPECT_EQ(room.sum(&Counters::topic_copies), 2u);
}

TEST_P(TopicsFrom, AllSubscribersSeeOneOrder) {
  Room room(GetParam());
  FakeClient dave(room.broker, topics_frame(room.broker.name_on(1, "dave")));
  Room::subscribe(room.bob, room.topic);
  Room::subscribe(room.carol, "topic/#");
  // Parcels from dave's shard are late; they come when alice's have come.
  room.broker.held_parcels = {{1, 0}};
  for (uint64_t id = 1; id <= 5; ++id) {
    dave.send(publish_frame(room.topic, id, "dave " + std::to_string(id)));
    room.publish(id, "alice " + std::to_string(id));
  }
  room.broker.held_parcels = {};
  room.broker.settle();
  const Texts to_bob = payloads(room.bob.read());
  EXPECT_EQ(to_bob.size(), 10u);
  EXPECT_EQ(payloads(room.carol.read()), to_bob);
}

TEST_P(TopicsFrom, BodiesOfEverySizeArriveWhole) {
  Room room(GetParam());
  FakeClient dave(room.broker, topics_frame(room.broker.name_on(1, "dave"), 60'000));
  const std::vector<FakeClient*> clients = {&room.bob, &room.carol, &dave};
  for (FakeClient* client : clients) Room::subscribe(*client, room.topic);
  dave.reset();
  constexpr size_t kSizes[] = {1, 1'000, 1'100, 4'000, 5'000, 20'000, 300'000, 10};
  Texts expected;
  uint64_t id = 0;
  for (const size_t size : kSizes) {
    expected.push_back(Room::payload_of(++id, size));
    room.publish(id, expected.back());
  }
  EXPECT_EQ(payloads(room.bob.read()), expected);
  EXPECT_EQ(payloads(room.carol.read()), expected);
  FakeClient again(room.broker);
  EXPECT_EQ(payloads(again.connect(resume_frame(dave.connected(), 1))), expected);
}

TEST_P(TopicsFrom, NobodyThere) {
  Room room(GetParam());
  room.publish(1);
  EXPECT_EQ(refused_ids(room.alice.read(), v1::REASON_NOBODY_THERE), Refs{1});
  room.alice.send(publish_frame("no topic at all", 2));
  room.alice.send(publish_frame("a/+", 3));
  room.alice.send(publish_frame(std::string(256, 'a'), 4));
  EXPECT_EQ(refused_ids(room.alice.read(), v1::REASON_NOBODY_THERE), (Refs{2, 3, 4}));
  Room::subscribe(room.carol, room.topic);
  room.publish(5);
  room.carol.send(unsubscribe_frame(room.topic));
  room.publish(6);
  EXPECT_EQ(refused_ids(room.alice.read(), v1::REASON_NOBODY_THERE), Refs{6});
  room.publish(0);
  EXPECT_TRUE(room.alice.read().empty()) << "it asked to hear nothing";
}

TEST_P(TopicsFrom, ThePongComesBehindTheRefusals) {
  Room room(GetParam());
  room.broker.held_parcels = {{1, 0}};
  std::string bytes;
  for (uint64_t id = 1; id <= 10; ++id) bytes += wire(publish_frame(room.topic, id));
  room.alice.send_bytes(bytes + wire(ping_frame(9)));
  room.broker.held_parcels = {};
  room.broker.settle();
  const std::vector<v1::Frame> frames = room.alice.read();
  EXPECT_EQ(refused_ids(frames, v1::REASON_NOBODY_THERE).size(), 10u);
  EXPECT_EQ(frames.back().pong().nonce(), 9u);
}

TEST_P(TopicsFrom, NoEcho) {
  Room room(GetParam());
  Room::subscribe(room.alice, room.topic, true);
  room.publish(1, "to nobody");
  EXPECT_EQ(refused_ids(room.alice.read(), v1::REASON_NOBODY_THERE), Refs{1}) << "only the sender is there";
  Room::subscribe(room.carol, room.topic, true);
  room.publish(2, "to carol");
  EXPECT_EQ(payloads(room.carol.read()), Texts{"to carol"});
  EXPECT_TRUE(room.alice.read().empty());
  room.carol.send(publish_frame(room.topic, 1, "to alice"));
  EXPECT_EQ(payloads(room.alice.read()), Texts{"to alice"});
  // Another subscription of hers wants them.
  Room::subscribe(room.alice, "#");
  room.publish(3, "to both");
  EXPECT_EQ(payloads(room.alice.read()), Texts{"to both"});
  room.alice.send(unsubscribe_frame("#"));
  room.carol.send(goodbye_frame(v1::CODE_NORMAL));
  room.publish(4);
  EXPECT_EQ(refused_ids(room.alice.read(), v1::REASON_NOBODY_THERE), Refs{4});
}

TEST_P(TopicsFrom, WhoHasNoRoomMissesAndIsToldHowMany) {
  Limits limits = small_limits();
  Room room(GetParam(), limits);
  for (FakeClient* client : {&room.bob, &room.carol}) Room::subscribe(*client, room.topic);
  room.carol.stop_reading();
  for (uint64_t id = 1; id <= 200; ++id) room.publish(id, Room::payload_of(id, 1'000));
  EXPECT_EQ(payloads(room.bob.read()).size(), 200u) << "nobody else waits";
  EXPECT_TRUE(room.alice.read().empty()) << "its sender is not told to pause, and hears of no miss";
  room.carol.take();
  const size_t got = room.carol.read().size();
  EXPECT_GT(got, 40u);
  EXPECT_LT(got, 100u);
  EXPECT_EQ(room.sum(&Counters::topic_skips), 200 - got);
  room.publish(201, "now there is room");
  room.publish(202, "and again");
  EXPECT_EQ(skips(room.carol.read()), (std::vector<uint32_t>{static_cast<uint32_t>(200 - got), 0}));
  EXPECT_EQ(skips(room.bob.read()), (std::vector<uint32_t>{0, 0}));
}

TEST_P(TopicsFrom, WhatWasMissedIsToldAfterAResume) {
  Limits limits = small_limits();
  Room room(GetParam(), limits);
  Room::subscribe(room.carol, room.topic);
  room.carol.reset();
  room.publish_many(1, 100, 1'000);
  FakeClient again(room.broker);
  const size_t got = again.connect(resume_frame(room.carol.connected(), 1)).size();
  EXPECT_GT(got, 20u);
  EXPECT_LT(got, 100u);
  room.publish(101);
  EXPECT_EQ(skips(again.read()), std::vector<uint32_t>{static_cast<uint32_t>(100 - got)});
}

TEST_P(TopicsFrom, TooLargeForOneSubscriber) {
  Room room(GetParam());
  v1::Frame connect = topics_frame(room.broker.name_on(1, "small"));
  connect.mutable_connect()->set_frame_bytes_max(16 << 10);
  FakeClient small(room.broker, connect);
  Room::subscribe(small, room.topic);
  Room::subscribe(room.carol, room.topic);
  room.publish(1, std::string(20'000, 'x'));
  room.publish(2, "small");
  EXPECT_EQ(room.carol.read().size(), 2u);
  const std::vector<v1::Frame> frames = small.read();
  EXPECT_EQ(payloads(frames), Texts{"small"});
  EXPECT_EQ(skips(frames), std::vector<uint32_t>{1});
}

TEST_P(TopicsFrom, ADrainingBrokerRefuses) {
  Room room(GetParam());
  Room::subscribe(room.carol, room.topic);
  for (ShardIndex shard = 0; shard < 2; ++shard) room.broker.shard(shard).drain({60'000, 0}, room.broker.now);
  room.broker.settle();
  room.alice.read();
  room.publish(1);
  EXPECT_EQ(refused_ids(room.alice.read(), v1::REASON_SHUTTING_DOWN), Refs{1});
}

// What fills the parcels of a pair of shards, and half as much again.
constexpr uint64_t kManyMessages = 3 * kParcelsPerPair * kParcelBytes / 2 / 1'000;

TEST(TopicCredit, WhatTheHomeCannotSendWaitsInOrder) {
  Room room;
  Room::subscribe(room.bob, room.topic);
  Room::subscribe(room.carol, room.topic);
  room.broker.held_credits = {{1, 0}};
  room.publish_many(1, kManyMessages, 1'000);
  EXPECT_TRUE(room.alice.link().reading) << "its sender does not wait";
  EXPECT_EQ(ids(room.bob.read()).size(), kManyMessages);
  std::vector<uint64_t> got = ids(room.carol.read());
  EXPECT_LT(got.size(), kManyMessages);
  EXPECT_GT(room.broker.counters(0).state_bytes, 200'000u) << "what waits counts for the memory of the broker";
  room.broker.held_credits = {};
  room.broker.settle();
  const std::vector<v1::Frame> frames = room.carol.read();
  for (const uint64_t id : ids(frames)) got.push_back(id);
  ASSERT_EQ(got.size(), kManyMessages);
  for (uint64_t id = 1; id <= kManyMessages; ++id) ASSERT_EQ(got[id - 1], id);
  EXPECT_EQ(room.sum(&Counters::topic_skips), 0u);
  EXPECT_LT(room.broker.counters(0).state_bytes, 10'000u);
}

TEST(TopicCredit, BeyondTheBoundAllSubscribersThereMiss) {
  Room room;
  FakeClient dave(room.broker, topics_frame(room.broker.name_on(1, "dave")));
  Room::subscribe(room.carol, room.topic);
  Room::subscribe(dave, "topic/+");
  room.broker.held_credits = {{1, 0}};
  constexpr uint64_t kTooMany = 8'000;
  room.publish_many(1, kTooMany, 1'000);
  room.broker.held_credits = {};
  room.broker.settle();
  room.publish(kTooMany + 1, "last");
  for (FakeClient* client : {&room.carol, &dave}) {
    const std::vector<v1::Frame> frames = client->read();
    const std::vector<uint64_t> got = ids(frames);
    EXPECT_LT(got.size(), kTooMany);
    for (uint64_t i = 0; i + 1 < got.size(); ++i) ASSERT_EQ(got[i], i + 1) << "those that waited are the first";
    EXPECT_EQ(got.back(), kTooMany + 1);
    EXPECT_EQ(skips(frames).back(), kTooMany + 1 - got.size());
  }
}

TEST(TopicCredit, WhatWaitsTooLongExpires) {
  Room room;
  Room::subscribe(room.carol, room.topic);
  room.broker.held_credits = {{1, 0}};
  room.publish_many(1, kManyMessages, 1'000);
  const size_t got = room.carol.read().size();
  v1::Frame frame = publish_frame(room.topic, kManyMessages + 1, "impatient");
  frame.mutable_message()->set_ttl_ms(50);
  room.alice.send(frame);
  room.broker.advance(100);
  room.broker.held_credits = {};
  room.broker.settle();
  EXPECT_EQ(room.carol.read().size(), kManyMessages - got);
  EXPECT_EQ(room.broker.counters(0).messages_expired, 1u);
}

TEST(TopicCredit, APublisherWaitsForCreditToTheHome) {
  Room room(1);
  Room::subscribe(room.bob, room.topic);
  room.broker.held_parcels = {{1, 0}};
  room.publish_many(1, kManyMessages, 1'000);
  EXPECT_FALSE(room.alice.link().reading);
  room.broker.held_parcels = {};
  room.broker.settle();
  EXPECT_TRUE(room.alice.link().reading);
  EXPECT_EQ(room.bob.read().size(), kManyMessages);
}

TEST(TopicCredit, SendersToClientsGetTheirShareOfIt) {
  Room room;
  Room::subscribe(room.carol, room.topic);
  FakeClient dave(room.broker, topics_frame(room.broker.name_on(0, "dave")));
  const std::string carol = room.carol.connected().name();
  room.broker.held_credits = {{1, 0}};
  room.publish_many(1, 3'000, 1'000);
  std::string bytes;
  for (uint64_t id = 1; id <= 200; ++id) bytes += wire(message_frame(carol, id, std::string(1'000, 'd')));
  dave.send_bytes(bytes);
  EXPECT_FALSE(dave.link().reading);
  room.broker.held_credits = {};
  room.broker.settle();
  EXPECT_TRUE(dave.link().reading);
  const std::vector<v1::Frame> frames = room.carol.read();
  EXPECT_EQ(frames.size(), 3'200u);
  EXPECT_TRUE(frames.back().message().has_topic()) << "they did not wait for all that waited before them";
}

}  // namespace
}  // namespace onehop::core::test
