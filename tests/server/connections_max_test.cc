// connections_max: the one too many waits in the kernel's backlog, and is served when another ends.
#include <gtest/gtest.h>

#include <deque>
#include <string>

#include "server_test/broker_rig.h"
#include "server_test/raw_client.h"

namespace onehop::test {
namespace {

TEST(ConnectionsMax, TheNextWaitsAndIsServedWhenOneEnds) {
  BrokerOptions options = test_options();
  options.connections_max = 3;
  BrokerRig broker(options);
  std::deque<RawClient> clients;
  for (int i = 0; i < 3; ++i) clients.emplace_back(broker.address()).connect("client-" + std::to_string(i));
  const std::string why = "all 3 connections that connections_max allows are taken";
  EXPECT_EQ(why, broker.wait_for([](const SeenEvent& e) { return e.kind == BrokerEvent::Kind::kAcceptPaused; }).text);
  std::string why_not;
  EXPECT_FALSE(broker->ready(why_not));
  EXPECT_EQ(why, why_not);
  EXPECT_EQ(3u, broker->counters().connections_limit);

  RawClient waiting(broker.address());
  waiting.send(connect_frame("waiting"));
  // Those who are in are served, and the newcomer is not among them.
  clients[0].send(message_frame("waiting", 1, "are you there?"));
  EXPECT_EQ(std::vector<uint64_t>{1}, refused_ids(clients[0].read_to_pong(), v1::REASON_UNKNOWN_CLIENT));
  EXPECT_EQ(3u, broker->counters().connections);

  clients.pop_front();
  EXPECT_EQ("waiting", waiting.read_kind(v1::Frame::kConnected).connected().name());
  EXPECT_EQ(3u, broker->counters().connections);
}

TEST(ConnectionsMax, HoldsOnSeveralShardsThroughHandOvers) {
  BrokerOptions options = test_options(4);
  options.acceptors = 1;
  options.connections_max = 10;
  BrokerRig broker(options);
  // Many come and go, most of them handed over: a place that was not given back would be missing in the end.
  for (int round = 0; round < 10; ++round) {
    std::deque<RawClient> clients;
    for (int i = 0; i < 10; ++i) {
      clients.emplace_back(broker.address()).connect(std::to_string(round) + "-" + std::to_string(i));
    }
    EXPECT_EQ(10u, broker->counters().sessions);
    for (RawClient& client : clients) {
      client.send(goodbye_frame(v1::CODE_NORMAL));
      client.read_to_end();
    }
  }
  EXPECT_GT(broker->counters().hand_overs, 0u);
  EXPECT_EQ(100u, broker->counters().sessions_opened);
}

// Two shards accept, and meet at the limit: between them they let in no more than it says.
TEST(ConnectionsMax, IsOneLimitForAllWhoAccept) {
  BrokerOptions options = test_options(2);
  options.connections_max = 4;
  BrokerRig broker(options);
  std::deque<RawClient> crowd;
  for (int i = 0; i < 24; ++i) crowd.emplace_back(broker.address()).send(connect_frame("client-" + std::to_string(i)));
  for (const unsigned shard : {0u, 1u}) {
    broker.wait_for(
        [shard](const SeenEvent& e) { return e.kind == BrokerEvent::Kind::kAcceptPaused && e.shard == shard; });
  }
  while (broker->counters().sessions < 4) {  // Until those let in have been handed over to where they belong.
  }
  EXPECT_EQ(4u, broker->counters().connections);
}

TEST(ConnectionsMax, ACrowdIsServedInTurns) {
  for (const unsigned acceptors : {1u, 2u}) {
    BrokerOptions options = test_options(2);
    options.acceptors = acceptors;
    options.connections_max = 4;
    BrokerRig broker(options);
    // All are in the backlog at once; each says goodbye as soon as it is served.
    std::deque<RawClient> crowd;
    for (int i = 0; i < 24; ++i) {
      RawClient& client = crowd.emplace_back(broker.address());
      client.send(connect_frame("client-" + std::to_string(i)));
      client.send(goodbye_frame(v1::CODE_NORMAL));
      client.end_writing();
    }
    for (RawClient& client : crowd) {
      const std::vector<v1::Frame> frames = client.read_to_end();
      ASSERT_EQ(2u, frames.size());
      EXPECT_TRUE(frames.front().has_connected());
      EXPECT_EQ(v1::CODE_NORMAL, frames.back().goodbye().code());
    }
    EXPECT_EQ(24u, broker->counters().sessions_opened);
  }
}

}  // namespace
}  // namespace onehop::test
