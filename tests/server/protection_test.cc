// Limits of what clients send and of what the broker holds, and their change while it runs, through real sockets.
#include <gtest/gtest.h>

#include <chrono>
#include <deque>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "server_test/broker_rig.h"
#include "server_test/raw_client.h"

namespace onehop::test {
namespace {

bool is(const SeenEvent& event, BrokerEvent::Kind kind) {
  return event.kind == kind;
}

class Protection : public testing::TestWithParam<unsigned> {};
INSTANTIATE_TEST_SUITE_P(Shards, Protection, testing::Values(1u, 2u));

TEST_P(Protection, ASenderOverItsRateIsToldWhenToComeBackAndStays) {
  BrokerOptions options = test_options(GetParam());
  options.client_messages_per_second = 1;
  options.client_messages_burst = 3;
  BrokerRig broker(options);
  RawClient bob(broker.address());
  RawClient alice(broker.address());
  bob.connect("bob");
  alice.connect("alice");
  for (uint64_t id = 1; id <= 5; ++id) alice.send(message_frame("bob", id, "x"));
  const std::vector<v1::Frame> told = alice.read_to_pong();
  EXPECT_EQ(refused_ids(told, v1::REASON_RATE_LIMITED), (std::vector<uint64_t>{4, 5}));
  ASSERT_FALSE(told.empty());
  const v1::Receipt& receipt = told.front().receipts().items(0);
  EXPECT_GT(receipt.retry_after_ms(), 0u);
  EXPECT_LE(receipt.retry_after_ms(), 1'000u);
}

TEST_P(Protection, ReloadedLimitsHoldFromThenOnForThoseWhoAreThere) {
  BrokerRig broker(test_options(GetParam()));
  RawClient bob(broker.address());
  RawClient alice(broker.address());
  bob.connect("bob");
  alice.connect("alice");
  BrokerOptions options = test_options(GetParam());
  options.client_messages_per_second = 1;
  std::string error;
  ASSERT_TRUE(broker->reload(options, error)) << error;
  for (uint64_t id = 1; id <= 10; ++id) alice.send(message_frame("bob", id, "x"));
  EXPECT_FALSE(refused_ids(alice.read_to_pong(), v1::REASON_RATE_LIMITED).empty());
  ASSERT_TRUE(broker->reload(test_options(GetParam()), error)) << error;
  alice.send(message_frame("bob", 11, "x"));
  EXPECT_TRUE(refused_ids(alice.read_to_pong(), v1::REASON_RATE_LIMITED).empty());
}

// Also for a client that connects at once, while the shard is still busy with the one before.
TEST(Reload, HoldsWhenTheCallReturns) {
  BrokerOptions options = test_options(1);
  options.on_event = [](const BrokerEvent&) { std::this_thread::sleep_for(std::chrono::milliseconds(2)); };
  std::string error;
  const std::unique_ptr<Broker> broker = Broker::start(options, error);
  ASSERT_NE(nullptr, broker) << error;
  for (uint32_t i = 1; i <= 50; ++i) {
    RawClient before(broker->addresses()[0]);
    before.send(connect_frame("before-" + std::to_string(i)));
    options.keepalive_ms = 20'000 + i;
    ASSERT_TRUE(broker->reload(options, error)) << error;
    RawClient client(broker->addresses()[0]);
    ASSERT_EQ(options.keepalive_ms, client.connect("client-" + std::to_string(i)).keepalive_ms());
    before.read_kind(v1::Frame::kConnected);
  }
}

TEST_P(Protection, AReloadIsAllOrNothing) {
  BrokerRig broker(test_options(GetParam()));
  RawClient bob(broker.address());
  RawClient alice(broker.address());
  bob.connect("bob");
  alice.connect("alice");
  BrokerOptions options = test_options(GetParam());
  options.client_messages_per_second = 1;
  options.spin_us = 5;
  std::string error;
  EXPECT_FALSE(broker->reload(options, error));
  EXPECT_EQ(error, "spin_us: cannot change while the broker runs");
  options.spin_us = 0;
  options.queue_bytes_max = 65'536;
  EXPECT_FALSE(broker->reload(options, error));
  EXPECT_EQ(error, "queue_bytes_max: must be at least 4 x frame_bytes_max");
  options.queue_bytes_max = 0;
  options.proxy_from = {"not an address"};
  EXPECT_FALSE(broker->reload(options, error));
  EXPECT_TRUE(error.starts_with("proxy_from: ")) << error;
  for (uint64_t id = 1; id <= 20; ++id) alice.send(message_frame("bob", id, "x"));
  EXPECT_TRUE(refused_ids(alice.read_to_pong(), v1::REASON_RATE_LIMITED).empty());
}

constexpr int kSocketBytes = 4 << 10;

BrokerOptions narrow_options(unsigned shards) {
  BrokerOptions options = test_options(shards);
  options.send_buffer_bytes = kSocketBytes;
  options.frame_bytes_max = 16 << 10;
  options.queue_bytes_max = 256 << 10;
  options.slow_consumer_ms = 600'000;
  options.memory_bytes_max = 512 << 10;
  return options;
}

TEST_P(Protection, MemoryIsRefusedInStagesAndGivenBack) {
  BrokerOptions options = narrow_options(GetParam());
  BrokerRig broker(options);
  RawClient alice(broker.address());
  alice.connect("alice");
  std::vector<RawClient> slow;
  for (int i = 0; i < 4; ++i) slow.emplace_back(broker.address(), kSocketBytes).connect("slow" + std::to_string(i));
  std::string why_not;
  EXPECT_TRUE(broker->ready(why_not));

  // The first stage.
  uint64_t id = 0;
  for (bool refused = false; !refused;) {
    for (int i = 0; i < 4; ++i) alice.send(message_frame("slow" + std::to_string(i), ++id, std::string(10'000, 'x')));
    refused = !refused_ids(alice.read_to_pong(), v1::REASON_BROKER_BUSY).empty();
  }
  broker.wait_for([](const SeenEvent& e) { return is(e, BrokerEvent::Kind::kMemoryRefusing); });
  RawClient late(broker.address());
  late.send(connect_frame("late"));
  const v1::Goodbye busy = late.read_goodbye();
  EXPECT_EQ(busy.code(), v1::CODE_SERVER_BUSY);
  EXPECT_GT(busy.retry_after_ms(), 0u);
  EXPECT_TRUE(broker->ready(why_not)) << "those who resume are let in: " << why_not;
  BrokerCounters counters = broker->counters();
  EXPECT_EQ(counters.memory_bytes_max, options.memory_bytes_max);
  EXPECT_GE(counters.memory_bytes, options.memory_bytes_max / 2);
  EXPECT_EQ(counters.memory_stage, 1u);
  EXPECT_EQ(counters.memory_ended, 0u);

  // Somebody reads, and there is room again.
  for (RawClient& client : slow) client.send(goodbye_frame(v1::CODE_NORMAL));
  for (RawClient& client : slow) client.read_to_end();
  broker.wait_for([](const SeenEvent& e) { return is(e, BrokerEvent::Kind::kMemoryFree); });
  EXPECT_TRUE(broker->ready(why_not));
  RawClient again(broker.address());
  again.connect("late");
}

// Those that are connected cannot be turned out: until one leaves, nobody new is let in, and the broker says so.
TEST_P(Protection, NotReadyWhileThereIsNoRoomForOneMoreClient) {
  BrokerOptions options = narrow_options(GetParam());
  options.queue_bytes_max = 64 << 10;
  options.memory_bytes_max = 128 << 10;
  BrokerRig broker(options);
  std::deque<RawClient> clients;
  std::string why_not;
  for (int i = 0;; ++i) {
    RawClient& client = clients.emplace_back(broker.address());
    client.send(connect_frame("client-" + std::to_string(i)));
    const v1::Frame answer = client.read().value();
    if (answer.has_connected()) continue;
    EXPECT_EQ(answer.goodbye().code(), v1::CODE_SERVER_BUSY);
    break;
  }
  EXPECT_GT(clients.size(), 50u);
  EXPECT_EQ(broker->counters().connects_refused_full, 1u);
  // What is asked passes through the loops, and they say before they sleep.
  while (broker->ready(why_not)) broker->counters();
  EXPECT_EQ(why_not, "a shard has all the clients it takes: new ones are refused");
  for (RawClient& client : clients) client.send(goodbye_frame(v1::CODE_NORMAL));
  for (RawClient& client : clients) client.read_to_end();
  while (!broker->ready(why_not)) broker->counters();
  RawClient(broker.address()).connect("late");
}

TEST_P(Protection, WhoHoldsMostIsEndedWhenAllOfItIsUsed) {
  BrokerOptions options = narrow_options(GetParam());
  options.memory_bytes_max = 8 << 20;
  BrokerRig broker(options);
  RawClient alice(broker.address());
  alice.connect("alice");
  RawClient little(broker.address(), kSocketBytes);
  RawClient much(broker.address(), kSocketBytes);
  little.connect("little");
  much.connect("much");
  uint64_t id = 0;
  for (int i = 0; i < 15; ++i) {
    alice.send(message_frame("much", ++id, std::string(15'000, 'x')));
    if (i % 3 == 0) alice.send(message_frame("little", ++id, std::string(15'000, 'x')));
  }
  alice.read_to_pong();
  // A smaller limit than what is held; queue_bytes_max has to be as small for it to be one.
  options.queue_bytes_max = 64 << 10;
  options.memory_bytes_max = 192 << 10;
  std::string error;
  ASSERT_TRUE(broker->reload(options, error)) << error;
  const SeenEvent ending = broker.wait_for([](const SeenEvent& e) { return is(e, BrokerEvent::Kind::kMemoryEnding); });
  EXPECT_EQ(ending.name, "much");
  EXPECT_EQ(ending.code, "SERVER_BUSY");
  EXPECT_EQ(much.read_goodbye().code(), v1::CODE_SERVER_BUSY);
  broker.wait_for([](const SeenEvent& e) { return is(e, BrokerEvent::Kind::kMemoryFree); });
  EXPECT_EQ(broker->counters().memory_ended, 1u);
  alice.send(message_frame("little", ++id, "still there"));
  while (little.read_kind(v1::Frame::kMessage).message().payload() != "still there") {
  }
}

TEST_P(Protection, AnOldConnectionIsToldToConnectAnew) {
  BrokerOptions options = test_options(GetParam());
  options.connection_age_ms_max = 1'000;
  BrokerRig broker(options);
  RawClient bob(broker.address());
  const v1::Connected connected = bob.connect("bob", [](v1::Connect& c) { c.set_session_expiry_ms(60'000); });
  EXPECT_EQ(bob.read_goodbye().code(), v1::CODE_USE_ANOTHER_SERVER);
  RawClient again(broker.address());
  const v1::Connected resumed = again.connect("bob", [&](v1::Connect& c) {
    c.set_resume_token(connected.resume_token());
    c.set_attempt(1);
  });
  EXPECT_TRUE(resumed.resumed());
}

}  // namespace
}  // namespace onehop::test
