// The gate: a sender that asked for ordered refusals is let through again only when it says that it knows of them.
#include <gtest/gtest.h>

#include "pair.h"

namespace onehop::core::test {
namespace {

class Gate : public OnOneShardAndOnTwo {};
INSTANTIATE_TEST_SUITE_P(, Gate, testing::Values(0, 1), shards_in_words);

uint64_t gates_closed(FakeBroker& broker) {
  return broker.counters(0).gates_closed + broker.counters(1).gates_closed;
}

// Fills bob's queue with alice's messages from id 1 until one is refused; returns the first refused id. Bob has then
// read everything and his queue is empty, but the gate is closed.
uint64_t close_gate(Pair& pair) {
  pair.bob.stop_reading();
  pair.send_many(1, 100);
  const std::vector<uint64_t> refused = refused_ids(pair.alice.read(), v1::REASON_QUEUE_FULL);
  EXPECT_FALSE(refused.empty());
  pair.bob.take();
  EXPECT_EQ(payloads(pair.bob.read()), Pair::payloads_of(Pair::range(1, refused.front() - 1)));
  pair.alice.read();
  return refused.front();
}

TEST_P(Gate, StaysClosedUntilTheSenderOpensIt) {
  Pair pair(GetParam(), small_limits(), 1);
  const uint64_t first_refused = close_gate(pair);
  EXPECT_EQ(gates_closed(pair.broker), 1u);
  // The queue is empty and every lease is over; still all is refused, of whatever size, and id 0 in silence.
  pair.broker.advance(5'000);
  pair.alice.send(pair.bobs_name, 101, "small");
  pair.alice.send(pair.bobs_name, 0, "untold");
  v1::Frame stale = message_frame(pair.bobs_name, 102, "");
  stale.mutable_message()->set_in_reply_to_session(1);
  pair.alice.send(stale);
  EXPECT_EQ(refused_ids(pair.alice.read(), v1::REASON_QUEUE_FULL), (std::vector<uint64_t>{101, 102}));
  EXPECT_TRUE(pair.bob.read().empty());
  // In order with the messages: what was sent before it is refused, what was sent after it passes.
  pair.alice.send_bytes(wire(message_frame(pair.bobs_name, 103, "before")) +
                        wire(flow_frame(pair.bobs_name, v1::STATE_RESUME)) +
                        wire(message_frame(pair.bobs_name, 104, Pair::payload_of(first_refused))) +
                        wire(message_frame(pair.bobs_name, 0, "after")));
  EXPECT_EQ(refused_ids(pair.alice.read(), v1::REASON_QUEUE_FULL), std::vector<uint64_t>{103});
  EXPECT_EQ(payloads(pair.bob.read()), (std::vector<std::string>{Pair::payload_of(first_refused), "after"}));
}

TEST_P(Gate, NothingSmallerSlipsThroughBehindARefusal) {
  Pair pair(GetParam(), small_limits(), 1);
  pair.bob.stop_reading();
  std::string bytes;
  uint64_t id = 0;
  for (int i = 0; i < 5; ++i) {
    bytes += wire(message_frame(pair.bobs_name, ++id, std::string(15'000, 'x')));
  }
  for (int i = 0; i < 5; ++i) bytes += wire(message_frame(pair.bobs_name, ++id, "small"));
  bytes += wire(message_frame(pair.bobs_name, 0, "untold"));
  pair.alice.send_bytes(bytes);
  pair.bob.take();
  EXPECT_EQ(pair.bob.read().size(), 4u);
  EXPECT_EQ(refused_ids(pair.alice.read(), v1::REASON_QUEUE_FULL), Pair::range(5, 10));
}

TEST_P(Gate, ARefusalThatIsNotToldDoesNotCloseIt) {
  Pair pair(GetParam(), small_limits(), 1);
  pair.bob.stop_reading();
  std::string bytes;
  for (int i = 0; i < 100; ++i) bytes += wire(message_frame(pair.bobs_name, 0, Pair::payload_of(1)));
  pair.alice.send_bytes(bytes);
  EXPECT_EQ(gates_closed(pair.broker), 0u);
  pair.bob.take();
  pair.bob.read();
  pair.alice.send(pair.bobs_name, 1, "passes");
  EXPECT_EQ(payloads(pair.bob.read()), std::vector<std::string>{"passes"});
}

TEST_P(Gate, OtherRefusalsDoNotCloseIt) {
  Pair pair(GetParam(), small_limits(), 1);
  v1::Frame stale = message_frame(pair.bobs_name, 1, "");
  stale.mutable_message()->set_in_reply_to_session(1);
  pair.alice.send(stale);
  pair.alice.send(pair.bobs_name, 2, "passes");
  EXPECT_EQ(payloads(pair.bob.read()), std::vector<std::string>{"passes"});
}

TEST_P(Gate, IsBetweenTwoSessionsOnly) {
  Pair pair(GetParam(), small_limits(), 1);
  FakeClient carol(pair.broker, pair.broker.name_on(GetParam(), "carol"));
  FakeClient dave(pair.broker, ordered_connect_frame(pair.broker.name_on(1 - GetParam(), "dave")));
  close_gate(pair);
  pair.alice.send(carol.connected().name(), 200, "another recipient");
  EXPECT_EQ(payloads(carol.read()), std::vector<std::string>{"another recipient"});
  dave.send(pair.bobs_name, 1, "another sender");
  EXPECT_EQ(payloads(pair.bob.read()), std::vector<std::string>{"another sender"});
}

TEST_P(Gate, EndsWithTheRecipient) {
  Pair pair(GetParam(), small_limits(), 1);
  close_gate(pair);
  FakeClient younger(pair.broker, take_over_frame(pair.bobs_name));
  pair.alice.send(pair.bobs_name, 200, "to the next bob");
  EXPECT_EQ(payloads(younger.read()), std::vector<std::string>{"to the next bob"});
  // Of the old gate nothing is left: a RESUME that comes late opens nothing.
  pair.alice.send(flow_frame(pair.bobs_name, v1::STATE_RESUME));
  EXPECT_FALSE(pair.alice.closed());
}

TEST_P(Gate, EndsWithTheSender) {
  Pair pair(GetParam(), small_limits(), 1);
  close_gate(pair);
  pair.alice.reset();
  FakeClient next(pair.broker, ordered_connect_frame(pair.alices_name));
  next.send(pair.bobs_name, 1, "from the next alice");
  EXPECT_EQ(payloads(pair.bob.read()), std::vector<std::string>{"from the next alice"});
}

TEST_P(Gate, CanCloseAndOpenManyTimes) {
  Limits limits = small_limits();
  limits.senders_max = 3;
  Pair pair(GetParam(), limits, 1);
  uint64_t id = 1;
  for (int turn = 0; turn < 20; ++turn) {
    pair.bob.stop_reading();
    pair.send_many(id, 100);
    const std::vector<uint64_t> refused = refused_ids(pair.alice.read(), v1::REASON_QUEUE_FULL);
    ASSERT_FALSE(refused.empty());
    pair.bob.take();
    EXPECT_EQ(payloads(pair.bob.read()), Pair::payloads_of(Pair::range(id, refused.front() - 1)));
    pair.alice.send(flow_frame(pair.bobs_name, v1::STATE_RESUME));
    id += 100;
  }
  EXPECT_FALSE(pair.alice.closed()) << "each was opened, none is left over";
  EXPECT_EQ(gates_closed(pair.broker), 20u);
}

TEST_P(Gate, ARecipientWithoutRoomForAnotherGateEndsTheSender) {
  Limits limits = small_limits();
  limits.senders_max = 2;
  Pair pair(GetParam(), limits);
  pair.bob.stop_reading();
  pair.send_many(1, 100);
  std::vector<FakeClient> senders;
  for (int i = 0; i < 3; ++i) {
    const std::string name = pair.broker.name_on(0, "ordered" + std::to_string(i) + "-");
    senders.emplace_back(pair.broker, ordered_connect_frame(name));
    senders.back().send(pair.bobs_name, 1, Pair::payload_of(1));
  }
  EXPECT_EQ(refused_ids(senders[0].read(), v1::REASON_QUEUE_FULL), std::vector<uint64_t>{1});
  EXPECT_EQ(refused_ids(senders[1].read(), v1::REASON_QUEUE_FULL), std::vector<uint64_t>{1});
  expect_ended(pair.broker, senders[2], v1::CODE_SERVER_BUSY);
  // Once a gate has gone there is room again, also for who was ended.
  senders[0].reset();
  FakeClient again(pair.broker, ordered_connect_frame(senders[2].connected().name()));
  again.send(pair.bobs_name, 1, Pair::payload_of(1));
  EXPECT_EQ(refused_ids(again.read(), v1::REASON_QUEUE_FULL), std::vector<uint64_t>{1});
  EXPECT_FALSE(again.closed());
}

TEST_P(Gate, NothingOfASenderThatIsBeingEndedIsLetThrough) {
  Limits limits = small_limits();
  limits.senders_max = 1;
  Pair pair(GetParam(), limits);
  FakeClient first(pair.broker, ordered_connect_frame(pair.broker.name_on(0, "first")));
  FakeClient second(pair.broker, ordered_connect_frame(pair.broker.name_on(0, "second")));
  pair.bob.stop_reading();
  pair.send_many(1, 62);
  first.send(pair.bobs_name, 1, std::string(8'000, 'x'));
  EXPECT_EQ(refused_ids(first.read(), v1::REASON_QUEUE_FULL), std::vector<uint64_t>{1});
  // The first does not fit, the others would.
  second.send_bytes(wire(message_frame(pair.bobs_name, 1, std::string(8'000, 'x'))) +
                    wire(message_frame(pair.bobs_name, 2, "small")) + wire(message_frame(pair.bobs_name, 0, "small")));
  expect_ended(pair.broker, second, v1::CODE_SERVER_BUSY);
  pair.bob.take();
  EXPECT_EQ(payloads(pair.bob.read()), Pair::payloads_of(Pair::range(1, 62)));
}

TEST_P(Gate, ASenderWithTooManyClosedGatesIsEnded) {
  Limits limits = small_limits();
  limits.senders_max = 3;
  Pair pair(GetParam(), limits, 1);
  std::vector<FakeClient> recipients;
  uint64_t id = 0;
  for (int i = 0; i < 4; ++i) {
    recipients.emplace_back(pair.broker, pair.broker.name_on(GetParam(), "r" + std::to_string(i) + "-"));
    recipients.back().stop_reading();
    EXPECT_FALSE(pair.alice.closed());
    std::string bytes;
    for (const uint64_t end = id + 70; id != end;) {
      ++id;
      bytes += wire(message_frame(recipients.back().connected().name(), id, Pair::payload_of(id)));
    }
    pair.alice.send_bytes(bytes);
  }
  expect_ended(pair.broker, pair.alice, v1::CODE_SERVER_BUSY);
  for (FakeClient& recipient : recipients) {
    recipient.take();
    EXPECT_GT(recipient.read().size(), 60u);
  }
}

// The gate's one place is free again: another sender's gate can close there.
void expect_room(Pair& pair) {
  FakeClient next(pair.broker, ordered_connect_frame(pair.broker.name_on(0, "next")));
  for (uint64_t id = 1; id <= 70; ++id) next.send(pair.bobs_name, id, Pair::payload_of(id));
  EXPECT_EQ(refused_ids(next.read(), v1::REASON_QUEUE_FULL).back(), 70u);
  EXPECT_FALSE(next.closed());
}

Limits limits_of_one_gate() {
  Limits limits = small_limits();
  limits.senders_max = 1;
  return limits;
}

TEST(GateBetweenShards, ASenderThatEndsBeforeItHearsLeavesNothingBehind) {
  Pair pair(1, limits_of_one_gate(), 1);
  pair.bob.stop_reading();
  pair.broker.held_parcels = {{1, 0}};
  pair.send_many(1, 100);
  EXPECT_EQ(gates_closed(pair.broker), 1u);
  pair.alice.reset();
  pair.broker.held_parcels = {};
  pair.broker.settle();
  expect_room(pair);
}

TEST(GateBetweenShards, ASenderToBeEndedThatEndsBeforeLeavesNothingBehind) {
  Pair pair(1, limits_of_one_gate(), 1);
  FakeClient other(pair.broker, ordered_connect_frame(pair.broker.name_on(0, "other")));
  pair.bob.stop_reading();
  pair.send_many(1, 100);
  pair.broker.held_parcels = {{1, 0}};
  other.send(pair.bobs_name, 1, Pair::payload_of(1));
  other.send(goodbye_frame(v1::CODE_NORMAL));
  pair.alice.reset();
  pair.broker.held_parcels = {};
  pair.broker.settle();
  EXPECT_EQ(other.read_one().goodbye().code(), v1::CODE_NORMAL);
  expect_room(pair);
}

TEST(GateBetweenShards, EndsOfBothThatCrossDoNoHarm) {
  Pair pair(1, limits_of_one_gate(), 1);
  close_gate(pair);
  pair.broker.held_parcels = {{0, 1}, {1, 0}};
  pair.alice.reset();
  pair.bob.reset();
  FakeClient bob(pair.broker, pair.bobs_name);
  pair.broker.held_parcels = {};
  pair.broker.settle();
  bob.stop_reading();
  expect_room(pair);
}

TEST(GateBetweenShards, ASenderLearnsThatTheRecipientsEndOpenedIt) {
  Limits limits = small_limits();
  limits.senders_max = 2;
  Pair pair(1, limits, 1);
  for (int i = 0; i < 5; ++i) {
    FakeClient bob(pair.broker, take_over_frame(pair.bobs_name));
    bob.stop_reading();
    pair.send_many(static_cast<uint64_t>(i) * 100 + 1, 100);
    EXPECT_FALSE(refused_ids(pair.alice.read(), v1::REASON_QUEUE_FULL).empty());
    bob.reset();
    pair.broker.advance(2'000);
  }
  EXPECT_FALSE(pair.alice.closed()) << "it never had more than one closed gate";
}

}  // namespace
}  // namespace onehop::core::test
