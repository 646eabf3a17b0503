// What operators see of a shard's clients, and how they end one.
#include <gtest/gtest.h>

#include "confirmed.h"

namespace onehop::core::test {
namespace {

std::vector<std::string> names(const ClientsFound& found) {
  std::vector<std::string> all;
  for (const ClientState& client : found.top) all.push_back(client.name);
  return all;
}

TEST(ShardInspect, FindsByPartOfTheNameInOrderAndUpToTheTop) {
  FakeBroker broker;
  for (const char* name : {"delta", "bravo", "alpha", "charlie", "echo"}) FakeClient(broker, std::string(name));
  const ClientsFound all = broker.shard().find_clients({"", ClientOrder::kName, 3}, broker.now);
  EXPECT_EQ(all.found, 5u);
  EXPECT_EQ(names(all), (std::vector<std::string>{"alpha", "bravo", "charlie"}));
  const ClientsFound some = broker.shard().find_clients({"lta", ClientOrder::kName, 3}, broker.now);
  EXPECT_EQ(some.found, 1u);
  EXPECT_EQ(names(some), (std::vector<std::string>{"delta"}));
  EXPECT_EQ(broker.shard().find_clients({"x", ClientOrder::kName, 3}, broker.now).found, 0u);
}

TEST(ShardInspect, OrdersByQueueRateAndIdleTime) {
  LastingPair pair(0);
  FakeClient carol(pair.broker, pair.broker.name_on(0, "carol"));
  Shard& shard = pair.broker.shard();
  shard.find_clients({"", ClientOrder::kSendRate, 9}, pair.broker.now);
  pair.broker.advance(2'000);
  pair.bob.stop_reading();
  pair.send(1, 10);
  const auto first = [&](ClientOrder order) { return shard.find_clients({"", order, 9}, pair.broker.now).top.front(); };
  EXPECT_EQ(first(ClientOrder::kQueueBytes).name, pair.bobs_name);
  EXPECT_EQ(first(ClientOrder::kReceiveRate).name, pair.bobs_name);
  EXPECT_EQ(first(ClientOrder::kSendRate).name, pair.alices_name);
  EXPECT_DOUBLE_EQ(first(ClientOrder::kSendRate).sent_per_second, 5);
  pair.broker.advance(500);
  pair.bob.send(ping_frame(1));
  EXPECT_NE(first(ClientOrder::kIdle).name, pair.bobs_name);
  pair.bob.take();
}

TEST(ShardInspect, SaysWhatAClientHolds) {
  LastingPair pair(0, {}, 4);
  pair.send(1, 6);
  pair.broker.advance(300);
  const auto bob = pair.broker.shard().find_client(pair.bobs_name, pair.broker.now);
  ASSERT_TRUE(bob);
  EXPECT_EQ(bob->messages_received, 6u);
  EXPECT_EQ(bob->unacknowledged, 4u);
  EXPECT_EQ(bob->waiting_messages, 2u);
  EXPECT_EQ(bob->receive_window, 4u);
  EXPECT_FALSE(bob->window_open);
  EXPECT_EQ(bob->connected_ms, 300u);
  EXPECT_GT(bob->queue_bytes, 0u);
  const auto alice = pair.broker.shard().find_client(pair.alices_name, pair.broker.now);
  ASSERT_TRUE(alice);
  EXPECT_EQ(alice->messages_sent, 6u);
  EXPECT_EQ(alice->open_sent, 6u);
  EXPECT_FALSE(pair.broker.shard().find_client("nobody", pair.broker.now));
  pair.bob.end_stream();
  pair.broker.advance(1'000);
  const auto away = pair.broker.shard().find_client(pair.bobs_name, pair.broker.now);
  ASSERT_TRUE(away);
  EXPECT_EQ(away->link.value, 0u);
  EXPECT_EQ(away->connected_ms, 0u);
  EXPECT_EQ(away->idle_ms, 1'000u);
}

TEST(ShardInspect, SeesThePauseAndTheGate) {
  Pair pair(1, small_limits(), kFeatureOrderedRefusals);
  const Origin alice = pair.broker.shard(0).find_client(pair.alices_name, pair.broker.now)->origin;
  const auto seen = [&] { return pair.broker.shard(1).sender_state(pair.bobs_name, alice, pair.broker.now); };
  EXPECT_FALSE(seen().paused || seen().gate_closed);
  pair.bob.stop_reading();
  pair.send_many(1, 100);
  EXPECT_TRUE(seen().paused);
  EXPECT_TRUE(seen().gate_closed);
  EXPECT_EQ(pair.broker.shard(1).paused_senders(), 1u);
  pair.bob.take();
  EXPECT_FALSE(seen().paused);
  EXPECT_TRUE(seen().gate_closed);
  EXPECT_EQ(pair.broker.shard(1).paused_senders(), 0u);
}

TEST(ShardInspect, AKickedClientIsToldWhyAndItsSessionEnds) {
  LastingPair pair(0);
  pair.send(1, 1);
  pair.bob.read();
  EXPECT_TRUE(pair.broker.shard().kick(pair.bobs_name, "out with you", pair.broker.now));
  pair.broker.settle();
  const v1::Goodbye goodbye = pair.bob.read_one().goodbye();
  EXPECT_EQ(goodbye.code(), v1::CODE_ADMINISTRATIVE);
  EXPECT_EQ(goodbye.text(), "out with you");
  EXPECT_TRUE(pair.bob.closed());
  EXPECT_EQ(outcomes(pair.alice.read()), same_for(1, 1, v1::OUTCOME_LOST, v1::REASON_CONNECTION_LOST));
  EXPECT_FALSE(pair.broker.shard().find_client(pair.bobs_name, pair.broker.now));
  EXPECT_FALSE(pair.broker.shard().kick(pair.bobs_name, "again", pair.broker.now));
}

TEST(ShardInspect, SoDoesTheSessionOfOneWhoIsAway) {
  LastingPair pair(0);
  pair.send(1, 1);
  pair.bob.end_stream();
  EXPECT_TRUE(pair.broker.shard().kick(pair.bobs_name, "", pair.broker.now));
  pair.broker.settle();
  EXPECT_EQ(outcomes(pair.alice.read()), same_for(1, 1, v1::OUTCOME_LOST, v1::REASON_CONNECTION_LOST));
}

}  // namespace
}  // namespace onehop::core::test
