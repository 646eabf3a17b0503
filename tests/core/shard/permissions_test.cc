// Who may send to whom: asked once for each sender and destination, at once or later. The tests with a parameter run
// with the recipient on the sender's shard and on another one.
#include "core/shard/permissions.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "confirmed.h"
#include "pair.h"

namespace onehop::core::test {
namespace {

// Alice and Bob on a broker that asks.
struct AskingBroker {
  explicit AskingBroker(ShardIndex home_of_bob)
      : broker(2, {}, true),
        alices_name(broker.name_on(0, "alice")),
        bobs_name(broker.name_on(home_of_bob, "bob")),
        alice(broker, connect_frame(alices_name)),
        bob(broker, bobs_name) {}

  size_t questions() const { return broker.asked_to_send.size(); }
  void answer(const Answer& answer) { broker.answer(broker.asked_to_send.back(), answer); }
  uint64_t state_bytes() { return broker.counters(0).state_bytes; }

  FakeBroker broker;
  std::string alices_name;
  std::string bobs_name;
  FakeClient alice;
  FakeClient bob;
};

const Answer kYes{true, 0, 0, {}, 0};
const Answer kNo{false, 0, 0, {}, 0};
const Answer kCannotSay{false, 0, v1::CODE_SERVER_BUSY, {}, 0};

class MaySend : public OnOneShardAndOnTwo {};
INSTANTIATE_TEST_SUITE_P(, MaySend, testing::Values(0, 1), shards_in_words);

TEST_P(MaySend, IsAskedOnceForEachDestinationAndNotForEachMessage) {
  AskingBroker world(GetParam());
  const std::string carols_name = world.broker.name_on(1 - GetParam(), "carol");
  FakeClient carol(world.broker, carols_name);
  for (uint64_t id = 1; id <= 20; ++id) {
    world.alice.send(id % 4 == 3 ? carols_name : world.bobs_name, id, std::to_string(id));
  }
  EXPECT_EQ(payloads(world.bob.read()).size(), 15u);
  EXPECT_EQ(payloads(carol.read()).size(), 5u);
  ASSERT_EQ(world.questions(), 2u);
  const Asked& asked = world.broker.asked_to_send.front();
  EXPECT_EQ(asked.name, world.bobs_name);
  EXPECT_EQ(asked.sender, world.alices_name);
  EXPECT_EQ(asked.session, world.alice.connected().session());
  world.bob.send(world.alices_name, 1, "another sender is asked about");
  EXPECT_EQ(world.questions(), 3u);
}

TEST_P(MaySend, ARefusalIsTheSameWhetherOrNotTheNameExists) {
  AskingBroker world(GetParam());
  world.broker.may_send = kNo;
  world.alice.send(confirmed_frame(world.bobs_name, 1));
  world.alice.send(confirmed_frame(world.broker.name_on(GetParam(), "nobody"), 2));
  world.alice.send(world.bobs_name, 3, "again");
  world.broker.settle();
  EXPECT_EQ(refused_ids(world.alice.read(), v1::REASON_NOT_AUTHORIZED), (std::vector<uint64_t>{1, 2, 3}));
  EXPECT_TRUE(world.bob.read().empty());
  EXPECT_EQ(world.questions(), 2u) << "a refusal is remembered as well";
}

TEST_P(MaySend, AMessageWaitsForAnAnswerThatComesLater) {
  AskingBroker world(GetParam());
  world.broker.answer_to_send_later = true;
  for (uint64_t id = 1; id <= 3; ++id) world.alice.send(world.bobs_name, id, std::to_string(id));
  world.alice.send(ping_frame(5));
  world.broker.settle();
  EXPECT_TRUE(world.bob.read().empty());
  EXPECT_TRUE(world.alice.read().empty()) << "what comes behind the message waits too";
  EXPECT_FALSE(world.broker.links[world.alice.number()].reading);
  world.answer(kYes);
  world.broker.settle();
  EXPECT_EQ(payloads(world.bob.read()), (std::vector<std::string>{"1", "2", "3"}));
  EXPECT_EQ(world.alice.read_one().pong().nonce(), 5u);
  EXPECT_TRUE(world.broker.links[world.alice.number()].reading);
  EXPECT_EQ(world.questions(), 1u);
}

TEST_P(MaySend, ARefusalThatComesLaterRefusesWhatWaited) {
  AskingBroker world(GetParam());
  world.broker.answer_to_send_later = true;
  for (uint64_t id = 1; id <= 3; ++id) world.alice.send(confirmed_frame(world.bobs_name, id));
  world.broker.settle();
  world.answer(kNo);
  world.broker.settle();
  EXPECT_EQ(refused_ids(world.alice.read(), v1::REASON_NOT_AUTHORIZED), (std::vector<uint64_t>{1, 2, 3}));
  EXPECT_EQ(world.questions(), 1u);
}

// At once and later.
TEST_P(MaySend, WhereTheHostCannotSayTheMessageIsRefusedAndTheNextIsAskedAbout) {
  for (const bool later : {false, true}) {
    AskingBroker world(GetParam());
    world.broker.may_send = kCannotSay;
    world.broker.answer_to_send_later = later;
    world.alice.send(world.bobs_name, 1, "refused");
    world.broker.settle();
    if (later) world.answer(kCannotSay);
    world.broker.settle();
    EXPECT_EQ(refused_ids(world.alice.read(), v1::REASON_BROKER_BUSY), std::vector<uint64_t>{1});
    EXPECT_EQ(world.questions(), 1u);
    world.broker.may_send = kYes;
    world.alice.send(world.bobs_name, 2, "taken");
    if (later) world.answer(kYes);
    EXPECT_EQ(payloads(world.bob.read()), std::vector<std::string>{"taken"});
    EXPECT_EQ(world.questions(), 2u);
  }
}

TEST_P(MaySend, AnAnswerThatNeverComesIsGivenUp) {
  AskingBroker world(GetParam());
  world.broker.answer_to_send_later = true;
  world.alice.send(world.bobs_name, 1, "refused");
  world.broker.advance(kVerdictDeadlineMs - 1);
  EXPECT_TRUE(world.alice.read().empty());
  world.broker.advance(20);
  EXPECT_EQ(refused_ids(world.alice.read(), v1::REASON_BROKER_BUSY), std::vector<uint64_t>{1});
  world.answer(kYes);  // Too late: it counts for nothing.
  world.broker.answer_to_send_later = false;
  world.alice.send(world.bobs_name, 2, "taken");
  EXPECT_EQ(payloads(world.bob.read()), std::vector<std::string>{"taken"});
  EXPECT_EQ(world.questions(), 2u);
}

TEST_P(MaySend, AfterAChangeOfThePolicyItIsAskedAgain) {
  AskingBroker world(GetParam());
  world.alice.send(world.bobs_name, 1, "one");
  world.broker.may_send = kNo;
  world.alice.send(world.bobs_name, 2, "two");
  EXPECT_EQ(payloads(world.bob.read()), (std::vector<std::string>{"one", "two"}));
  for (ShardIndex shard = 0; shard < 2; ++shard) world.broker.shard(shard).on_policy_changed(world.broker.now);
  world.alice.send(world.bobs_name, 3, "three");
  world.broker.settle();
  EXPECT_EQ(refused_ids(world.alice.read(), v1::REASON_NOT_AUTHORIZED), std::vector<uint64_t>{3});
  EXPECT_TRUE(world.bob.read().empty());
  EXPECT_EQ(world.questions(), 2u);
}

TEST_P(MaySend, AChangeOfThePolicyAsksAgainAboutWhatWaits) {
  AskingBroker world(GetParam());
  world.broker.answer_to_send_later = true;
  world.alice.send(world.bobs_name, 1, "one");
  world.broker.settle();
  const Asked old = world.broker.asked_to_send.back();
  world.broker.shard(0).on_policy_changed(world.broker.now);
  world.broker.settle();
  ASSERT_EQ(world.questions(), 2u);
  world.broker.answer(old, kYes);  // Of the policy before: it counts for nothing.
  EXPECT_TRUE(world.bob.read().empty());
  world.answer(kNo);
  world.broker.settle();
  EXPECT_EQ(refused_ids(world.alice.read(), v1::REASON_NOT_AUTHORIZED), std::vector<uint64_t>{1});
}

TEST_P(MaySend, ACallOfALocalClientWaitsToo) {
  AskingBroker world(GetParam());
  world.broker.answer_to_send_later = true;
  const std::string body = message_frame(world.bobs_name, 1, "by call").message().SerializeAsString();
  ScannedMessage scanned;
  ASSERT_EQ(scan_message(body, {}, scanned), ScanError::kNone);
  const auto submit = [&] {
    return world.broker.shard(0).submit(world.alice.link().id, scanned, body, world.broker.now);
  };
  EXPECT_EQ(submit(), Submitted::kWaits);
  EXPECT_EQ(submit(), Submitted::kWaits);
  EXPECT_FALSE(world.broker.links[world.alice.number()].reading);
  world.answer(kYes);
  world.broker.settle();
  EXPECT_TRUE(world.broker.links[world.alice.number()].reading);
  EXPECT_EQ(submit(), Submitted::kTaken);
  world.broker.settle();
  EXPECT_EQ(payloads(world.bob.read()), std::vector<std::string>{"by call"});
  EXPECT_EQ(world.questions(), 1u);
}

TEST_P(MaySend, AnAnswerForOneWhoHasLeftHarmsNobody) {
  AskingBroker world(GetParam());
  const uint64_t before = world.state_bytes();
  FakeClient dave(world.broker, connect_frame(world.broker.name_on(0, "dave")));
  world.broker.answer_to_send_later = true;
  dave.send(world.bobs_name, 1, "never");
  world.broker.settle();
  dave.reset();
  world.answer(kYes);
  world.broker.settle();
  EXPECT_TRUE(world.bob.read().empty());
  EXPECT_EQ(world.state_bytes(), before) << "nothing is kept of it";
}

TEST_P(MaySend, WhoHasManyDestinationsIsAskedAboutAgainAndHoldsABoundedMemory) {
  AskingBroker world(GetParam());
  uint64_t id = 0;
  const auto send_to_all = [&](size_t count) {
    for (size_t i = 0; i < count; ++i) world.alice.send("nobody-" + std::to_string(i), ++id, "");
    world.broker.settle();
    world.alice.read();
  };
  send_to_all(VerdictCache::kKept);
  const uint64_t full = world.state_bytes();
  send_to_all(VerdictCache::kKept);
  EXPECT_EQ(world.questions(), VerdictCache::kKept);
  send_to_all(4 * VerdictCache::kKept);
  EXPECT_EQ(world.questions(), 4 * VerdictCache::kKept);
  send_to_all(VerdictCache::kKept);
  EXPECT_EQ(world.questions(), 5 * VerdictCache::kKept);
  EXPECT_EQ(world.state_bytes(), full);
}

TEST(MaySendElsewhere, IsNotAskedByAShardWithoutPermissions) {
  Pair pair(0);
  pair.broker.may_send = kNo;
  pair.alice.send(pair.bobs_name, 1, "hello");
  EXPECT_EQ(payloads(pair.bob.read()), std::vector<std::string>{"hello"});
  EXPECT_TRUE(pair.broker.asked_to_send.empty());
}

TEST(MayTakeOver, IsAskedWithTheConnectAndCountsOnlyForATakeover) {
  FakeBroker broker;
  broker.verdict.may_take_over = false;
  FakeClient first(broker);
  first.send(take_over_frame("bob"));
  EXPECT_TRUE(first.read_one().has_connected()) << "there is nobody to take it from";
  EXPECT_TRUE(broker.asked.back().take_over);
  FakeClient second(broker);
  second.send(take_over_frame("bob"));
  EXPECT_EQ(second.read_one().goodbye().code(), v1::CODE_NOT_AUTHORIZED);
  FakeClient third(broker);
  third.send(connect_frame("bob"));
  EXPECT_EQ(third.read_one().goodbye().code(), v1::CODE_NAME_IN_USE);
  EXPECT_FALSE(broker.asked.back().take_over);
  EXPECT_FALSE(first.closed());
  broker.verdict.may_take_over = true;
  FakeClient fourth(broker);
  fourth.send(take_over_frame("bob"));
  EXPECT_TRUE(fourth.read_one().has_connected());
}

}  // namespace
}  // namespace onehop::core::test
