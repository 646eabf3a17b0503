// Several shards behind one address: connections find the shard where their name lives, with every byte they bring, and
// messages cross shards in order.
#include <gtest/gtest.h>
#include <unistd.h>

#include <deque>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "server_test/broker_rig.h"
#include "server_test/raw_client.h"

namespace onehop::test {
namespace {

std::string name_of(int i) {
  return "client-" + std::to_string(i);
}

// The shard that accepted a connection, told by the refusal of bytes that no name can be read from.
unsigned accepting_shard(BrokerRig& broker) {
  RawClient probe(broker.address());
  const std::string peer = probe.local_address();
  probe.send_bytes(std::string(1, '\0'));
  EXPECT_EQ(v1::CODE_PROTOCOL_ERROR, probe.read_goodbye().code());
  return broker.wait_for([&](const SeenEvent& e) { return e.peer == peer; }).shard;
}

std::set<unsigned> accepting_shards(BrokerRig& broker) {
  std::set<unsigned> shards;
  for (int i = 0; i < 100; ++i) shards.insert(accepting_shard(broker));
  return shards;
}

TEST(Shards, AsManyAcceptAsTheOptionSays) {
  const auto accepting = [](unsigned acceptors) {
    BrokerOptions options = test_options(4);
    options.acceptors = acceptors;
    BrokerRig broker(options);
    return accepting_shards(broker);
  };
  EXPECT_EQ((std::set<unsigned>{0}), accepting(1));
  EXPECT_EQ((std::set<unsigned>{0, 1}), accepting(2));
  EXPECT_EQ((std::set<unsigned>{0, 1, 2, 3}), accepting(0));
  EXPECT_EQ((std::set<unsigned>{0, 1, 2, 3}), accepting(64));
}

// Every name is reached through every accepting shard: what is accepted elsewhere is handed over.
class HandOver : public testing::TestWithParam<unsigned> {};

TEST_P(HandOver, EveryNameIsReachableWhoeverAccepts) {
  BrokerOptions options = test_options(4);
  options.acceptors = GetParam();
  BrokerRig broker(options);
  // One that is known to be served sends to each name, which comes 4 times: accepted by this shard or that.
  RawClient sender(broker.address());
  sender.connect("sender");
  std::set<unsigned> homes;
  uint64_t id = 0;
  for (int i = 0; i < 40; ++i) {
    for (int round = 0; round < 4; ++round) {
      RawClient client(broker.address());
      EXPECT_EQ(name_of(i), client.connect(name_of(i)).name());
      ++id;
      sender.send(message_frame(name_of(i), id, std::to_string(id)));
      EXPECT_EQ(std::to_string(id), client.read_kind(v1::Frame::kMessage).message().payload());
      client.send(goodbye_frame(v1::CODE_NORMAL));
      EXPECT_EQ(v1::CODE_NORMAL, client.read_goodbye().code());
    }
    homes.insert(broker.home_of(name_of(i)));
  }
  EXPECT_EQ(4u, homes.size());
  const uint64_t hand_overs = broker->counters().hand_overs;
  EXPECT_GT(hand_overs, 0u);
  EXPECT_LT(hand_overs, 161u);  // Some were at home where they were accepted.
}

// Connect, messages, a ping and a goodbye in one write: all of it goes along with a hand-over, in order.
TEST_P(HandOver, WhatIsPipelinedBehindConnectGoesAlong) {
  BrokerOptions options = test_options(4);
  options.acceptors = GetParam();
  BrokerRig broker(options);
  RawClient recipient(broker.address());
  recipient.connect("recipient");
  for (int i = 0; i < 24; ++i) {
    std::string bytes = wire(connect_frame(name_of(i)));
    for (uint64_t id = 1; id <= 15; ++id) bytes += wire(message_frame("recipient", id, std::string(900, 'x')));
    bytes += wire(message_frame("nobody", 16, ""));
    bytes += wire(ping_frame(7));
    bytes += wire(goodbye_frame(v1::CODE_NORMAL));
    RawClient client(broker.address());
    client.send_bytes(bytes);
    const std::vector<v1::Frame> frames = client.read_to_end();
    ASSERT_GE(frames.size(), 2u);
    EXPECT_TRUE(frames.front().has_connected());
    EXPECT_EQ(v1::CODE_NORMAL, frames.back().goodbye().code());
    for (uint64_t id = 1; id <= 15; ++id) {
      const v1::Message message = recipient.read_kind(v1::Frame::kMessage).message();
      EXPECT_EQ(id, message.id());
      EXPECT_EQ(name_of(i), message.from());
    }
  }
}

// The same byte by byte: each byte a segment of its own.
TEST_P(HandOver, SingleBytesMakeNoDifference) {
  BrokerOptions options = test_options(4);
  options.acceptors = GetParam();
  BrokerRig broker(options);
  RawClient recipient(broker.address());
  recipient.connect("recipient");
  for (int i = 0; i < 12; ++i) {
    std::string bytes = wire(connect_frame(name_of(i)));
    for (uint64_t id = 1; id <= 3; ++id) bytes += wire(message_frame("recipient", id, std::to_string(id)));
    bytes += wire(message_frame("nobody", 4, ""));
    RawClient client(broker.address());
    for (const char byte : bytes) client.send_bytes({&byte, 1});
    EXPECT_EQ(name_of(i), client.read_kind(v1::Frame::kConnected).connected().name());
    EXPECT_EQ(std::vector<uint64_t>{4}, refused_ids(client.read_to_pong(), v1::REASON_UNKNOWN_CLIENT));
    for (uint64_t id = 1; id <= 3; ++id) {
      EXPECT_EQ(std::to_string(id), recipient.read_kind(v1::Frame::kMessage).message().payload());
    }
  }
}

// A half-closed connection: the end of the stream travels along, after everything before it.
TEST_P(HandOver, TheEndOfTheStreamComesAfterWhatWasSentBeforeIt) {
  BrokerOptions options = test_options(4);
  options.acceptors = GetParam();
  BrokerRig broker(options);
  RawClient recipient(broker.address());
  recipient.connect("recipient");
  for (int i = 0; i < 24; ++i) {
    RawClient client(broker.address());
    client.send_bytes(wire(connect_frame(name_of(i))) + wire(message_frame("recipient", 1, name_of(i))));
    client.end_writing();
    EXPECT_EQ(name_of(i), recipient.read_kind(v1::Frame::kMessage).message().payload());
    const std::vector<v1::Frame> frames = client.read_to_end();
    ASSERT_EQ(1u, frames.size());
    EXPECT_TRUE(frames.front().has_connected());
    EXPECT_EQ(RawClient::End::kOrderly, client.end());
  }
}

TEST_P(HandOver, NamesAreTakenOverAndRefusedAcrossShards) {
  BrokerOptions options = test_options(4);
  options.acceptors = GetParam();
  BrokerRig broker(options);
  for (int i = 0; i < 16; ++i) {
    RawClient elder(broker.address());
    elder.connect(name_of(i));
    RawClient refused(broker.address());
    refused.send(connect_frame(name_of(i)));
    EXPECT_EQ(v1::CODE_NAME_IN_USE, refused.read_goodbye().code());
    RawClient younger(broker.address());
    younger.connect(name_of(i), [](v1::Connect& c) { c.set_on_conflict(v1::ON_CONFLICT_TAKE_OVER); });
    EXPECT_EQ(v1::CODE_SESSION_TAKEN_OVER, elder.read_goodbye().code());
    EXPECT_TRUE(younger.read_to_pong().empty());
  }
  EXPECT_EQ(16u, broker->counters().takeovers);
}

INSTANTIATE_TEST_SUITE_P(Acceptors, HandOver, testing::Values(1u, 4u),
                         [](const auto& param) { return "Acceptors" + std::to_string(param.param); });

TEST(Shards, AnEmptyNameIsMadeAndUnique) {
  BrokerRig broker(test_options(4));
  std::deque<RawClient> clients;
  std::set<std::string> names;
  for (int i = 0; i < 20; ++i) names.insert(clients.emplace_back(broker.address()).connect("").name());
  EXPECT_EQ(20u, names.size());
  for (const std::string& name : names) EXPECT_TRUE(name.starts_with("~"));
  clients[0].send(message_frame(*names.rbegin(), 1, "hello"));
  EXPECT_TRUE(refused_ids(clients[0].read_to_pong(), v1::REASON_UNKNOWN_CLIENT).empty());
}

TEST(Shards, AUnixSocketReachesThemAll) {
  const std::string path = testing::TempDir() + "onehop-shards-" + std::to_string(::getpid());
  BrokerOptions options = test_options(4);
  options.listen = {"unix://" + path};
  BrokerRig broker(options);
  std::deque<RawClient> clients;
  std::set<unsigned> homes;
  for (int i = 0; i < 40; ++i) {
    clients.emplace_back(broker.address()).connect(name_of(i));
    homes.insert(broker.home_of(name_of(i)));
  }
  EXPECT_EQ(4u, homes.size());
}

// Each client sends to each, itself included, and sees each other's messages complete and in order.
class Order : public testing::TestWithParam<unsigned> {};

TEST_P(Order, MessagesOfEachPairArriveInOrder) {
  constexpr int kClients = 12;
  constexpr uint64_t kMessages = 200;  // Of each pair.
  BrokerRig broker(test_options(GetParam()));
  std::deque<RawClient> clients;
  for (int i = 0; i < kClients; ++i) clients.emplace_back(broker.address()).connect(name_of(i));
  for (uint64_t id = 1; id <= kMessages * kClients; ++id) {
    const std::string to = name_of(static_cast<int>(id % kClients));
    // Small ones are copied, large ones travel by reference; both through one queue.
    const std::string payload(id % 7 == 0 ? 5'000 : 20, static_cast<char>('a' + id % 26));
    for (RawClient& client : clients) client.send(message_frame(to, id, payload));
  }
  for (RawClient& client : clients) {
    std::map<std::string, uint64_t> last;
    for (uint64_t i = 0; i < kMessages * kClients; ++i) {
      const v1::Message message = client.read_kind(v1::Frame::kMessage).message();
      EXPECT_GT(message.id(), last[message.from()]) << message.from();
      last[message.from()] = message.id();
      ASSERT_EQ(std::string(message.id() % 7 == 0 ? 5'000 : 20, static_cast<char>('a' + message.id() % 26)),
                message.payload());
    }
    EXPECT_EQ(static_cast<size_t>(kClients), last.size());
  }
  for (RawClient& client : clients) EXPECT_TRUE(client.read_to_pong().empty());  // Nothing refused, nothing more.
  EXPECT_EQ(kMessages * kClients * kClients, broker->counters().messages_admitted);
}

// The pong comes after the refusals of every shard that was sent to.
TEST_P(Order, APongComesAfterEveryRefusal) {
  BrokerRig broker(test_options(GetParam()));
  RawClient a(broker.address());
  a.connect("a");
  uint64_t id = 0;
  for (uint64_t round = 1; round <= 20; ++round) {
    std::string bytes;
    for (int i = 0; i < 50; ++i) bytes += wire(message_frame("nobody-" + std::to_string(i), ++id, ""));
    a.send_bytes(bytes);
    EXPECT_EQ(50u, refused_ids(a.read_to_pong(round), v1::REASON_UNKNOWN_CLIENT).size());
  }
}

INSTANTIATE_TEST_SUITE_P(Shards, Order, testing::Values(1u, 2u, 4u),
                         [](const auto& param) { return "Shards" + std::to_string(param.param); });

}  // namespace
}  // namespace onehop::test
