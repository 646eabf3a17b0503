// Where a message goes, and every refusal at admission.
#include <gtest/gtest.h>

#include "pair.h"

namespace onehop::core::test {
namespace {

class Route : public OnOneShardAndOnTwo {};
INSTANTIATE_TEST_SUITE_P(, Route, testing::Values(0, 1), shards_in_words);

std::vector<v1::Receipt> receipts(const std::vector<v1::Frame>& frames) {
  std::vector<v1::Receipt> items;
  for (const v1::Frame& frame : frames_of(frames, v1::Frame::kReceipts)) {
    EXPECT_EQ(frame.receipts().seq(), 0u) << "refusals of REFUSALS messages are not to be acknowledged";
    items.insert(items.end(), frame.receipts().items().begin(), frame.receipts().items().end());
  }
  return items;
}

void expect_receipt(const v1::Receipt& receipt, uint64_t first_id, uint64_t last_id, v1::Reason reason) {
  EXPECT_EQ(receipt.first_id(), first_id);
  EXPECT_EQ(receipt.last_id(), last_id);
  EXPECT_EQ(receipt.outcome(), v1::OUTCOME_REJECTED);
  EXPECT_EQ(receipt.reason(), reason);
  EXPECT_FALSE(receipt.attempted());
}

uint64_t refused(FakeBroker& broker, v1::Reason reason) {
  const auto number = static_cast<size_t>(reason);
  return broker.counters(0).messages_refused[number] + broker.counters(1).messages_refused[number];
}

TEST_P(Route, RefusalsMakeRanges) {
  Pair pair(GetParam());
  const std::string nobody = pair.broker.name_on(GetParam(), "nobody");
  std::string bytes;
  for (const uint64_t id : {3u, 4u, 5u, 7u, 8u}) bytes += wire(message_frame(nobody, id, ""));
  bytes += wire(message_frame(pair.bobs_name, 9, "taken"));
  bytes += wire(message_frame(nobody, 10, ""));
  pair.alice.send_bytes(bytes);
  const std::vector<v1::Receipt> items = receipts(pair.alice.read());
  ASSERT_EQ(items.size(), 3u);
  expect_receipt(items[0], 3, 5, v1::REASON_UNKNOWN_CLIENT);
  expect_receipt(items[1], 7, 8, v1::REASON_UNKNOWN_CLIENT);
  expect_receipt(items[2], 10, 10, v1::REASON_UNKNOWN_CLIENT);
  EXPECT_EQ(payloads(pair.bob.read()), std::vector<std::string>{"taken"});
  EXPECT_EQ(refused(pair.broker, v1::REASON_UNKNOWN_CLIENT), 6u);
}

TEST_P(Route, WithoutAnIdNothingIsTold) {
  Pair pair(GetParam());
  const std::string nobody = pair.broker.name_on(GetParam(), "nobody");
  for (int i = 0; i < 5; ++i) pair.alice.send(nobody, 0);
  v1::Frame to_service;
  to_service.mutable_message()->set_service("news");
  pair.alice.send(to_service);
  EXPECT_TRUE(pair.alice.read().empty());
  EXPECT_EQ(refused(pair.broker, v1::REASON_UNKNOWN_CLIENT), 5u);
  EXPECT_EQ(refused(pair.broker, v1::REASON_NOBODY_THERE), 1u);
}

TEST(RouteToNobody, AnyDestinationThatNobodyCanOwn) {
  FakeBroker broker(2);
  for (const ShardIndex home : {ShardIndex{0}, ShardIndex{1}}) {
    FakeClient alice(broker, broker.name_on(home, "alice"));
    uint64_t id = 0;
    const std::vector<std::string> names{
        "",        "two words", "$x", "~made", std::string(255, 'n'), std::string(256, 'n'), std::string(70'000, 'n'),
        "\xC3\xA9"};
    for (const std::string& name : names) alice.send(name, ++id);
    const std::vector<uint64_t> ids = refused_ids(alice.read(), v1::REASON_UNKNOWN_CLIENT);
    EXPECT_EQ(ids, Pair::range(1, names.size()));
    EXPECT_FALSE(alice.closed());
  }
}

// Clients of an earlier broker may still be on their way back.
TEST_P(Route, ForAWhileAfterTheStartARefusalForANameSaysWhenToTryAgain) {
  Limits limits;
  limits.start_grace_ms = 10'000;
  Pair pair(GetParam(), limits);
  const std::string nobody = pair.broker.name_on(GetParam(), "nobody");
  EXPECT_EQ(pair.alice.connected().start_grace_ms(), 10'000u);
  uint64_t id = 0;
  for (const uint64_t wait_ms : {0u, 4'000u, 5'999u}) {
    pair.broker.advance(wait_ms);
    pair.alice.send(nobody, ++id);
    pair.alice.send(std::string(300, 'n'), ++id);
    const std::vector<v1::Receipt> items = receipts(pair.alice.read());
    ASSERT_EQ(items.size(), 2u);
    expect_receipt(items[0], id - 1, id - 1, v1::REASON_UNKNOWN_CLIENT);
    EXPECT_GE(items[0].retry_after_ms(), limits.pause_lease_ms / 2);
    EXPECT_LE(items[0].retry_after_ms(), limits.pause_lease_ms * 3 / 2);
    EXPECT_EQ(items[1].retry_after_ms(), 0u) << "a name that nobody can have";
  }
  EXPECT_EQ(FakeClient(pair.broker, "carol").connected().start_grace_ms(), 1u);
  pair.broker.advance(1);
  pair.alice.send(nobody, ++id);
  const std::vector<v1::Receipt> items = receipts(pair.alice.read());
  ASSERT_EQ(items.size(), 1u);
  EXPECT_EQ(items[0].retry_after_ms(), 0u);
  EXPECT_EQ(FakeClient(pair.broker, "dave").connected().start_grace_ms(), 0u);
}

TEST_P(Route, WithoutAStartGraceNobodyIsExpected) {
  Pair pair(GetParam());
  EXPECT_EQ(pair.alice.connected().start_grace_ms(), 0u);
  pair.alice.send(pair.broker.name_on(GetParam(), "nobody"), 1);
  const std::vector<v1::Receipt> items = receipts(pair.alice.read());
  ASSERT_EQ(items.size(), 1u);
  EXPECT_EQ(items[0].retry_after_ms(), 0u);
}

TEST_P(Route, AReplyReachesTheSessionItIsMeantForOnly) {
  Pair pair(GetParam());
  v1::Frame reply = message_frame(pair.bobs_name, 1, "to this session");
  reply.mutable_message()->set_in_reply_to_session(pair.bob.connected().session());
  pair.alice.send(reply);
  EXPECT_EQ(pair.bob.read_one().message().payload(), "to this session");
  FakeClient younger(pair.broker, take_over_frame(pair.bobs_name));
  reply.mutable_message()->set_id(2);
  pair.alice.send(reply);
  EXPECT_EQ(refused_ids(pair.alice.read(), v1::REASON_STALE_SESSION), std::vector<uint64_t>{2});
  reply.mutable_message()->set_id(0);
  pair.alice.send(reply);
  EXPECT_TRUE(pair.alice.read().empty());
  EXPECT_TRUE(younger.read().empty());
}

TEST_P(Route, ARecipientsOwnFrameLimit) {
  Pair pair(GetParam());
  v1::Frame connect = connect_frame(pair.broker.name_on(GetParam(), "carol"));
  connect.mutable_connect()->set_frame_bytes_max(20'000);
  FakeClient carol(pair.broker, connect);
  v1::Frame frame = message_frame(connect.connect().name(), 1, std::string(19'000, 'x'));
  frame.mutable_message()->mutable_payload()->append(20'000 - frame.ByteSizeLong(), 'y');
  ASSERT_EQ(frame.ByteSizeLong(), 20'000u);
  pair.alice.send(frame);
  EXPECT_EQ(carol.read_one().message().payload(), frame.message().payload());
  frame.mutable_message()->set_id(2);
  frame.mutable_message()->mutable_payload()->push_back('z');
  pair.alice.send(frame);
  EXPECT_EQ(refused_ids(pair.alice.read(), v1::REASON_TOO_LARGE), std::vector<uint64_t>{2});
  EXPECT_TRUE(carol.read().empty());
}

TEST_P(Route, AFrameLimitIsAtLeast16KiB) {
  Pair pair(GetParam());
  v1::Frame connect = connect_frame(pair.broker.name_on(GetParam(), "carol"));
  connect.mutable_connect()->set_frame_bytes_max(1);
  FakeClient carol(pair.broker, connect);
  pair.alice.send(connect.connect().name(), 1, std::string(16'000, 'x'));
  EXPECT_EQ(carol.read_one().message().payload().size(), 16'000u);
}

TEST_P(Route, OverItsMemoryTheBrokerRefuses) {
  Limits limits = small_limits();
  limits.memory_bytes_max = 120'000;
  Pair pair(GetParam(), limits);
  std::vector<FakeClient> slow;
  uint64_t id = 0;
  for (int i = 0; i < 6; ++i) {
    const std::string name = pair.broker.name_on(GetParam(), "slow" + std::to_string(i) + "-");
    slow.emplace_back(pair.broker, name).stop_reading();
  }
  for (FakeClient& client : slow) {
    for (int n = 0; n < 20; ++n) pair.alice.send(client.connected().name(), ++id, std::string(1'000, 'x'));
  }
  const std::vector<v1::Frame> frames = pair.alice.read();
  const std::vector<uint64_t> busy = refused_ids(frames, v1::REASON_BROKER_BUSY);
  ASSERT_FALSE(busy.empty());
  // What each of them keeps is counted by the blocks that it lies in.
  EXPECT_GT(busy.front(), 50u);
  EXPECT_EQ(busy.back(), 120u);
  EXPECT_GE(busy.size(), 120 - busy.front() - slow.size()) << "but for the first to one that holds next to nothing";
  for (const v1::Receipt& receipt : receipts(frames)) EXPECT_GT(receipt.retry_after_ms(), 0u);
  for (FakeClient& client : slow) client.take();
  pair.alice.send(slow.back().connected().name(), ++id, "there is room again");
  EXPECT_EQ(slow.back().read().back().message().payload(), "there is room again");
}

TEST_P(Route, ANameIsLookedUpAgainWhenItsOwnerChanges) {
  Pair pair(GetParam());
  uint64_t id = 0;
  for (int i = 0; i < 3; ++i) {
    FakeClient bob(pair.broker, take_over_frame(pair.bobs_name));
    pair.alice.send(pair.bobs_name, ++id, "to number " + std::to_string(i));
    EXPECT_EQ(payloads(bob.read()), std::vector<std::string>{"to number " + std::to_string(i)});
    pair.alice.send("nobody", ++id);
    bob.reset();
    pair.alice.send(pair.bobs_name, ++id);
    EXPECT_EQ(refused_ids(pair.alice.read(), v1::REASON_UNKNOWN_CLIENT), (std::vector<uint64_t>{id - 1, id}));
    pair.broker.advance(2'000);
  }
}

TEST_P(Route, ToOneself) {
  Pair pair(GetParam());
  pair.bob.send(pair.bobs_name, 1, "note to self");
  const v1::Message message = pair.bob.read_one().message();
  EXPECT_EQ(message.payload(), "note to self");
  EXPECT_EQ(message.from(), pair.bobs_name);
  EXPECT_EQ(message.from_session(), pair.bob.connected().session());
}

TEST_P(Route, MessagesOfOneSenderStayInOrderAmongManyDestinations) {
  Pair pair(GetParam());
  FakeClient carol(pair.broker, pair.broker.name_on(1 - GetParam(), "carol"));
  std::string bytes;
  std::vector<std::string> to_bob;
  std::vector<std::string> to_carol;
  for (uint64_t id = 1; id <= 500; ++id) {
    const bool bobs = id % 3 == 0;
    (bobs ? to_bob : to_carol).push_back(std::to_string(id));
    bytes +=
        wire(message_frame(bobs ? pair.bobs_name : carol.connected().name(), id % 5 == 0 ? 0 : id, std::to_string(id)));
  }
  pair.alice.send_bytes(bytes);
  EXPECT_EQ(payloads(pair.bob.read()), to_bob);
  EXPECT_EQ(payloads(carol.read()), to_carol);
}

}  // namespace
}  // namespace onehop::core::test
