// Deadlines: none early, none much late, and none that runs while it is the broker that does not read.
#include <gtest/gtest.h>

#include "pair.h"

namespace onehop::core::test {
namespace {

v1::Frame connect_for(const std::string& name, uint32_t keepalive_ms) {
  v1::Frame frame = connect_frame(name);
  frame.mutable_connect()->set_keepalive_ms(keepalive_ms);
  return frame;
}

TEST(ConnectDeadline, IsAbsoluteAndDribblingDoesNotMoveIt) {
  FakeBroker broker;
  FakeClient silent(broker);
  FakeClient dribbling(broker);
  const std::string connect = wire(connect_frame(std::string(200, 'n')));
  for (size_t i = 0; i < 49; ++i) {
    broker.advance(100);
    dribbling.send_bytes(connect.substr(i, 1));
  }
  EXPECT_FALSE(silent.closed());
  EXPECT_FALSE(dribbling.closed());
  broker.advance(100 + kTick);
  expect_ended(broker, silent, v1::CODE_CONNECT_TIMEOUT);
  expect_ended(broker, dribbling, v1::CODE_CONNECT_TIMEOUT);
  EXPECT_EQ(broker.counters().links, 0u);
}

TEST(ConnectDeadline, IsOverOnceConnected) {
  FakeBroker broker(2);
  FakeClient client(broker, ShardIndex{0});
  const Instant deadline = client.link().connect_deadline;
  broker.advance(kConnectDeadlineMs - 1);
  client.send(connect_for(broker.name_on(1), 60'000));
  EXPECT_TRUE(client.read_one().has_connected());
  EXPECT_EQ(client.link().shard, 1);
  EXPECT_EQ(client.link().connect_deadline, deadline) << "a hand-over carries it along";
  broker.advance(20'000);
  EXPECT_FALSE(client.closed());
}

TEST(Keepalive, SilenceIsAskedAboutAndThenEnded) {
  FakeBroker broker;
  FakeClient client(broker, connect_for("bob", 10'000));
  broker.advance(9'999);
  EXPECT_TRUE(client.read().empty());
  broker.advance(1 + kTick);
  EXPECT_TRUE(client.read_one().has_ping());
  broker.advance(5'000 - kTick - 2);
  EXPECT_FALSE(client.closed());
  EXPECT_TRUE(client.read().empty()) << "one ping is enough";
  broker.advance(2 * kTick);
  expect_ended(broker, client, v1::CODE_KEEPALIVE_TIMEOUT);
}

// Time passes, and the host says in each iteration that it has more of the client to read.
void advance_unread(FakeBroker& broker, FakeClient& client, uint64_t ms) {
  for (uint64_t i = 0; i < ms && !client.closed(); i += Wheel::kTickMs / 2) {
    broker.shard(client.link().shard).on_unread(client.link().id);
    broker.advance(Wheel::kTickMs / 2);
  }
}

// A host that has more to read than it has read says so, and the shard waits for it.
TEST(ConnectDeadline, WaitsForWhatTheHostHasNotRead) {
  FakeBroker broker;
  FakeClient client(broker);
  advance_unread(broker, client, kConnectDeadlineMs + 1'000);
  client.send(connect_for("bob", 60'000));
  EXPECT_TRUE(client.read_one().has_connected());
}

TEST(ConnectDeadline, ComesOnceTheHostHasReadAll) {
  FakeBroker broker;
  FakeClient client(broker);
  broker.advance(kConnectDeadlineMs - 1);
  broker.shard(0).on_unread(client.link().id);
  broker.advance(1 + 2 * kTick);
  expect_ended(broker, client, v1::CODE_CONNECT_TIMEOUT);
}

TEST(Keepalive, WaitsForWhatTheHostHasNotRead) {
  FakeBroker broker;
  FakeClient client(broker, connect_for("bob", 10'000));
  advance_unread(broker, client, 30'000);
  EXPECT_FALSE(client.closed());
  broker.advance(5'000 + 2 * kTick);
  expect_ended(broker, client, v1::CODE_KEEPALIVE_TIMEOUT);
}

TEST(FrameDeadline, WaitsForWhatTheHostHasNotRead) {
  FakeBroker broker;
  FakeClient client(broker, connect_for("bob", 600'000));
  const std::string frame = wire(message_frame("bob", 1, "slowly"));
  client.send_bytes(frame.substr(0, 5));
  advance_unread(broker, client, 2 * Limits().frame_deadline_ms);
  client.send_bytes(frame.substr(5));
  EXPECT_EQ(payloads(client.read()).size(), 1u);
}

TEST(Keepalive, AnyByteCountsAsLife) {
  FakeBroker broker;
  FakeClient client(broker, connect_for("bob", 10'000));
  const std::string frame = wire(message_frame("bob", 1, std::string(100, 'x')));
  for (size_t i = 0; i < 3; ++i) {
    broker.advance(9'000);
    client.send_bytes(frame.substr(i, 1));
    EXPECT_TRUE(client.read().empty());
  }
  client.send_bytes(frame.substr(3));
  EXPECT_EQ(payloads(client.read()).size(), 1u);
}

TEST(Keepalive, AnAnswerKeepsItAliveForEver) {
  FakeBroker broker;
  FakeClient client(broker, connect_for("bob", 1'000));
  size_t pings = 0;
  for (int i = 0; i < 1'000; ++i) {
    broker.advance(100);
    for (const v1::Frame& ping : client.read()) {
      ASSERT_TRUE(ping.has_ping());
      v1::Frame pong;
      pong.mutable_pong()->set_nonce(ping.ping().nonce());
      client.send(pong);
      ++pings;
    }
  }
  EXPECT_FALSE(client.closed());
  EXPECT_GE(pings, 85u);
  EXPECT_LE(pings, 100u);
}

TEST(Keepalive, BeingSentToDoesNotCount) {
  FakeBroker broker;
  FakeClient bob(broker, connect_for("bob", 10'000));
  FakeClient alice(broker, "alice");
  for (uint64_t id = 1; id <= 15; ++id) {
    broker.advance(1'000);
    alice.send("bob", id, "anybody there?");
  }
  broker.advance(kTick);
  EXPECT_TRUE(bob.closed());
  EXPECT_EQ(bob.read().back().goodbye().code(), v1::CODE_KEEPALIVE_TIMEOUT);
}

TEST(Keepalive, StandsWhileTheBrokerDoesNotRead) {
  Pair pair(1);
  FakeClient alice(pair.broker, connect_for(pair.broker.name_on(0, "short"), 1'000));
  pair.broker.held_parcels = {{0, 1}};
  std::string bytes;
  for (uint64_t id = 1; id <= 2'000; ++id) bytes += wire(message_frame(pair.bobs_name, id, Pair::payload_of(id)));
  alice.send_bytes(bytes);
  ASSERT_FALSE(alice.link().reading);
  for (int i = 0; i < 20; ++i) {
    pair.broker.advance(1'000);
    pair.alice.send(ping_frame(1));
    pair.bob.send(ping_frame(1));
  }
  EXPECT_FALSE(alice.closed());
  EXPECT_TRUE(alice.read().empty());
  pair.broker.held_parcels = {};
  pair.broker.settle();
  EXPECT_TRUE(alice.link().reading);
  pair.broker.advance(900);
  EXPECT_FALSE(alice.closed());
  pair.broker.advance(600 + kTick);
  expect_ended(pair.broker, alice, v1::CODE_KEEPALIVE_TIMEOUT);
}

TEST(FrameDeadline, AFrameBegunMustBeFinished) {
  FakeBroker broker;
  const Limits limits;
  FakeClient client(broker, connect_for("bob", 600'000));
  const std::string frame = wire(message_frame("bob", 1, std::string(100, 'x')));
  broker.advance(5'000);
  client.send_bytes(frame + frame.substr(0, 1));
  for (size_t i = 1; i < 30; ++i) {
    broker.advance(limits.frame_deadline_ms / 30);
    client.send_bytes(frame.substr(i, 1));
  }
  EXPECT_FALSE(client.closed());
  broker.advance(limits.frame_deadline_ms / 30 + kTick);
  EXPECT_EQ(payloads(expect_ended(broker, client, v1::CODE_PROTOCOL_ERROR)).size(), 1u);
}

TEST(FrameDeadline, EachFrameHasItsOwn) {
  FakeBroker broker;
  FakeClient client(broker, connect_for("bob", 600'000));
  std::string rest;
  for (uint64_t id = 1; id <= 10; ++id) {
    const std::string frame = wire(message_frame("bob", id, "slowly"));
    client.send_bytes(rest + frame.substr(0, 5));
    rest = frame.substr(5);
    broker.advance(20'000);
  }
  client.send_bytes(rest);
  EXPECT_EQ(payloads(client.read()).size(), 10u);
  broker.advance(100'000);
  EXPECT_FALSE(client.closed()) << "nothing is begun any more";
}

TEST(FrameDeadline, StandsWhileTheBrokerDoesNotRead) {
  Pair pair(1);
  FakeClient alice(pair.broker, connect_for(pair.broker.name_on(0, "slow"), 600'000));
  pair.broker.held_parcels = {{0, 1}};
  std::string bytes;
  for (uint64_t id = 1; id <= 2'000; ++id) bytes += wire(message_frame(pair.bobs_name, id, Pair::payload_of(id)));
  alice.send_bytes(bytes.substr(0, bytes.size() - 500));
  ASSERT_FALSE(alice.link().reading);
  for (int i = 0; i < 8; ++i) {
    pair.broker.advance(10'000);
    pair.bob.send(ping_frame(1));
  }
  pair.broker.held_parcels = {};
  pair.broker.settle();
  for (int i = 0; i < 2; ++i) {
    pair.broker.advance(14'000);
    pair.bob.send(ping_frame(1));
  }
  EXPECT_FALSE(alice.closed()) << "the clock of the unfinished frame began when it was read on";
  pair.broker.advance(2'000 + kTick);
  expect_ended(pair.broker, alice, v1::CODE_PROTOCOL_ERROR);
}

class SlowConsumer : public OnOneShardAndOnTwo {
 protected:
  SlowConsumer() : pair_(GetParam(), small_limits()), slow_(pair_.broker, connect_for(name(), 600'000)) {}

  std::string name() const { return pair_.broker.name_on(GetParam(), "slow"); }
  void fill(uint64_t first_id, uint64_t count) {
    for (uint64_t id = first_id; id < first_id + count; ++id) pair_.alice.send(name(), id, Pair::payload_of(id));
  }
  // Alice and bob stay alive.
  void wait(uint64_t ms) {
    pair_.broker.advance(ms);
    pair_.alice.send(ping_frame(1));
    pair_.bob.send(ping_frame(1));
  }

  Pair pair_;
  FakeClient slow_;
};
INSTANTIATE_TEST_SUITE_P(, SlowConsumer, testing::Values(0, 1), shards_in_words);

TEST_P(SlowConsumer, OverTheHighMarkAndTakingNothing) {
  slow_.set_room(10);
  fill(1, 60);
  wait(10'000 - 1);
  EXPECT_FALSE(slow_.closed());
  wait(1 + kTick);
  const auto ended = pair_.broker.notes_of(slow_.number(), {Event::Kind::kConnectionEnded});
  ASSERT_EQ(ended.size(), 1u);
  EXPECT_EQ(ended[0].code, v1::CODE_SLOW_CONSUMER);
  slow_.take();
  EXPECT_EQ(expect_ended(pair_.broker, slow_, v1::CODE_SLOW_CONSUMER).size(), 1u) << "the frame begun, no more";
}

// Whoever sends without end and reads nothing always has more to be read.
TEST_P(SlowConsumer, ThoughTheHostHasNotReadAllOfIt) {
  slow_.set_room(10);
  fill(1, 60);
  for (int i = 0; i < 3; ++i) {
    advance_unread(pair_.broker, slow_, 4'000);
    wait(0);
  }
  const auto ended = pair_.broker.notes_of(slow_.number(), {Event::Kind::kConnectionEnded});
  ASSERT_EQ(ended.size(), 1u);
  EXPECT_EQ(ended[0].code, v1::CODE_SLOW_CONSUMER);
}

TEST_P(SlowConsumer, TakingAnythingIsEnough) {
  slow_.stop_reading();
  fill(1, 62);
  for (int i = 0; i < 10; ++i) {
    wait(9'000);
    slow_.take(1);
  }
  EXPECT_FALSE(slow_.closed());
  wait(10'000 + kTick);
  EXPECT_EQ(pair_.broker.notes_of(slow_.number(), {Event::Kind::kConnectionEnded}).size(), 1u);
}

TEST_P(SlowConsumer, BelowTheHighMarkItMayTakeItsTime) {
  slow_.stop_reading();
  fill(1, 40);
  for (int i = 0; i < 20; ++i) wait(20'000);
  EXPECT_FALSE(slow_.closed());
  slow_.take();
  EXPECT_EQ(slow_.read().size(), 40u);
}

TEST_P(SlowConsumer, IsNoticedInTimeWhenTheQueueFillsLater) {
  slow_.stop_reading();
  fill(1, 40);
  wait(15'000);
  fill(41, 20);
  wait(10'000 + kTick);
  const auto ended = pair_.broker.notes_of(slow_.number(), {Event::Kind::kConnectionEnded});
  ASSERT_EQ(ended.size(), 1u) << "not only when its keepalive is due";
  EXPECT_EQ(ended[0].code, v1::CODE_SLOW_CONSUMER);
}

TEST_P(SlowConsumer, OfItsOwnReceipts) {
  slow_.stop_reading();
  std::string bytes;
  for (uint64_t id = 1; id < 30'000; id += 2) {
    bytes += wire(message_frame(pair_.broker.name_on(GetParam(), "nobody"), id, ""));
  }
  slow_.send_bytes(bytes);
  ASSERT_FALSE(slow_.link().reading);
  wait(10'000 - 1);
  EXPECT_TRUE(pair_.broker.notes_of(slow_.number(), {Event::Kind::kConnectionEnded}).empty());
  wait(1 + kTick);
  const auto ended = pair_.broker.notes_of(slow_.number(), {Event::Kind::kConnectionEnded});
  ASSERT_EQ(ended.size(), 1u);
  EXPECT_EQ(ended[0].code, v1::CODE_SLOW_CONSUMER);
}

TEST_P(SlowConsumer, OfReceiptsThatComeLongAfterTheSocketFilled) {
  slow_.stop_reading();
  fill(1, 1);
  wait(15'000);
  std::string bytes;
  for (uint64_t id = 1; id < 30'000; id += 2) {
    bytes += wire(message_frame(pair_.broker.name_on(GetParam(), "nobody"), id, ""));
  }
  slow_.send_bytes(bytes);
  ASSERT_FALSE(slow_.link().reading);
  wait(10'000 + kTick);
  EXPECT_EQ(pair_.broker.notes_of(slow_.number(), {Event::Kind::kConnectionEnded}).size(), 1u);
}

TEST(Ticks, AnIdleBrokerSleeps) {
  FakeBroker broker;
  FakeClient client(broker, connect_for("bob", 600'000));
  const uint64_t before = broker.flushes;
  broker.advance(590'000);
  EXPECT_LT(broker.flushes - before, 60u) << "about once a round of the wheel";
}

}  // namespace
}  // namespace onehop::core::test
