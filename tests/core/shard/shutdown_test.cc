// The end announced: what goes on, what does not begin any more, and who is told what.
#include <gtest/gtest.h>

#include <array>
#include <memory>

#include "confirmed.h"

namespace onehop::core::test {
namespace {

constexpr Drain kDrain{20'000, 5'000};

void drain(FakeBroker& broker, ShardIndex shards = 2) {
  for (ShardIndex shard = 0; shard < shards; ++shard) broker.shard(shard).drain(kDrain, broker.now);
  broker.settle();
}

class ShardDrain : public OnOneShardAndOnTwo {};
INSTANTIATE_TEST_SUITE_P(Homes, ShardDrain, testing::Values(ShardIndex{0}, ShardIndex{1}), shards_in_words);

TEST_P(ShardDrain, EverybodyIsToldAndStaysConnected) {
  LastingPair pair(GetParam());
  drain(pair.broker);
  for (FakeClient* client : {&pair.alice, &pair.bob}) {
    const v1::Goodbye goodbye = client->read_one().goodbye();
    EXPECT_EQ(goodbye.code(), v1::CODE_SERVER_SHUTTING_DOWN);
    EXPECT_EQ(goodbye.grace_ms(), kDrain.grace_ms);
    EXPECT_LE(goodbye.retry_after_ms(), kDrain.spread_ms);
    EXPECT_FALSE(client->closed());
  }
}

TEST_P(ShardDrain, NobodyGrowsOldMeanwhile) {
  Limits limits;
  limits.connection_age_ms_max = 10'000;
  limits.keepalive_ms_default = 600'000;
  LastingPair pair(GetParam(), limits);
  drain(pair.broker);
  pair.broker.advance(15'000);
  for (FakeClient* client : {&pair.alice, &pair.bob}) {
    EXPECT_EQ(client->read_one().goodbye().code(), v1::CODE_SERVER_SHUTTING_DOWN);
    EXPECT_FALSE(client->closed());
  }
}

// Its host may have nothing else to flush for.
TEST_P(ShardDrain, EachStepWantsAFlush) {
  LastingPair pair(GetParam());
  Shard& shard = pair.broker.shard(GetParam());
  EXPECT_FALSE(shard.flush_wanted());
  shard.drain(kDrain, pair.broker.now);
  EXPECT_TRUE(shard.flush_wanted());
  pair.broker.settle();
  EXPECT_FALSE(shard.flush_wanted());
  shard.stop(pair.broker.now);
  EXPECT_TRUE(shard.flush_wanted());
}

TEST_P(ShardDrain, NewMessagesAreRefusedAndWhatWasAdmittedIsSettled) {
  LastingPair pair(GetParam());
  pair.send(1, 3);
  drain(pair.broker);
  pair.send(4, 5);
  EXPECT_EQ(outcomes(pair.alice.read()), same_for(4, 5, v1::OUTCOME_REJECTED, v1::REASON_SHUTTING_DOWN, false));
  pair.bob.send(ack_up_to(2));
  EXPECT_EQ(outcomes(pair.alice.read()), same_for(1, 2, v1::OUTCOME_DELIVERED));
  pair.alice.send(ping_frame(7));
  EXPECT_EQ(pair.alice.read_one().pong().nonce(), 7u);
}

TEST_P(ShardDrain, WhatWaitsForTheWindowStillComes) {
  LastingPair pair(GetParam(), {}, 1);
  pair.send(1, 3);
  drain(pair.broker);
  for (uint64_t tag = 1; tag <= 3; ++tag) pair.bob.send(ack_up_to(tag));
  EXPECT_EQ(ids(pair.bob.read()), (std::vector<uint64_t>{1, 2, 3}));
  EXPECT_EQ(outcomes(pair.alice.read()), same_for(1, 3, v1::OUTCOME_DELIVERED));
}

TEST_P(ShardDrain, WhoIsAwayEndsAtOnce) {
  LastingPair pair(GetParam());
  pair.send(1, 2);
  pair.bob.end_stream();
  drain(pair.broker);
  EXPECT_EQ(outcomes(pair.alice.read()), same_for(1, 2, v1::OUTCOME_LOST, v1::REASON_SHUTTING_DOWN));
  EXPECT_EQ(pair.bobs_counters().messages_lost[v1::REASON_SHUTTING_DOWN], 2u);
}

TEST_P(ShardDrain, SoDoesWhoGoesAwayMeanwhile) {
  LastingPair pair(GetParam());
  pair.send(1, 2);
  drain(pair.broker);
  pair.bob.reset();
  EXPECT_EQ(outcomes(pair.alice.read()), same_for(1, 2, v1::OUTCOME_LOST, v1::REASON_SHUTTING_DOWN));
}

TEST_P(ShardDrain, TheClientsGoodbyeEndsItInOrder) {
  LastingPair pair(GetParam());
  pair.send(1, 1);
  drain(pair.broker);
  pair.bob.send(ack_up_to(1));
  pair.alice.read();
  pair.alice.send(goodbye_frame(v1::CODE_NORMAL));
  EXPECT_EQ(pair.alice.read_one().goodbye().code(), v1::CODE_NORMAL);
  EXPECT_TRUE(pair.alice.closed());
}

TEST_P(ShardDrain, StoppingTellsWhoIsLeftAndSettlesTheRest) {
  LastingPair pair(GetParam());
  pair.send(1, 2);
  drain(pair.broker);
  pair.alice.read();
  pair.broker.stop();
  const auto frames = pair.alice.read();
  EXPECT_EQ(outcomes(frames), same_for(1, 2, v1::OUTCOME_LOST, v1::REASON_SHUTTING_DOWN));
  EXPECT_EQ(frames.back().goodbye().code(), v1::CODE_SERVER_SHUTTING_DOWN);
  EXPECT_EQ(frames.back().goodbye().grace_ms(), 0u);
  EXPECT_LE(frames.back().goodbye().retry_after_ms(), kDrain.spread_ms);
}

TEST(ShardDrainLobby, NobodyIsLetInNorBack) {
  LastingPair pair(1);
  FakeClient early(pair.broker);  // Has said nothing yet.
  const v1::Frame resume = resume_frame(pair.bob.connected(), 1);
  drain(pair.broker);
  expect_ended(pair.broker, early, v1::CODE_SERVER_SHUTTING_DOWN);
  for (const v1::Frame& connect : {connect_frame("newcomer"), resume}) {
    FakeClient late(pair.broker);
    late.send(connect);
    expect_ended(pair.broker, late, v1::CODE_SERVER_SHUTTING_DOWN);
  }
}

// Deep in the middle of a frame that the socket did not take whole.
TEST(ShardDrainOutput, TheGoodbyeComesBehindWhatIsQueued) {
  LastingPair pair(1);
  pair.bob.set_room(100);
  pair.send(1, 3, 0, 1'000);
  drain(pair.broker);
  pair.bob.take();
  const auto frames = pair.bob.read();
  ASSERT_EQ(frames.size(), 4u);
  EXPECT_EQ(ids(frames), (std::vector<uint64_t>{1, 2, 3}));
  EXPECT_EQ(frames.back().goodbye().grace_ms(), kDrain.grace_ms);
}

TEST(ShardDrainSpread, ComesBackEvenlyOverTheWholeTime) {
  FakeBroker broker(2);
  std::vector<std::unique_ptr<FakeClient>> clients;
  for (int i = 0; i < 400; ++i) {
    clients.push_back(std::make_unique<FakeClient>(
        broker, broker.name_on(static_cast<ShardIndex>(i % 2), "client-" + std::to_string(i) + "-")));
  }
  drain(broker);
  std::array<int, 10> buckets{};
  for (const auto& client : clients) {
    const uint32_t retry_after_ms = client->read_one().goodbye().retry_after_ms();
    ++buckets.at(std::min<size_t>(9, retry_after_ms / (kDrain.spread_ms / 10)));
  }
  for (const int bucket : buckets) {
    EXPECT_GE(bucket, 20);  // Of 40.
    EXPECT_LE(bucket, 60);
  }
}

}  // namespace
}  // namespace onehop::core::test
