// The end announced, over real sockets: what goes on meanwhile, who ends it, and how readiness and stop() go with it.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <deque>
#include <future>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "server_test/broker_rig.h"
#include "server_test/raw_client.h"

namespace onehop::test {
namespace {

v1::Frame ack_up_to(uint64_t tag) {
  v1::Frame frame;
  frame.mutable_ack()->set_up_to(tag);
  return frame;
}

// The announcement may come before it or behind it.
v1::Receipt read_outcome(RawClient& client) {
  for (;;) {
    const std::optional<v1::Frame> frame = client.read();
    if (!frame) throw std::runtime_error("the stream ended without an outcome");
    if (frame->has_receipts()) return frame->receipts().items(0);
  }
}

void last_for_a_minute(v1::Connect& connect) {
  connect.set_session_expiry_ms(60'000);
}

TEST(Drain, RefusesWhatIsNewAndSettlesWhatIsUnderWay) {
  for (const unsigned shards : {1u, 4u}) {
    BrokerRig broker(test_options(shards));
    RawClient alice(broker.address());
    RawClient bob(broker.address());
    alice.connect("alice");
    bob.connect("bob");
    alice.send(confirmed_frame("bob", 1));
    bob.read_kind(v1::Frame::kMessage);
    broker->drain(60'000);
    const v1::Goodbye told = alice.read_announcement();
    EXPECT_EQ(v1::CODE_SERVER_SHUTTING_DOWN, told.code());
    EXPECT_GT(told.grace_ms(), 50'000u);
    EXPECT_LE(told.grace_ms(), 60'000u);
    bob.read_announcement();
    alice.send(confirmed_frame("bob", 2));
    const v1::Receipt refused = read_outcome(alice);
    EXPECT_EQ(v1::OUTCOME_REJECTED, refused.outcome());
    EXPECT_EQ(v1::REASON_SHUTTING_DOWN, refused.reason());
    bob.send(ack_up_to(1));
    const v1::Receipt delivered = read_outcome(alice);
    EXPECT_EQ(1u, delivered.last_id());
    EXPECT_EQ(v1::OUTCOME_DELIVERED, delivered.outcome());
    EXPECT_EQ(v1::CODE_NORMAL, alice.say_goodbye().back().goodbye().code());
    EXPECT_EQ(v1::CODE_NORMAL, bob.say_goodbye().back().goodbye().code());
    alice.close();
    bob.close();
    EXPECT_EQ(Broker::Stopped::kAllEnded, broker->stop(60'000));
  }
}

TEST(Drain, CanBeTakenBackUntilClientsAreTold) {
  BrokerOptions options = test_options(2);
  options.drain_delay_ms = 600'000;
  BrokerRig broker(options);
  EXPECT_TRUE(broker->undrain()) << "there is none";
  RawClient alice(broker.address());
  alice.connect("alice");
  std::string why_not;
  broker->drain(3'600'000);
  EXPECT_FALSE(broker->ready(why_not));
  EXPECT_TRUE(broker->undrain());
  EXPECT_TRUE(broker->ready(why_not));
  RawClient bob(broker.address());
  bob.connect("bob");
  alice.send(confirmed_frame("bob", 1));
  bob.read_kind(v1::Frame::kMessage);
  // The next drain is a whole one.
  options.drain_delay_ms = 0;
  std::string error;
  ASSERT_TRUE(broker->reload(options, error)) << error;
  broker->drain(3'600'000);
  EXPECT_EQ(v1::CODE_SERVER_SHUTTING_DOWN, alice.read_announcement().code());
  bob.read_announcement();
  EXPECT_FALSE(broker->undrain());
  EXPECT_FALSE(broker->ready(why_not));
}

// Whatever the shards are about to do at that moment: it is taken back for all of them, or for none.
TEST(Drain, IsTakenBackWholeOrNotAtAll) {
  BrokerOptions options = test_options(4);
  options.drain_delay_ms = 1;
  BrokerRig broker(options);
  std::deque<RawClient> clients;
  for (int i = 0; i < 8; ++i) clients.emplace_back(broker.address()).connect("client-" + std::to_string(i));
  for (int round = 0; round < 100; ++round) {
    broker->drain(3'600'000);
    if (round % 2 == 1) std::this_thread::yield();
    if (!broker->undrain()) {
      for (RawClient& client : clients) EXPECT_GT(client.read_announcement().grace_ms(), 0u);
      return;
    }
    for (RawClient& client : clients) {
      for (const v1::Frame& frame : client.read_to_pong()) EXPECT_FALSE(frame.has_goodbye());
    }
  }
}

TEST(Drain, WhoIsAwayOrGoesAwayEndsAtOnce) {
  BrokerRig broker(test_options(2));
  RawClient alice(broker.address());
  RawClient away(broker.address());
  RawClient leaving(broker.address());
  alice.connect("alice");
  away.connect("away", last_for_a_minute);
  leaving.connect("leaving", last_for_a_minute);
  away.close();
  broker.wait_for([](const SeenEvent& e) { return e.kind == BrokerEvent::Kind::kSessionDetached; });
  alice.send(confirmed_frame("away", 1));
  alice.send(confirmed_frame("leaving", 2));
  leaving.read_kind(v1::Frame::kMessage);
  alice.read_to_pong();
  broker->drain(60'000);
  const v1::Receipt first = read_outcome(alice);
  EXPECT_EQ(1u, first.last_id());
  EXPECT_EQ(v1::OUTCOME_LOST, first.outcome());
  EXPECT_EQ(v1::REASON_SHUTTING_DOWN, first.reason());
  leaving.close();
  const v1::Receipt second = read_outcome(alice);
  EXPECT_EQ(2u, second.last_id());
  EXPECT_EQ(v1::OUTCOME_LOST, second.outcome());
}

TEST(Drain, ReadinessFailsAtOnceAndNobodyIsLetInAfterTheDelay) {
  BrokerOptions options = test_options(2);
  options.drain_delay_ms = 300;
  BrokerRig broker(options);
  std::string why;
  EXPECT_TRUE(broker->ready(why)) << why;
  RawClient early(broker.address());
  early.connect("early");
  broker->drain(60'000);
  broker->drain(1);  // Nothing more.
  EXPECT_FALSE(broker->ready(why));
  EXPECT_EQ("draining", why);
  RawClient late(broker.address());  // A balancer may not have noticed yet.
  late.connect("late");
  late.read_announcement();
  early.read_announcement();
  EXPECT_TRUE(broker->alive(60'000));
  EXPECT_EQ(2u, broker->counters().connections);
  early.say_goodbye();
  late.say_goodbye();
  EXPECT_THROW(RawClient{broker.address()}, std::system_error);
  broker.wait_for([](const SeenEvent& e) { return e.kind == BrokerEvent::Kind::kDraining; });
}

TEST(Drain, IsOverWhenNobodyIsLeftAndNobodyIsLetIn) {
  using Phase = Broker::DrainPhase;
  BrokerOptions options = test_options(2);
  options.drain_delay_ms = 600'000;
  BrokerRig broker(options);
  EXPECT_EQ(Phase::kNone, broker->drain_phase());
  broker->drain(3'600'000);
  EXPECT_EQ(Phase::kDelay, broker->drain_phase()) << "nobody is there, but somebody may come";
  RawClient(broker.address()).connect("alice");
  EXPECT_TRUE(broker->undrain());
  EXPECT_EQ(Phase::kNone, broker->drain_phase());
  options.drain_delay_ms = 0;
  std::string error;
  ASSERT_TRUE(broker->reload(options, error)) << error;
  RawClient bob(broker.address());
  bob.connect("bob");
  broker->drain(3'600'000);
  bob.read_announcement();
  EXPECT_EQ(Phase::kLeaving, broker->drain_phase());
  bob.say_goodbye();
  bob.close();
  Phase phase = broker->drain_phase();
  for (; phase == Phase::kLeaving; phase = broker->drain_phase()) std::this_thread::yield();
  EXPECT_EQ(Phase::kDrained, phase);
  EXPECT_THROW(RawClient{broker.address()}, std::system_error);
}

TEST(Drain, TheDeadlineEndsItForThoseWhoStay) {
  BrokerRig broker(test_options(2));
  RawClient alice(broker.address());
  RawClient bob(broker.address());
  alice.connect("alice");
  bob.connect("bob");
  alice.send(confirmed_frame("bob", 1));
  bob.read_kind(v1::Frame::kMessage);
  broker->drain(200);
  EXPECT_GT(alice.read_announcement().grace_ms(), 0u);
  const v1::Receipt lost = read_outcome(alice);
  EXPECT_EQ(v1::OUTCOME_LOST, lost.outcome());
  EXPECT_EQ(v1::REASON_SHUTTING_DOWN, lost.reason());
  const v1::Goodbye last = alice.read_goodbye();
  EXPECT_EQ(v1::CODE_SERVER_SHUTTING_DOWN, last.code());
  EXPECT_EQ(0u, last.grace_ms());
  EXPECT_EQ(0u, bob.read_goodbye().grace_ms());
  // Drained and still there to be asked.
  EXPECT_TRUE(broker->alive(60'000));
  alice.close();
  bob.close();
  EXPECT_EQ(Broker::Stopped::kAllEnded, broker->stop(60'000));
}

TEST(Drain, StopNowCutsItShort) {
  BrokerRig broker(test_options(2));
  RawClient alice(broker.address());
  alice.connect("alice");
  std::future<Broker::Stopped> stopped = std::async(std::launch::async, [&] { return broker->stop(3'600'000); });
  EXPECT_GT(alice.read_announcement().grace_ms(), 0u);
  broker->stop_now();
  EXPECT_EQ(Broker::Stopped::kCutOff, stopped.get());
  EXPECT_EQ(v1::CODE_SERVER_SHUTTING_DOWN, alice.read_goodbye().code());
}

TEST(Drain, ClientsAreToldToComeBackSpreadOverTheWholeTime) {
  BrokerOptions options = test_options(4);
  options.drain_spread_ms = 10'000;
  BrokerRig broker(options);
  std::deque<RawClient> clients;
  for (int i = 0; i < 200; ++i) clients.emplace_back(broker.address()).connect("client-" + std::to_string(i));
  broker->drain(60'000);
  std::array<int, 10> buckets{};
  for (RawClient& client : clients) {
    const uint32_t retry_after_ms = client.read_announcement().retry_after_ms();
    ASSERT_LE(retry_after_ms, 10'000u);
    ++buckets.at(std::min<size_t>(9, retry_after_ms / 1'000));
  }
  for (const int bucket : buckets) {
    EXPECT_GE(bucket, 8);  // Of 20.
    EXPECT_LE(bucket, 36);
  }
}

}  // namespace
}  // namespace onehop::test
