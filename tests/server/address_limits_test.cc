// Limits of one source address: the object itself on a clock of the test's, and what a connection beyond is told.
#include "server/address_limits.h"

#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <string>

#include "server_test/broker_rig.h"
#include "server_test/raw_client.h"

namespace onehop::server {
namespace {

using reactor::IpAddress;

IpAddress ipv4(uint32_t number) {
  IpAddress address{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}};
  for (size_t i = 0; i < 4; ++i) address.bytes[12 + i] = static_cast<uint8_t>(number >> (24 - 8 * i));
  return address;
}
IpAddress ipv6(uint8_t network, uint8_t host) {
  return {{0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, network, host}};
}

bool take(AddressLimits& limits, const IpAddress& address, uint64_t now_ms = 1'000) {
  return limits.take(address, now_ms).text.empty();
}

TEST(AddressLimits, CountsConnectionsOfEachAddress) {
  AddressLimits limits({2, 0, 0});
  EXPECT_TRUE(limits.any());
  EXPECT_TRUE(take(limits, ipv4(1)));
  EXPECT_TRUE(take(limits, ipv4(1)));
  const AddressLimits::Refusal refusal = limits.take(ipv4(1), 1'000);
  EXPECT_EQ("this address has all the connections it may have", refusal.text);
  EXPECT_EQ(5'000u, refusal.retry_after_ms);
  EXPECT_TRUE(take(limits, ipv4(2)));
  EXPECT_EQ(1u, limits.refusals());
  limits.give_back(ipv4(1), 1'000);
  EXPECT_TRUE(take(limits, ipv4(1)));
  for (const uint32_t address : {1u, 1u, 2u}) limits.give_back(ipv4(address), 1'000);
  EXPECT_EQ(0u, limits.size());
}

TEST(AddressLimits, AnIpv6AddressCountsByItsNetwork) {
  AddressLimits limits({1, 0, 0});
  EXPECT_TRUE(take(limits, ipv6(1, 1)));
  EXPECT_FALSE(take(limits, ipv6(1, 2)));
  EXPECT_TRUE(take(limits, ipv6(2, 1)));
  limits.give_back(ipv6(1, 1), 1'000);
  EXPECT_TRUE(take(limits, ipv6(1, 2)));
}

TEST(AddressLimits, LetsABurstInAndThenSoManyASecond) {
  AddressLimits limits({0, 10, 3});
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(take(limits, ipv4(1)));
  EXPECT_EQ("this address connects too often", limits.take(ipv4(1), 1'000).text);
  EXPECT_EQ(100u, limits.take(ipv4(1), 1'000).retry_after_ms);
  EXPECT_EQ(1u, limits.take(ipv4(1), 1'099).retry_after_ms);
  EXPECT_TRUE(take(limits, ipv4(2)));
  EXPECT_TRUE(take(limits, ipv4(1), 1'100));
  EXPECT_FALSE(take(limits, ipv4(1), 1'100));
  // Whoever keeps away for long gets the burst again, and no more.
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(take(limits, ipv4(1), 100'000));
  EXPECT_FALSE(take(limits, ipv4(1), 100'000));
}

TEST(AddressLimits, WithoutABurstTakesASecondsWorthAtOnce) {
  AddressLimits limits({0, 5, 0});
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(take(limits, ipv4(1)));
  EXPECT_FALSE(take(limits, ipv4(1)));
}

TEST(AddressLimits, EndingAConnectionDoesNotGiveItsConnectBack) {
  AddressLimits limits({0, 1, 1});
  EXPECT_TRUE(take(limits, ipv4(1)));
  limits.give_back(ipv4(1), 1'000);
  EXPECT_FALSE(take(limits, ipv4(1), 1'500));
  EXPECT_TRUE(take(limits, ipv4(1), 2'000));
  limits.give_back(ipv4(1), 3'000);
  EXPECT_EQ(0u, limits.size());
}

TEST(AddressLimits, ChangeWhileConnectionsAreOpen) {
  AddressLimits limits({0, 0, 0});
  EXPECT_FALSE(limits.any());
  limits.set({1, 0, 0});
  EXPECT_TRUE(limits.any());
  limits.give_back(ipv4(1), 1'000);  // Of before the limit: not counted, and harmless.
  EXPECT_TRUE(take(limits, ipv4(1)));
  EXPECT_FALSE(take(limits, ipv4(1)));
  limits.set({2, 0, 0});
  EXPECT_TRUE(take(limits, ipv4(1)));
  limits.set({0, 0, 0});
  EXPECT_FALSE(limits.any());
  for (int i = 0; i < 2; ++i) limits.give_back(ipv4(1), 1'000);
  EXPECT_EQ(0u, limits.size());
}

TEST(AddressLimits, CountsSessionsBesideConnections) {
  AddressLimits limits({1, 0, 0, 2});
  EXPECT_TRUE(limits.limits_sessions());
  for (int i = 0; i < 2; ++i) {
    EXPECT_TRUE(take(limits, ipv4(1)));
    EXPECT_TRUE(limits.refuse_session(ipv4(1)).text.empty());
    limits.begin_session(ipv4(1));
    limits.give_back(ipv4(1), 1'000);  // Its connection has ended, the session has not.
  }
  EXPECT_EQ("this address has all the sessions it may have", limits.refuse_session(ipv4(1)).text);
  EXPECT_EQ(5'000u, limits.refuse_session(ipv4(1)).retry_after_ms);
  EXPECT_TRUE(limits.refuse_session(ipv4(2)).text.empty());
  EXPECT_EQ(1u, limits.size());
  limits.end_session(ipv4(1), 1'000);
  EXPECT_TRUE(limits.refuse_session(ipv4(1)).text.empty());
  limits.end_session(ipv4(1), 1'000);
  EXPECT_EQ(0u, limits.size());
  limits.end_session(ipv4(1), 1'000);  // Of before the limit.
  EXPECT_EQ(0u, limits.size());
}

TEST(AddressLimits, AnAddressWithSessionsIsNotForgotten) {
  AddressLimits limits({0, 1, 1, 1});
  EXPECT_TRUE(take(limits, ipv4(0)));
  limits.begin_session(ipv4(0));
  limits.give_back(ipv4(0), 1'000);
  for (uint32_t i = 1; i <= 100'000; ++i) {
    EXPECT_TRUE(take(limits, ipv4(i)));
    limits.give_back(ipv4(i), 1'000);
  }
  EXPECT_FALSE(limits.refuse_session(ipv4(0)).text.empty());
  limits.end_session(ipv4(0), 1'000'000);
  EXPECT_TRUE(limits.refuse_session(ipv4(0)).text.empty());
}

TEST(AddressLimits, AFloodOfAddressesDoesNotGrow) {
  AddressLimits limits({0, 1, 1});
  EXPECT_TRUE(take(limits, ipv4(0)));  // Stays.
  size_t largest = 0;
  for (uint32_t i = 1; i <= 200'000; ++i) {
    EXPECT_TRUE(take(limits, ipv4(i)));
    limits.give_back(ipv4(i), 1'000);
    largest = std::max(largest, limits.size());
  }
  EXPECT_LE(largest, AddressLimits::kIdleMax + 1);
  EXPECT_FALSE(take(limits, ipv4(0)));
  // Later, one more is enough to clear up.
  for (uint32_t i = 0; i < AddressLimits::kIdleMax; ++i) {
    EXPECT_TRUE(take(limits, ipv4(i + 1'000'000), 100'000));
    limits.give_back(ipv4(i + 1'000'000), 200'000);
  }
  EXPECT_EQ(1u, limits.size());
}

}  // namespace
}  // namespace onehop::server

namespace onehop::test {
namespace {

// A place is free only once its connection is closed, on its own shard: whoever is too early is refused, and comes
// again.
void connect_with_patience(std::deque<RawClient>& clients, BrokerRig& broker, const std::string& name) {
  for (;;) {
    clients.emplace_back(broker.address()).send(connect_frame(name));
    const auto frame = clients.back().read();
    ASSERT_TRUE(frame);
    if (frame->has_connected()) return;
    clients.pop_back();
  }
}

TEST(AddressLimitsOverSockets, TheOneTooManyIsToldAndAPlaceIsFreeAgainWhenOneEnds) {
  for (const unsigned shards : {1u, 4u}) {
    BrokerOptions options = test_options(shards);
    options.acceptors = 1;  // So that most are handed over, with their count.
    options.address_connections_max = 3;
    BrokerRig broker(options);
    for (int round = 0; round < 3; ++round) {
      std::deque<RawClient> clients;
      for (int i = 0; i < 3; ++i) {
        connect_with_patience(clients, broker, "client-" + std::to_string(round) + std::to_string(i));
      }
      RawClient refused(broker.address());
      const std::string peer = refused.local_address();
      const v1::Goodbye goodbye = refused.read_goodbye();
      EXPECT_EQ(v1::CODE_RATE_EXCEEDED, goodbye.code());
      EXPECT_EQ(5'000u, goodbye.retry_after_ms());
      const SeenEvent event = broker.wait_for([&](const SeenEvent& e) { return e.peer == peer; });
      EXPECT_EQ(BrokerEvent::Kind::kConnectRefused, event.kind);
      EXPECT_EQ("RATE_EXCEEDED", event.code);
      EXPECT_EQ("this address has all the connections it may have", event.text);
      EXPECT_GE(broker->counters().address_refusals, static_cast<uint64_t>(round + 1));
      for (RawClient& client : clients) client.send(goodbye_frame(v1::CODE_NORMAL));
      for (RawClient& client : clients) client.read_to_end();
    }
  }
}

TEST(AddressLimitsOverSockets, TooManyConnectsASecondAreToldWhenToComeBack) {
  BrokerOptions options = test_options();
  options.address_connects_per_second = 1;
  options.address_connects_burst = 2;
  BrokerRig broker(options);
  RawClient first(broker.address());
  first.connect("first");
  RawClient second(broker.address());
  second.connect("second");
  // One after the other, faster than one a second, however slow the machine: of 20 some must be too many.
  uint32_t refused = 0;
  for (int i = 0; i < 20 && refused == 0; ++i) {
    RawClient next(broker.address());
    next.send(connect_frame("next"));
    const auto frame = next.read();
    ASSERT_TRUE(frame);
    if (!frame->has_goodbye()) continue;
    ++refused;
    EXPECT_EQ(v1::CODE_RATE_EXCEEDED, frame->goodbye().code());
    EXPECT_GE(frame->goodbye().retry_after_ms(), 1u);
    EXPECT_LE(frame->goodbye().retry_after_ms(), 1'000u);
  }
  EXPECT_EQ(1u, refused);
}

// Connects, and stays away for an hour. Its token comes back.
std::string leave_a_session(BrokerRig& broker, const std::string& name) {
  RawClient client(broker.address());
  const std::string token =
      client.connect(name, [](v1::Connect& connect) { connect.set_session_expiry_ms(3'600'000); }).resume_token();
  client.end_writing();
  client.read_to_end();
  return token;
}

// Half of the shards' clients are handed over on their way in.
BrokerOptions session_options(unsigned shards, uint32_t sessions_max) {
  BrokerOptions options = test_options(shards);
  options.acceptors = 1;
  options.address_sessions_max = sessions_max;
  return options;
}

TEST(AddressSessions, ThoseThatAreAwayCountAndWhoResumesIsLetIn) {
  for (const unsigned shards : {1u, 4u}) {
    BrokerRig broker(session_options(shards, 3));
    const std::string token = leave_a_session(broker, "one");
    leave_a_session(broker, "two");
    RawClient third(broker.address());
    third.connect("three");
    for (const char* name : {"four", "five", ""}) {
      RawClient refused(broker.address());
      refused.send(connect_frame(name));
      const v1::Goodbye goodbye = refused.read_goodbye();
      EXPECT_EQ(v1::CODE_RATE_EXCEEDED, goodbye.code());
      EXPECT_EQ("this address has all the sessions it may have", goodbye.text());
      EXPECT_EQ(5'000u, goodbye.retry_after_ms());
    }
    EXPECT_EQ(3u, broker->counters().address_refusals);
    EXPECT_EQ(3u, broker->counters().sessions);
    RawClient back(broker.address());
    EXPECT_TRUE(back.connect("one",
                             [&](v1::Connect& connect) {
                               connect.set_resume_token(token);
                               connect.set_attempt(1);
                             })
                    .resumed());
    // Who takes the place of a session is not one more.
    leave_a_session(broker, "two");
    EXPECT_EQ(3u, broker->counters().sessions);
    third.say_goodbye();
    RawClient(broker.address()).connect("four");
    EXPECT_EQ(3u, broker->counters().address_refusals);
  }
}

// A name that the broker made leads to a new session: with it somebody would be one more each time.
TEST(AddressSessions, AMadeNameIsNoWayAroundTheLimit) {
  BrokerRig broker(session_options(1, 1));
  RawClient first(broker.address());
  const std::string made = first.connect("").name();
  RawClient second(broker.address());
  v1::Frame connect = connect_frame(made);
  connect.mutable_connect()->set_resume_token("not its token");
  second.send(connect);
  EXPECT_EQ(v1::CODE_RATE_EXCEEDED, second.read_goodbye().code());
}

TEST(AddressSessions, CountByTheAddressOfTheProxyHeader) {
  BrokerOptions options = session_options(2, 1);
  options.listen_proxy = {"tcp://127.0.0.1:0"};
  options.proxy_from = {"127.0.0.1"};
  BrokerRig broker(options);
  const auto connect_from = [&](const std::string& address, const std::string& name) {
    RawClient client(broker.address(1));
    client.send_bytes("PROXY TCP4 " + address + " 127.0.0.1 40000 7411\r\n");
    v1::Frame frame = connect_frame(name);
    frame.mutable_connect()->set_session_expiry_ms(3'600'000);
    client.send(frame);
    return client.read().value().kind_case();
  };
  EXPECT_EQ(v1::Frame::kConnected, connect_from("192.0.2.1", "one"));
  EXPECT_EQ(v1::Frame::kGoodbye, connect_from("192.0.2.1", "two"));
  EXPECT_EQ(v1::Frame::kConnected, connect_from("192.0.2.2", "two"));
  RawClient(broker.address()).connect("three");
}

// A session that was there before counts for nobody, and its end frees nobody's place.
TEST(AddressSessions, ChangeByAReload) {
  BrokerOptions options = session_options(1, 0);
  BrokerRig broker(options);
  RawClient before(broker.address());
  before.connect("before");
  options.address_sessions_max = 1;
  std::string error;
  ASSERT_TRUE(broker->reload(options, error)) << error;
  leave_a_session(broker, "first");
  before.say_goodbye();
  RawClient second(broker.address());
  second.send(connect_frame("second"));
  EXPECT_EQ(v1::CODE_RATE_EXCEEDED, second.read_goodbye().code());
  options.address_sessions_max = 0;
  ASSERT_TRUE(broker->reload(options, error)) << error;
  RawClient(broker.address()).connect("third");
}

TEST(AddressLimitsOverSockets, UnixSocketsHaveNone) {
  BrokerOptions options = test_options();
  const std::string path = testing::TempDir() + "onehop-address-limits.sock";
  options.listen = {"unix://" + path};
  options.address_connections_max = 1;
  options.address_connects_per_second = 1;
  options.address_sessions_max = 1;
  BrokerRig broker(options);
  std::deque<RawClient> clients;
  for (int i = 0; i < 5; ++i) clients.emplace_back(broker.address()).connect("client-" + std::to_string(i));
  EXPECT_EQ(0u, broker->counters().address_refusals);
}

TEST(AddressLimitsOverSockets, ChangeByAReload) {
  BrokerOptions options = test_options();
  BrokerRig broker(options);
  RawClient before(broker.address());
  before.connect("before");
  options.address_connections_max = 1;
  std::string error;
  ASSERT_TRUE(broker->reload(options, error)) << error;
  RawClient first(broker.address());
  first.connect("first");
  EXPECT_EQ(v1::CODE_RATE_EXCEEDED, RawClient(broker.address()).read_goodbye().code());
  options.address_connections_max = 0;
  ASSERT_TRUE(broker->reload(options, error)) << error;
  RawClient(broker.address()).connect("third");
}

}  // namespace
}  // namespace onehop::test
