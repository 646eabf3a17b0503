// The shard and its links: bytes in any pieces, the ends of links, stop, and what a client costs.
#include "core/shard/shard.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <random>
#include <set>

#include "pair.h"

namespace onehop::core::test {
namespace {

class ShardLinks : public OnOneShardAndOnTwo {};
INSTANTIATE_TEST_SUITE_P(, ShardLinks, testing::Values(0, 1), shards_in_words);

void expect_nothing_left(FakeBroker& broker, ShardIndex shards) {
  for (ShardIndex shard = 0; shard < shards; ++shard) {
    EXPECT_EQ(broker.counters(shard).links, 0u);
    EXPECT_EQ(broker.counters(shard).sessions, 0u);
    EXPECT_EQ(broker.counters(shard).queued_bytes, 0u);
  }
}

TEST_P(ShardLinks, AMessageGoesFromAToB) {
  Pair pair(GetParam());
  pair.alice.send(pair.bobs_name, 1, "hello");
  const v1::Message message = pair.bob.read_one().message();
  EXPECT_EQ(message.payload(), "hello");
  EXPECT_EQ(message.from(), pair.alices_name);
  EXPECT_EQ(message.id(), 1u);
  EXPECT_EQ(message.from_session(), pair.alice.connected().session());
  EXPECT_EQ(message.delivery_tag(), 0u);
  pair.bob.send(message.from(), 1, "hello yourself");
  EXPECT_EQ(pair.alice.read_one().message().payload(), "hello yourself");
  EXPECT_EQ(pair.broker.counters(0).messages_received + pair.broker.counters(1).messages_received, 2u);
  EXPECT_EQ(pair.broker.counters(0).messages_admitted + pair.broker.counters(1).messages_admitted, 2u);
}

TEST_P(ShardLinks, EveryPieceSizeGivesTheSameMessages) {
  for (size_t piece = 1; piece < 400; piece = piece < 20 ? piece + 1 : piece * 2) {
    Pair pair(GetParam());
    std::string bytes;
    std::vector<std::string> expected;
    for (uint64_t id = 1; id <= 40; ++id) {
      expected.push_back(std::string(id * 3, static_cast<char>('a' + id % 26)));
      bytes += wire(message_frame(pair.bobs_name, id, expected.back()));
    }
    for (size_t at = 0; at < bytes.size(); at += piece) pair.alice.send_bytes(bytes.substr(at, piece));
    EXPECT_EQ(payloads(pair.bob.read()), expected) << piece;
  }
}

TEST_P(ShardLinks, TheEndOfTheStreamIsNotTheEndOfWhatIsDecided) {
  Pair pair(GetParam());
  pair.bob.stop_reading();
  pair.send_many(1, 10);
  pair.bob.send("nobody", 7);
  pair.bob.end_stream();
  EXPECT_FALSE(pair.bob.closed());
  pair.bob.take();
  const std::vector<v1::Frame> frames = pair.bob.read();
  EXPECT_EQ(payloads(frames), Pair::payloads_of(Pair::range(1, 10)));
  EXPECT_TRUE(pair.bob.closed());
  EXPECT_EQ(pair.bob.link().how, CloseHow::kGraceful);
  const auto ended = pair.broker.notes_of(pair.bob.number(), {Event::Kind::kSessionEnded});
  ASSERT_EQ(ended.size(), 1u);
  EXPECT_EQ(ended[0].code, v1::CODE_UNSPECIFIED) << "the peer went away without a goodbye";
}

TEST_P(ShardLinks, WhatAnEndedSenderHadSentIsDelivered) {
  Pair pair(GetParam());
  pair.alice.link().inbound = wire(message_frame(pair.bobs_name, 1, "last words"));
  pair.alice.end_stream();
  EXPECT_TRUE(pair.alice.closed());
  EXPECT_EQ(payloads(pair.bob.read()), std::vector<std::string>{"last words"});
}

TEST(ShardLinksInTheLobby, TheEndOfTheStreamBeforeConnectClosesTheLink) {
  FakeBroker broker;
  FakeClient silent(broker);
  silent.end_stream();
  EXPECT_TRUE(silent.closed());
  EXPECT_EQ(silent.link().how, CloseHow::kGraceful);
  expect_nothing_left(broker, 1);
}

TEST_P(ShardLinks, AFailedLinkEndsItsSession) {
  Pair pair(GetParam());
  pair.bob.stop_reading();
  pair.send_many(1, 3);
  pair.bob.reset();
  const auto ended = pair.broker.notes_of(pair.bob.number(), {Event::Kind::kSessionEnded});
  ASSERT_EQ(ended.size(), 1u);
  EXPECT_EQ(ended[0].name, pair.bobs_name);
  EXPECT_EQ(ended[0].session, pair.bob.connected().session());
  EXPECT_EQ(ended[0].code, v1::CODE_UNSPECIFIED);
  pair.alice.send(pair.bobs_name, 4);
  EXPECT_EQ(refused_ids(pair.alice.read(), v1::REASON_UNKNOWN_CLIENT), std::vector<uint64_t>{4});
  EXPECT_EQ(pair.broker.counters(GetParam()).messages_dropped, 3u);
  FakeClient again(pair.broker, pair.bobs_name);
  pair.alice.send(pair.bobs_name, 5, "again");
  EXPECT_EQ(again.read_one().message().payload(), "again");
}

TEST(ShardLinksThatEnded, AreNotMistakenForOthers) {
  FakeBroker broker;
  FakeClient first(broker, "first");
  const LinkId stale = first.link().id;
  first.reset();
  FakeClient second(broker, "second");
  ASSERT_EQ(second.link().id.index, stale.index) << "the slot is used again";
  Shard& shard = broker.shard();
  shard.receive_space({})[0] = '\0';
  shard.on_received(stale, 1, broker.now);
  shard.on_writable(stale, broker.now);
  shard.on_end_of_stream(stale, broker.now);
  shard.on_link_failed(stale, broker.now);
  shard.on_answer({99}, {true, 0, 0, {}, 0}, broker.now);
  broker.settle();
  EXPECT_FALSE(second.closed());
  second.send("second", 1, "to myself");
  EXPECT_EQ(second.read_one().message().payload(), "to myself");
}

TEST_P(ShardLinks, EverythingIsGivenBack) {
  Pair pair(GetParam(), small_limits(), 1);
  pair.bob.stop_reading();
  pair.send_many(1, 100);
  pair.alice.send("nobody", 200);
  pair.alice.send(ping_frame(1));
  pair.bob.send_bytes(std::string(1, '\0'));
  pair.bob.take();
  pair.alice.send(goodbye_frame(v1::CODE_NORMAL));
  FakeClient lobby(pair.broker, ShardIndex{1});
  lobby.send_bytes("\x05");
  lobby.reset();
  pair.broker.advance(100);
  expect_nothing_left(pair.broker, 2);
}

TEST(ShardStop, EveryClientIsToldAndLeavesOneByOne) {
  FakeBroker broker(2);
  std::vector<FakeClient> clients;
  for (int i = 0; i < 20; ++i) clients.emplace_back(broker, "client" + std::to_string(i));
  FakeClient blocked(broker, "blocked");
  blocked.stop_reading();
  clients[0].send("blocked", 1, "before the end");
  FakeClient silent(broker);
  clients[1].send("nobody", 9);
  broker.stop();

  std::set<uint32_t> retries;
  for (FakeClient& client : clients) {
    const std::vector<v1::Frame> frames = client.read();
    ASSERT_FALSE(frames.empty());
    const v1::Goodbye goodbye = frames.back().goodbye();
    EXPECT_EQ(goodbye.code(), v1::CODE_SERVER_SHUTTING_DOWN);
    EXPECT_GT(goodbye.retry_after_ms(), 0u);
    retries.insert(goodbye.retry_after_ms());
    EXPECT_TRUE(client.closed());
    EXPECT_EQ(client.link().how, CloseHow::kGraceful);
  }
  EXPECT_GT(retries.size(), 10u) << "each its own";
  EXPECT_EQ(silent.read_one().goodbye().code(), v1::CODE_SERVER_SHUTTING_DOWN);
  EXPECT_FALSE(blocked.closed());
  blocked.take();
  const std::vector<v1::Frame> last = blocked.read();
  EXPECT_EQ(payloads(last), std::vector<std::string>{"before the end"});
  EXPECT_EQ(last.back().goodbye().code(), v1::CODE_SERVER_SHUTTING_DOWN);
  expect_nothing_left(broker, 2);
}

TEST(ShardStop, NobodyIsLetInAnyMore) {
  FakeBroker broker(2);
  broker.stop();
  FakeClient late(broker);
  EXPECT_EQ(late.read_one().goodbye().code(), v1::CODE_SERVER_SHUTTING_DOWN);
  EXPECT_TRUE(late.closed());
  expect_nothing_left(broker, 2);
}

TEST(ShardStop, AConnectOnItsWayBetweenShardsIsToldToo) {
  FakeBroker broker(2);
  FakeClient moving(broker, ShardIndex{0});
  moving.link().inbound = wire(connect_frame(broker.name_on(1)));
  broker.shard(1).stop(broker.now);
  broker.settle();
  EXPECT_EQ(moving.read_one().goodbye().code(), v1::CODE_SERVER_SHUTTING_DOWN);
  EXPECT_TRUE(moving.closed());
  broker.stop();
  expect_nothing_left(broker, 2);
}

TEST(ShardSize, AnIdleClientIsSmall) {
  static_assert(sizeof(Link) + sizeof(Session) <= 272, "there are very many idle clients");
  std::printf("sizeof(Link) = %zu, sizeof(Session) = %zu\n", sizeof(Link), sizeof(Session));
}

}  // namespace
}  // namespace onehop::core::test
