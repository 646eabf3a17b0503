// A local client submits its messages by a call. In everything else it is a client like any other. The tests with a
// parameter run with the recipient on the client's own shard and on another one.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "confirmed.h"
#include "pair.h"

namespace onehop::core::test {
namespace {

class LocalClient : public OnOneShardAndOnTwo {};
INSTANTIATE_TEST_SUITE_P(, LocalClient, testing::Values(0, 1), shards_in_words);

// Submits a message, as a host does for a local client.
Submitted submit(FakeBroker& broker, FakeClient& client, const v1::Frame& frame) {
  const std::string body = frame.message().SerializeAsString();
  ScannedMessage scanned;
  EXPECT_EQ(scan_message(body, {}, scanned), ScanError::kNone);
  return broker.shard(client.link().shard).submit(client.link().id, scanned, body, broker.now);
}

std::vector<v1::State> flows(const std::vector<v1::Frame>& frames) {
  std::vector<v1::State> states;
  for (const v1::Frame& frame : frames_of(frames, v1::Frame::kFlow)) states.push_back(frame.flow().state());
  return states;
}

// Submits messages of 1,000 bytes to bob with ids from `first_id` to `last_id`, and stops when one is not taken.
// Returns the first id that was not taken.
uint64_t submit_many(Pair& pair, uint64_t first_id, uint64_t last_id) {
  for (uint64_t id = first_id; id <= last_id; ++id) {
    const v1::Frame frame = message_frame(pair.bobs_name, id, Pair::payload_of(id));
    if (submit(pair.broker, pair.alice, frame) != Submitted::kTaken) return id;
  }
  return last_id + 1;
}

TEST_P(LocalClient, SendsToRemoteOnesAndHearsFromThem) {
  Pair pair(GetParam());
  EXPECT_EQ(submit(pair.broker, pair.alice, message_frame(pair.bobs_name, 1, "by call")), Submitted::kTaken);
  pair.broker.settle();
  const v1::Frame arrived = pair.bob.read_one();
  EXPECT_EQ(arrived.message().from(), pair.alices_name);
  EXPECT_EQ(arrived.message().payload(), "by call");
  EXPECT_EQ(arrived.message().from_session(), pair.alice.connected().session());
  pair.bob.send(pair.alices_name, 1, "by wire");
  EXPECT_EQ(pair.alice.read_one().message().payload(), "by wire");
}

TEST_P(LocalClient, GetsTheSameBytesToTheRecipientAsARemoteOne) {
  Pair pair(GetParam());
  v1::Frame frame = message_frame(pair.bobs_name, 1, "the same");
  frame.mutable_message()->set_in_reply_to(77);
  v1::Header& header = *frame.mutable_message()->add_headers();
  header.set_key("kind");
  header.set_value("test");
  pair.alice.send(frame);
  const v1::Frame by_wire = pair.bob.read_one();
  frame.mutable_message()->set_id(2);
  EXPECT_EQ(submit(pair.broker, pair.alice, frame), Submitted::kTaken);
  pair.broker.settle();
  v1::Frame by_call = pair.bob.read_one();
  by_call.mutable_message()->set_id(1);
  EXPECT_EQ(by_call.SerializeAsString(), by_wire.SerializeAsString());
}

TEST_P(LocalClient, IsToldOutcomes) {
  Pair pair(GetParam());
  EXPECT_EQ(submit(pair.broker, pair.alice, confirmed_frame(pair.bobs_name, 1)), Submitted::kTaken);
  EXPECT_EQ(submit(pair.broker, pair.alice, message_frame(pair.broker.name_on(GetParam(), "nobody"), 2, "")),
            Submitted::kTaken);
  pair.broker.settle();
  EXPECT_EQ(refused_ids(pair.alice.read(), v1::REASON_UNKNOWN_CLIENT), std::vector<uint64_t>{2});
  pair.bob.send(ack_up_to(tags(pair.bob.read()).back()));
  EXPECT_EQ(outcomes(pair.alice.read()), same_for(1, 1, v1::OUTCOME_DELIVERED));
}

TEST_P(LocalClient, MayMixCallsAndBytes) {
  Pair pair(GetParam());
  EXPECT_EQ(submit(pair.broker, pair.alice, message_frame(pair.bobs_name, 1, "one")), Submitted::kTaken);
  pair.alice.send(pair.bobs_name, 2, "two");
  EXPECT_EQ(submit(pair.broker, pair.alice, message_frame(pair.bobs_name, 3, "three")), Submitted::kTaken);
  pair.alice.send(ping_frame(5));
  EXPECT_EQ(payloads(pair.bob.read()), (std::vector<std::string>{"one", "two", "three"}));
  EXPECT_EQ(pair.alice.read_one().pong().nonce(), 5u);
}

TEST_P(LocalClient, IsPausedByASlowRecipient) {
  Pair pair(GetParam(), small_limits());
  pair.bob.stop_reading();
  EXPECT_EQ(submit_many(pair, 1, 60), 61u);
  pair.broker.settle();
  EXPECT_EQ(flows(pair.alice.read()), std::vector<v1::State>{v1::STATE_PAUSE});
}

// The host's write() takes nothing while the client is slow.
TEST_P(LocalClient, ThatIsSlowGetsItsSendersPaused) {
  Pair pair(GetParam(), small_limits());
  pair.bob.stop_reading();
  pair.send_many(1, 60);
  EXPECT_EQ(flows(pair.alice.read()), std::vector<v1::State>{v1::STATE_PAUSE});
  pair.bob.take();
  EXPECT_EQ(payloads(pair.bob.read()), Pair::payloads_of(Pair::range(1, 60)));
  pair.broker.advance(1'000);
  EXPECT_EQ(flows(pair.alice.read()), std::vector<v1::State>{v1::STATE_RESUME});
}

TEST(LocalClientOnTwoShards, WaitsForCreditAndGoesOn) {
  Pair pair(1);
  pair.broker.held_credits = {{1, 0}, {0, 1}};
  uint64_t next = 1;
  while (pair.alice.link().reading && next < 10'000) {
    const uint64_t until = submit_many(pair, next, next + 99);
    pair.broker.settle();
    EXPECT_EQ(pair.alice.link().reading, until == next + 100);
    next = until;
  }
  EXPECT_LT(next, 10'000u);
  const v1::Frame again = message_frame(pair.bobs_name, next, Pair::payload_of(next));
  EXPECT_EQ(submit(pair.broker, pair.alice, again), Submitted::kWaits);
  // Messages to other recipients wait too, because all that a client sends stays in order.
  EXPECT_EQ(submit(pair.broker, pair.alice, message_frame(pair.alices_name, next, "")), Submitted::kWaits);
  pair.broker.held_credits.clear();
  pair.broker.settle();
  EXPECT_TRUE(pair.alice.link().reading);
  EXPECT_EQ(submit_many(pair, next, next + 9), next + 10);
  pair.broker.settle();
  EXPECT_EQ(payloads(pair.bob.read()), Pair::payloads_of(Pair::range(1, next + 9)));
}

// A submitted message shows that the client is alive, so a client that only sends is not pinged.
TEST_P(LocalClient, IsAliveAsLongAsItSends) {
  Pair pair(GetParam());
  const uint64_t keepalive_ms = pair.alice.connected().keepalive_ms();
  for (uint64_t id = 1; id <= 10; ++id) {
    pair.broker.advance(keepalive_ms / 2);
    EXPECT_EQ(submit(pair.broker, pair.alice, message_frame(pair.bobs_name, id, "")), Submitted::kTaken);
    pair.broker.settle();
    pair.bob.send(ping_frame(id));
  }
  EXPECT_FALSE(pair.alice.closed());
  EXPECT_TRUE(frames_of(pair.alice.read(), v1::Frame::kPing).empty());
}

TEST_P(LocalClient, EndsByTheSameRules) {
  struct Case {
    v1::Frame frame;
    v1::Code code;
  };
  v1::Frame without_id = message_frame("somebody", 0, "");
  without_id.mutable_message()->set_confirm(v1::CONFIRM_DELIVERED);
  const Case cases[] = {
      {message_frame("somebody", 5, ""), v1::CODE_PROTOCOL_ERROR},
      {without_id, v1::CODE_PROTOCOL_ERROR},
      {message_frame("somebody", 6, std::string(20'000, 'x')), v1::CODE_FRAME_TOO_LARGE},
  };
  for (const Case& broken : cases) {
    Pair pair(GetParam(), small_limits());
    EXPECT_EQ(submit(pair.broker, pair.alice, message_frame(pair.bobs_name, 5, "")), Submitted::kTaken);
    EXPECT_EQ(submit(pair.broker, pair.alice, broken.frame), Submitted::kEnds);
    EXPECT_EQ(submit(pair.broker, pair.alice, message_frame(pair.bobs_name, 7, "late")), Submitted::kEnds);
    pair.broker.settle();
    expect_ended(pair.broker, pair.alice, broken.code);
    EXPECT_EQ(payloads(pair.bob.read()), std::vector<std::string>{""});
  }
}

TEST(LocalClientDeathTest, TheNameMustLieInTheBody) {
  Pair pair(1);
  const std::string body = message_frame(pair.bobs_name, 1, "").message().SerializeAsString();
  ScannedMessage scanned;
  ASSERT_EQ(scan_message(body, {}, scanned), ScanError::kNone);
  scanned.destination_name = pair.bobs_name;
  EXPECT_DEATH(pair.broker.shard(0).submit(pair.alice.link().id, scanned, body, pair.broker.now), "destination_name");
}

TEST_P(LocalClient, IsNotHeardBeforeItIsConnectedNorAfterItsEnd) {
  Pair pair(GetParam());
  FakeClient early(pair.broker);
  pair.broker.settle();
  EXPECT_EQ(submit(pair.broker, early, message_frame(pair.bobs_name, 1, "")), Submitted::kEnds);
  pair.alice.reset();
  pair.broker.settle();
  EXPECT_EQ(submit(pair.broker, pair.alice, message_frame(pair.bobs_name, 1, "")), Submitted::kEnds);
  EXPECT_TRUE(pair.bob.read().empty());
}

}  // namespace
}  // namespace onehop::core::test
