// What happens as the memory of the process fills: refusals first, then the largest clients end, one by one.
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>

#include "confirmed.h"
#include "pair.h"

namespace onehop::core::test {
namespace {

std::vector<Noted> noted(const FakeBroker& broker, Event::Kind kind) {
  std::vector<Noted> found;
  for (const Noted& one : broker.notes) {
    if (one.kind == kind) found.push_back(one);
  }
  return found;
}

class Memory : public OnOneShardAndOnTwo {
 protected:
  static Limits limits(uint64_t memory_bytes_max) {
    Limits limits = small_limits();
    limits.memory_bytes_max = memory_bytes_max;
    return limits;
  }
  // A client that does not read, with so many messages of 1,000 bytes waiting.
  static FakeClient slow(Pair& pair, ShardIndex home, const std::string& name, uint64_t& id, int messages) {
    FakeClient client(pair.broker, pair.broker.name_on(home, name));
    client.stop_reading();
    for (int n = 0; n < messages; ++n) pair.alice.send(client.connected().name(), ++id, std::string(1'000, 'x'));
    return client;
  }
};
INSTANTIATE_TEST_SUITE_P(Homes, Memory, testing::Values<ShardIndex>(0, 1), shards_in_words);

TEST_P(Memory, FirstNewClientsAndMessagesAreRefusedAndResumesLetIn) {
  Pair pair(GetParam(), limits(140'000));
  FakeClient lasting(pair.broker, lasting_frame(pair.broker.name_on(GetParam(), "lasting")));
  lasting.reset();
  uint64_t id = 0;
  std::vector<FakeClient> clients;
  for (int i = 0; i < 3; ++i) clients.push_back(slow(pair, GetParam(), "slow" + std::to_string(i) + "-", id, 40));
  EXPECT_FALSE(refused_ids(pair.alice.read(), v1::REASON_BROKER_BUSY).empty());
  EXPECT_EQ(noted(pair.broker, Event::Kind::kMemoryRefusing).size(), 1u);
  EXPECT_EQ(pair.broker.ledger.stage(), MemoryStage::kRefusing);

  FakeClient late(pair.broker, GetParam());
  late.send(connect_frame(pair.broker.name_on(GetParam(), "late")));
  const std::vector<v1::Frame> told = late.read();
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].goodbye().code(), v1::CODE_SERVER_BUSY);
  EXPECT_GT(told[0].goodbye().retry_after_ms(), 0u);
  FakeClient resumed(pair.broker);
  resumed.connect(resume_frame(lasting.connected(), 1));
  EXPECT_TRUE(resumed.connected().resumed());

  for (FakeClient& client : clients) client.take();
  pair.broker.advance(100);
  EXPECT_EQ(noted(pair.broker, Event::Kind::kMemoryFree).size(), 1u);
  FakeClient again(pair.broker, pair.broker.name_on(GetParam(), "late"));
  EXPECT_EQ(again.connected().name(), pair.broker.name_on(GetParam(), "late"));
  EXPECT_TRUE(noted(pair.broker, Event::Kind::kMemoryEnding).empty());
}

TEST_P(Memory, ThenTheLargestClientEndsAndNoMoreThanNeedBe) {
  Pair pair(GetParam(), limits(1'000'000));
  uint64_t id = 0;
  FakeClient least = slow(pair, GetParam(), "least", id, 10);
  FakeClient most = slow(pair, GetParam(), "most", id, 40);
  FakeClient middle = slow(pair, 1 - GetParam(), "middle", id, 20);
  // All there is, and no more, so that one is too much.
  for (ShardIndex shard = 0; shard < 2; ++shard) {
    pair.broker.shard(shard).set_limits(limits(pair.broker.ledger.total()), pair.broker.now);
  }
  pair.broker.advance(50);
  most.take();
  const std::vector<v1::Frame> frames = most.read();
  ASSERT_FALSE(frames.empty());
  EXPECT_EQ(frames.back().goodbye().code(), v1::CODE_SERVER_BUSY);
  EXPECT_GT(frames.back().goodbye().retry_after_ms(), 0u);
  EXPECT_LT(payloads(frames).size(), 2u) << "what waited for it is dropped";
  const std::vector<Noted> ended = noted(pair.broker, Event::Kind::kMemoryEnding);
  ASSERT_EQ(ended.size(), 1u);
  EXPECT_EQ(ended[0].name, most.connected().name());
  EXPECT_EQ(pair.broker.counters(0).memory_ended + pair.broker.counters(1).memory_ended, 1u);
  EXPECT_LT(pair.broker.ledger.stage(), MemoryStage::kEnding);
  pair.broker.advance(1'000);
  EXPECT_EQ(noted(pair.broker, Event::Kind::kMemoryEnding).size(), 1u);
}

TEST_P(Memory, OneAfterTheOtherUntilItIsBelow) {
  Pair pair(GetParam(), limits(1'000'000));
  uint64_t id = 0;
  std::vector<FakeClient> clients;
  for (int i = 0; i < 4; ++i) {
    clients.push_back(slow(pair, static_cast<ShardIndex>(i % 2), "slow" + std::to_string(i) + "-", id, 20 + i));
  }
  for (ShardIndex shard = 0; shard < 2; ++shard) {
    pair.broker.shard(shard).set_limits(limits(100'000), pair.broker.now);
  }
  pair.broker.advance(100);
  std::vector<std::string> ended;
  for (const Noted& one : noted(pair.broker, Event::Kind::kMemoryEnding)) ended.push_back(one.name);
  ASSERT_EQ(ended.size(), 2u) << "with two of four it is below";
  EXPECT_NE(std::find(ended.begin(), ended.end(), clients[3].connected().name()), ended.end());
  EXPECT_NE(std::find(ended.begin(), ended.end(), clients[2].connected().name()), ended.end());
}

TEST_P(Memory, ASessionThatWaitsForItsClientCountsAndEndsLikeAnother) {
  LastingPair pair(GetParam(), limits(1'000'000));
  pair.bob.reset();
  pair.send(1, 30, 0, 1'000);
  for (ShardIndex shard = 0; shard < 2; ++shard) {
    pair.broker.shard(shard).set_limits(limits(30'000), pair.broker.now);
  }
  pair.broker.advance(50);
  EXPECT_EQ(pair.bobs_counters().memory_ended, 1u);
  EXPECT_EQ(pair.bobs_counters().queued_bytes, 0u);
  EXPECT_EQ(outcomes(pair.alice.read()), same_for(1, 30, v1::OUTCOME_LOST, v1::REASON_CONNECTION_LOST, false));
  EXPECT_EQ(pair.broker.ledger.stage(), MemoryStage::kFree);
}

TEST_P(Memory, UnfinishedFramesCount) {
  FakeBroker broker(2, limits(40'000));
  std::vector<FakeClient> clients;
  for (int i = 0; i < 4; ++i) {
    clients.emplace_back(broker, broker.name_on(GetParam(), "client" + std::to_string(i) + "-"));
  }
  for (FakeClient& client : clients) {
    const std::string bytes = wire(message_frame("somebody", 1, std::string(15'000, 'x')));
    client.send_bytes(bytes.substr(0, 12'000));
  }
  broker.advance(100);
  EXPECT_GE(broker.counters(GetParam()).memory_ended, 1u);
  EXPECT_LT(broker.ledger.total(), 40'000u);
  for (FakeClient& client : clients) client.reset();
  broker.advance(100);
  EXPECT_EQ(broker.counters(GetParam()).decoder_bytes, 0u);
  EXPECT_EQ(broker.ledger.total(), 0u);
}

// Outcomes that nobody says to have heard are memory like any other, also of those who are away.
TEST_P(Memory, ReceiptsThatAreNotAcknowledgedCountAndEndTheirClient) {
  FakeBroker broker(2, limits(150'000));
  FakeClient modest(broker, broker.name_on(GetParam(), "modest"));
  FakeClient away(broker, lasting_frame(broker.name_on(GetParam(), "away")));
  const auto send_refused = [](FakeClient& client, uint64_t ids) {
    for (uint64_t id = 2; id <= 2 * ids; id += 2) {  // With gaps: so they are told one by one.
      v1::Frame frame = message_frame("nobody", id, "x");
      frame.mutable_message()->set_confirm(v1::CONFIRM_DELIVERED);
      client.send(frame);
    }
  };
  send_refused(modest, 100);
  send_refused(away, 500);
  away.reset();
  EXPECT_GE(broker.counters(GetParam()).receipt_bytes, 600 * sizeof(FateOfIds));
  EXPECT_EQ(broker.counters(GetParam()).sessions, 2u);
  FakeClient greedy(broker, broker.name_on(GetParam(), "greedy"));
  send_refused(greedy, 1'500);
  broker.advance(100);
  EXPECT_TRUE(greedy.closed());
  EXPECT_FALSE(modest.closed());
  EXPECT_EQ(broker.counters(GetParam()).memory_ended, 1u);
  EXPECT_LT(broker.ledger.total(), 150'000u);
  modest.reset();
  broker.advance(100'000);
  EXPECT_EQ(broker.counters(GetParam()).receipt_bytes, 0u) << "the session of the one that is away has expired";
}

// What somebody holds for good, and never enough of it to be ended at once, does not keep all others out for good.
TEST_P(Memory, WhoHoldsMostIsEndedTooWhereMessagesAreRefusedForTooLong) {
  Pair pair(GetParam(), limits(150'000));
  FakeClient away(pair.broker, lasting_frame(pair.broker.name_on(GetParam(), "away"), 3'600'000));
  uint64_t id = 0;
  while (pair.broker.ledger.stage() == MemoryStage::kFree && id < 8'000) {
    v1::Frame frame = message_frame("nobody", id += 2, "x");
    frame.mutable_message()->set_confirm(v1::CONFIRM_DELIVERED);
    away.send(frame);
    pair.broker.advance(1);
  }
  pair.broker.advance(MemoryLedger::kRefusingMsMax - 1'000);
  EXPECT_EQ(pair.broker.counters(GetParam()).memory_ended, 0u);
  pair.broker.advance(2'000);
  EXPECT_EQ(pair.broker.counters(GetParam()).memory_ended, 1u);
  EXPECT_EQ(pair.broker.ledger.stage(), MemoryStage::kFree);
  pair.send_many(2, 1);
  EXPECT_EQ(payloads(pair.bob.read()), Pair::payloads_of({2}));
}

// Those that hold little are served while memory is short: it is not they who fill it.
TEST_P(Memory, WhileItIsShortModestRecipientsAreServed) {
  Limits many = limits(2'000'000);
  many.queue_bytes_max = 1 << 20;
  Pair pair(GetParam(), many);
  FakeClient greedy(pair.broker, pair.broker.name_on(GetParam(), "greedy"));
  FakeClient second(pair.broker, pair.broker.name_on(GetParam(), "second"));
  greedy.stop_reading();
  second.stop_reading();
  FakeClient flood(pair.broker, pair.broker.name_on(0, "flood"));
  uint64_t id = 0;
  for (int i = 0; i < 1'000; ++i) flood.send(greedy.connected().name(), ++id, std::string(1'000, 'x'));
  while (pair.broker.ledger.stage() == MemoryStage::kFree && id < 4'000) {
    flood.send(second.connected().name(), ++id, std::string(1'000, 'x'));
  }
  ASSERT_EQ(pair.broker.ledger.stage(), MemoryStage::kRefusing);
  flood.send(second.connected().name(), ++id, std::string(1'000, 'x'));
  EXPECT_EQ(refused_ids(flood.read(), v1::REASON_BROKER_BUSY), std::vector<uint64_t>{id});
  pair.send_many(1, 5);
  EXPECT_EQ(payloads(pair.bob.read()), Pair::payloads_of(Pair::range(1, 5)));
}

// Whoever sends to those that are away, as much as he can, keeps nobody else's messages out.
TEST_P(Memory, ThoseThatAreAwayCannotTakeAllOfIt) {
  Pair pair(GetParam(), limits(1'000'000));
  std::vector<std::string> away;
  for (int i = 0; i < 20; ++i) {
    FakeClient client(pair.broker, lasting_frame(pair.broker.name_on(GetParam(), "away" + std::to_string(i) + "-")));
    away.push_back(client.connected().name());
    client.reset();
  }
  FakeClient modest(pair.broker, lasting_frame(pair.broker.name_on(GetParam(), "modest")));
  const v1::Connected modest_session = modest.connected();
  modest.reset();
  FakeClient flood(pair.broker, pair.broker.name_on(0, "flood"));
  uint64_t id = 0;
  uint64_t sent = 0;
  for (int round = 0; round < 60; ++round) {
    for (const std::string& name : away) flood.send(name, ++id, std::string(1'000, 'x'));
    pair.send_many(++sent, 1);
    EXPECT_EQ(payloads(pair.bob.read()), Pair::payloads_of({sent})) << "round " << round;
    if (round == 30) pair.alice.send(message_frame(modest_session.name(), ++sent, "for one that holds little"));
    EXPECT_EQ(pair.broker.ledger.stage(), MemoryStage::kFree);
    EXPECT_LE(pair.broker.counters(GetParam()).away_bytes, 520'000u);
  }
  EXPECT_GT(pair.broker.counters(GetParam()).memory_ended, 0u);
  EXPECT_TRUE(refused_ids(pair.alice.read(), v1::REASON_BROKER_BUSY).empty());
  FakeClient again(pair.broker);
  EXPECT_EQ(payloads(again.connect(resume_frame(modest_session, 1))),
            std::vector<std::string>{"for one that holds little"});
  EXPECT_TRUE(again.connected().resumed());
}

// Those without a name go first: nothing was promised to them.
TEST_P(Memory, TheBeginningsOfConnectsEndBeforeAnyClientDoes) {
  FakeBroker broker(2, limits(60'000));
  FakeClient sender(broker, broker.name_on(GetParam(), "sender"));
  FakeClient holder(broker, broker.name_on(GetParam(), "holder"));
  holder.stop_reading();
  for (uint64_t id = 1; id <= 10; ++id) sender.send(holder.connected().name(), id, std::string(1'000, 'x'));
  v1::Frame connect = connect_frame("stranger");
  connect.mutable_connect()->set_software(std::string(12'000, 's'));
  std::deque<FakeClient> strangers;
  for (int i = 0; i < 10; ++i) {
    strangers.emplace_back(broker, GetParam());
    strangers.back().send_bytes(wire(connect).substr(0, 9'000));
    broker.advance(5);
  }
  EXPECT_EQ(broker.counters(GetParam()).memory_ended, 0u);
  EXPECT_FALSE(holder.closed());
  const std::vector<v1::Frame> told = strangers.front().read();
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].goodbye().code(), v1::CODE_SERVER_BUSY);
  EXPECT_GT(told[0].goodbye().retry_after_ms(), 0u);
}

// The same, where a transport holds the memory of a connection that has sent nothing: it is free a moment later.
TEST_P(Memory, NewcomersWithTransportsEndBeforeAnyClientDoes) {
  for (const bool is_freed : {true, false}) {
    FakeBroker broker(2, limits(60'000));
    FakeClient sender(broker, broker.name_on(GetParam(), "sender"));
    FakeClient holder(broker, broker.name_on(GetParam(), "holder"));
    holder.stop_reading();
    for (uint64_t id = 1; id <= 10; ++id) sender.send(holder.connected().name(), id, std::string(1'000, 'x'));
    FakeClient stranger(broker, GetParam());
    broker.transport_bytes_left = 58'000;
    broker.shard(GetParam()).set_transport_bytes(58'000);
    while (broker.arrivals_ended == 0) broker.advance(1);
    EXPECT_EQ(stranger.read().at(0).goodbye().code(), v1::CODE_SERVER_BUSY);
    EXPECT_EQ(broker.counters(GetParam()).memory_ended, 0u);
    if (is_freed) broker.shard(GetParam()).set_transport_bytes(0);
    broker.advance(200);
    EXPECT_EQ(broker.counters(GetParam()).memory_ended == 0, is_freed);
  }
}

// A frame that is half written would otherwise stay until its reader takes it, and others end for it.
TEST_P(Memory, WhatIsHalfWrittenToALargeOneGoesWithIt) {
  Limits large = limits(400'000);
  large.frame_bytes_max = 200'000;
  large.queue_bytes_max = 800'000;
  Pair pair(GetParam(), large);
  std::deque<FakeClient> slow_ones;
  for (int i = 0; i < 3; ++i) {
    slow_ones.emplace_back(pair.broker, pair.broker.name_on(GetParam(), "slow" + std::to_string(i) + "-"));
    slow_ones.back().set_room(10);
    pair.alice.send(slow_ones.back().connected().name(), static_cast<uint64_t>(i) + 1, std::string(100'000, 'x'));
  }
  for (ShardIndex shard = 0; shard < 2; ++shard) {
    large.memory_bytes_max = 250'000;
    pair.broker.shard(shard).set_limits(large, pair.broker.now);
  }
  pair.broker.advance(100);
  EXPECT_EQ(pair.broker.counters(GetParam()).memory_ended, 1u) << "two of three fit";
  EXPECT_LT(pair.broker.ledger.total(), 250'000u);
}

// Idle clients never leave: they must not keep everybody's messages out for ever.
TEST_P(Memory, ClientsAloneLeaveHalfOfItToMessages) {
  Pair pair(GetParam(), limits(200'000));
  std::deque<FakeClient> clients;
  bool refused = false;
  for (int i = 0; i < 400 && !refused; ++i) {
    clients.emplace_back(pair.broker, GetParam());
    clients.back().send(connect_frame(pair.broker.name_on(GetParam(), "client" + std::to_string(i) + "-")));
    const std::vector<v1::Frame> told = clients.back().read();
    refused = told.back().has_goodbye() && told.back().goodbye().code() == v1::CODE_SERVER_BUSY;
  }
  EXPECT_TRUE(refused);
  EXPECT_EQ(pair.broker.ledger.stage(), MemoryStage::kFree);
  EXPECT_LE(pair.broker.ledger.total(), 110'000u);
  pair.send_many(1, 10);
  EXPECT_EQ(payloads(pair.bob.read()), Pair::payloads_of(Pair::range(1, 10)));
}

// Each shard knows its own clients only, and lets in its share of what clients may take together.
TEST(MemoryOfMany, IdleClientsOfAllShardsTogetherTakeHalf) {
  constexpr uint64_t kBytesMax = 400'000;
  constexpr ShardIndex kShards = 4;
  Limits limits = small_limits();
  limits.memory_bytes_max = kBytesMax;
  FakeBroker broker(kShards, limits);
  std::deque<FakeClient> clients;
  int refused = 0;
  for (int i = 0; i < 800; ++i) {
    const auto home = static_cast<ShardIndex>(i % kShards);
    clients.emplace_back(broker, home);
    clients.back().send(connect_frame(broker.name_on(home, "client" + std::to_string(i) + "-")));
    const v1::Frame told = clients.back().read().back();
    if (told.has_goodbye() && told.goodbye().code() == v1::CODE_SERVER_BUSY) ++refused;
  }
  EXPECT_GT(refused, 0);
  for (ShardIndex shard = 0; shard < kShards; ++shard) broker.shard(shard).on_tick(broker.now);
  EXPECT_LE(broker.ledger.total(), kBytesMax / 2 + kBytesMax / 20);
  EXPECT_GE(broker.ledger.total(), kBytesMax / 2 - kBytesMax / 20);
}

TEST_P(Memory, WhatIsGivenBackIsThereForOthers) {
  Pair pair(GetParam(), limits(200'000));
  uint64_t id = 0;
  for (int round = 0; round < 10; ++round) {
    FakeClient client = slow(pair, GetParam(), "slow" + std::to_string(round) + "-", id, 40);
    if (round % 2 == 0) {
      client.reset();
    } else {
      client.take();
    }
  }
  EXPECT_TRUE(refused_ids(pair.alice.read(), v1::REASON_BROKER_BUSY).empty());
}

TEST(MemoryOfOne, AShardWithoutALedgerHasItsOwn) {
  FakeBroker other(1);
  ShardConfig config;
  config.limits.memory_bytes_max = 1 << 20;
  FakeHost host(other, config);
  EXPECT_EQ(host.shard.counters().memory_stage, 0u);
}

}  // namespace
}  // namespace onehop::core::test
