// The gate: a sender that asked for ordered refusals is let through again only when it says that it knows of them.
#include <gtest/gtest.h>

#include "confirmed.h"
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
  Pair pair(GetParam(), small_limits(), 1);
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

// However many senders are kept out, or keep their gates closed while they are away: one more is refused like them, and
// nobody is ended for it.
TEST_P(Gate, OthersGatesDoNotEndANewcomer) {
  Limits limits = small_limits();
  limits.senders_max = 2;
  Pair pair(GetParam(), limits);
  pair.bob.stop_reading();
  pair.send_many(1, 100);
  std::vector<FakeClient> senders;
  for (int i = 0; i < 40; ++i) {
    v1::Frame connect = ordered_connect_frame(pair.broker.name_on(0, "ordered" + std::to_string(i) + "-"));
    connect.mutable_connect()->set_session_expiry_ms(3'600'000);
    senders.emplace_back(pair.broker, connect);
    senders.back().send(pair.bobs_name, 1, Pair::payload_of(1));
    EXPECT_EQ(refused_ids(senders.back().read(), v1::REASON_QUEUE_FULL), std::vector<uint64_t>{1});
    if (i % 2 == 0) senders.back().reset();  // Abandoned, its gate closed.
  }
  FakeClient other(pair.broker, ordered_connect_frame(pair.broker.name_on(0, "other")));
  FakeClient carol(pair.broker, pair.broker.name_on(GetParam(), "carol"));
  other.send(pair.bobs_name, 1, Pair::payload_of(1));
  other.send(confirmed_frame(carol.connected().name(), 2, "meanwhile"));
  EXPECT_EQ(refused_ids(other.read(), v1::REASON_QUEUE_FULL), std::vector<uint64_t>{1});
  EXPECT_FALSE(other.closed());
  const v1::Message delivered = carol.read_one().message();
  EXPECT_EQ(delivered.payload(), "meanwhile");
  carol.send(ack_up_to(delivered.delivery_tag()));
  EXPECT_EQ(other.read_one().receipts().items(0).outcome(), v1::OUTCOME_DELIVERED);
  pair.bob.take();
  pair.bob.read();
  other.send(flow_frame(pair.bobs_name, v1::STATE_RESUME));
  other.send(pair.bobs_name, 3, "in order");
  EXPECT_EQ(payloads(pair.bob.read()), std::vector<std::string>{"in order"});
}

TEST_P(Gate, ASenderMayFindManyRecipientsFull) {
  Limits limits = small_limits();
  limits.senders_max = 3;
  Pair pair(GetParam(), limits, 1);
  std::vector<FakeClient> recipients;
  uint64_t id = 0;
  for (int i = 0; i < 6; ++i) {
    recipients.emplace_back(pair.broker, pair.broker.name_on(GetParam(), "r" + std::to_string(i) + "-"));
    recipients.back().stop_reading();
    std::string bytes;
    for (const uint64_t end = id + 70; id != end;) {
      ++id;
      bytes += wire(message_frame(recipients.back().connected().name(), id, Pair::payload_of(id)));
    }
    pair.alice.send_bytes(bytes);
  }
  EXPECT_FALSE(pair.alice.closed());
  EXPECT_EQ(gates_closed(pair.broker), 6u);
  for (FakeClient& recipient : recipients) {
    recipient.take();
    EXPECT_GT(recipient.read().size(), 60u);
    const std::string name = recipient.connected().name();
    pair.alice.send(flow_frame(name, v1::STATE_RESUME));
    pair.alice.send(name, ++id, "once more");
    EXPECT_EQ(payloads(recipient.read()), std::vector<std::string>{"once more"});
  }
}

// A client that says RESUME all day: where no gate is closed nothing crosses, and for one that is, one record does.
TEST(GateBetweenShards, AResumeCrossesOnceForEachClosedGate) {
  Pair pair(1, small_limits(), 1);
  const auto crossed = [&pair] { return pair.broker.counters(0).parcels_posted; };
  close_gate(pair);
  const uint64_t before = crossed();
  std::string resumes;
  for (int i = 0; i < 1'000; ++i) {
    resumes += wire(flow_frame("nobody-" + std::to_string(i), v1::STATE_RESUME));
    resumes += wire(flow_frame(pair.bobs_name, v1::STATE_RESUME));
  }
  pair.broker.held_parcels = {{1, 0}};  // The answer that the gate is open.
  pair.alice.send_bytes(resumes);
  EXPECT_EQ(crossed(), before + 1);
  pair.broker.held_parcels = {};
  pair.broker.settle();
  pair.alice.send_bytes(resumes);
  EXPECT_EQ(crossed(), before + 1);
}

// Nothing is left of the gate of a sender that is gone: its recipient has no record of senders any more.
void expect_no_gate(Pair& pair) {
  const auto bob = pair.broker.shard(1).find_client(pair.bobs_name, pair.broker.now);
  ASSERT_TRUE(bob.has_value());
  EXPECT_EQ(bob->closed_gates, 0u);
}

TEST(GateBetweenShards, ASenderThatEndsBeforeItHearsLeavesNothingBehind) {
  Pair pair(1, small_limits(), 1);
  pair.bob.stop_reading();
  pair.broker.held_parcels = {{1, 0}};
  pair.send_many(1, 100);
  EXPECT_EQ(gates_closed(pair.broker), 1u);
  pair.alice.reset();
  pair.broker.held_parcels = {};
  pair.broker.settle();
  expect_no_gate(pair);
}

TEST(GateBetweenShards, EndsOfBothThatCrossDoNoHarm) {
  Pair pair(1, small_limits(), 1);
  close_gate(pair);
  pair.broker.held_parcels = {{0, 1}, {1, 0}};
  pair.alice.reset();
  pair.bob.reset();
  FakeClient bob(pair.broker, pair.bobs_name);
  pair.broker.held_parcels = {};
  pair.broker.settle();
  expect_no_gate(pair);
  FakeClient next(pair.broker, ordered_connect_frame(pair.broker.name_on(0, "next")));
  next.send(pair.bobs_name, 1, "open");
  EXPECT_EQ(payloads(bob.read()), std::vector<std::string>{"open"});
}

TEST(GateBetweenShards, ASenderLearnsThatTheRecipientsEndOpenedIt) {
  Pair pair(1, small_limits(), 1);
  uint64_t crossed = 0;
  for (int i = 0; i < 5; ++i) {
    FakeClient bob(pair.broker, take_over_frame(pair.bobs_name));
    bob.stop_reading();
    pair.send_many(static_cast<uint64_t>(i) * 100 + 1, 100);
    EXPECT_FALSE(refused_ids(pair.alice.read(), v1::REASON_QUEUE_FULL).empty());
    bob.reset();
    pair.broker.advance(2'000);
    crossed = pair.broker.counters(0).parcels_posted;
    pair.alice.send(flow_frame(pair.bobs_name, v1::STATE_RESUME));
    EXPECT_EQ(pair.broker.counters(0).parcels_posted, crossed) << "its shard knows that there is nothing to open";
  }
}

}  // namespace
}  // namespace onehop::core::test
