// Stopping: every shard settles what its recipients have open, and every sender hears of it before its goodbye.
#include <gtest/gtest.h>

#include <algorithm>

#include "confirmed.h"

namespace onehop::core::test {
namespace {

class Settle : public testing::TestWithParam<ShardIndex> {
 protected:
  Settle() : broker_(GetParam()) {
    for (ShardIndex shard = 0; shard < GetParam(); ++shard) {
      clients_.emplace_back(broker_, lasting_frame(broker_.name_on(shard, "client")));
    }
  }
  ~Settle() override {
    broker_.stop();
    for (ShardIndex shard = 0; shard < GetParam(); ++shard) {
      EXPECT_EQ(broker_.counters(shard).queued_bytes, 0u);
      EXPECT_EQ(broker_.counters(shard).sessions, 0u);
      EXPECT_EQ(broker_.counters(shard).links, 0u);
    }
  }
  // Everybody sends to everybody.
  uint64_t send_to_all(uint64_t first_id) {
    for (FakeClient& from : clients_) {
      uint64_t id = first_id;
      for (const FakeClient& to : clients_) from.send(confirmed_frame(to.connected().name(), id++));
    }
    return clients_.size();
  }
  // Each id has one outcome, told before the goodbye.
  void expect_all_told(FakeClient& client, uint64_t last_id) {
    const std::vector<v1::Frame> frames = client.read();
    ASSERT_FALSE(frames.empty());
    EXPECT_EQ(frames.back().goodbye().code(), v1::CODE_SERVER_SHUTTING_DOWN);
    std::vector<uint64_t> told;
    for (const Told& outcome : outcomes(frames)) {
      EXPECT_EQ(outcome.reason, v1::REASON_SHUTTING_DOWN) << outcome;
      told.push_back(outcome.id);
    }
    std::sort(told.begin(), told.end());
    EXPECT_EQ(told, Pair::range(1, last_id));
  }

  FakeBroker broker_;
  std::vector<FakeClient> clients_;
};
INSTANTIATE_TEST_SUITE_P(, Settle, testing::Values(1, 2, 4));

class SettleBetweenShards : public Settle {};
INSTANTIATE_TEST_SUITE_P(, SettleBetweenShards, testing::Values(2, 4));

TEST_P(Settle, WhatIsOpenIsLostAndToldBeforeTheGoodbye) {
  const uint64_t last_id = send_to_all(1);
  broker_.stop();
  for (FakeClient& client : clients_) expect_all_told(client, last_id);
}

TEST_P(Settle, WhatWaitsForSomebodyAwayIsLostToo) {
  const std::string name = broker_.name_on(static_cast<ShardIndex>(GetParam() - 1), "away");
  FakeClient away(broker_, lasting_frame(name));
  for (FakeClient& client : clients_) client.send(confirmed_frame(name, 1));
  away.reset();
  for (FakeClient& client : clients_) client.send(confirmed_frame(name, 2));
  broker_.stop();
  for (FakeClient& client : clients_) {
    EXPECT_EQ(outcomes(client.read()), (std::vector<Told>{{1, v1::OUTCOME_LOST, v1::REASON_SHUTTING_DOWN, true},
                                                          {2, v1::OUTCOME_LOST, v1::REASON_SHUTTING_DOWN, false}}));
  }
}

TEST_P(Settle, WhatComesMeanwhileIsRejectedAndToldBeforeTheGoodbye) {
  uint64_t last_id = send_to_all(1);
  const auto last = static_cast<ShardIndex>(GetParam() - 1);
  // The shards stop one after the other; in between, everybody goes on sending.
  for (ShardIndex shard = 0; shard < last; ++shard) {
    broker_.shard(shard).stop(broker_.now);
    last_id += send_to_all(last_id + 1);
  }
  if (GetParam() != 1) {
    for (FakeClient& client : clients_) EXPECT_FALSE(client.closed());
  }
  broker_.shard(last).stop(broker_.now);
  broker_.settle();
  for (FakeClient& client : clients_) expect_all_told(client, last_id);
}

TEST_P(SettleBetweenShards, WhatIsBetweenShardsArrivesFirst) {
  for (ShardIndex from = 0; from < GetParam(); ++from) {
    for (ShardIndex to = 0; to < GetParam(); ++to) broker_.held_parcels.insert({from, to});
  }
  uint64_t last_id = send_to_all(1);
  broker_.stop();
  last_id += send_to_all(last_id + 1);
  for (FakeClient& client : clients_) EXPECT_FALSE(client.closed());
  broker_.held_parcels.clear();
  broker_.settle();
  for (FakeClient& client : clients_) expect_all_told(client, last_id);
}

TEST_P(SettleBetweenShards, WhatIsSentAfterItsShardStoppedIsAnsweredThere) {
  broker_.held_parcels = {{1, 0}};
  broker_.stop();
  // Shard 1 has said that it has settled, which shard 0 has not heard yet; what shard 0 posts now comes too late.
  broker_.held_parcels = {{1, 0}, {0, 1}};
  clients_[0].send(confirmed_frame(clients_[1].connected().name(), 1));
  broker_.held_parcels = {{0, 1}};
  broker_.settle();
  EXPECT_TRUE(clients_[0].closed());
  EXPECT_EQ(outcomes(clients_[0].read()), same_for(1, 1, v1::OUTCOME_REJECTED, v1::REASON_SHUTTING_DOWN, false));
  broker_.held_parcels = {};
  broker_.settle();
}

TEST_P(SettleBetweenShards, AShardThatDoesNotAnswerIsNotWaitedForForEver) {
  broker_.shard(0).stop(broker_.now);
  broker_.advance(kClosingDeadlineMs - 100);
  EXPECT_FALSE(clients_[0].closed());
  broker_.advance(200);
  EXPECT_TRUE(clients_[0].closed());
  EXPECT_FALSE(clients_[1].closed());
  broker_.stop();
}

TEST_P(SettleBetweenShards, AskedTwiceItDoesNotWait) {
  broker_.shard(0).stop(broker_.now);
  broker_.settle();
  EXPECT_FALSE(clients_[0].closed());
  broker_.shard(0).stop(broker_.now);
  broker_.settle();
  EXPECT_TRUE(clients_[0].closed());
  broker_.stop();
}

TEST_P(SettleBetweenShards, AShardWithoutClientsIsNeededUntilTheOthersHaveHeardOfIt) {
  clients_[1].reset();
  broker_.shard(1).stop(broker_.now);
  broker_.settle();
  EXPECT_FALSE(broker_.shard(1).stopped());
  broker_.stop();
  for (ShardIndex shard = 0; shard < GetParam(); ++shard) EXPECT_TRUE(broker_.shard(shard).stopped());
}

TEST_P(Settle, AConnectionLostMeanwhileIsNotWaitedFor) {
  const uint64_t last_id = send_to_all(1);
  const auto last = static_cast<ShardIndex>(GetParam() - 1);
  for (ShardIndex shard = 0; shard < last; ++shard) broker_.shard(shard).stop(broker_.now);
  clients_[last].reset();
  broker_.shard(last).stop(broker_.now);
  broker_.settle();
  for (ShardIndex shard = 0; shard < last; ++shard) expect_all_told(clients_[shard], last_id);
}

}  // namespace
}  // namespace onehop::core::test
