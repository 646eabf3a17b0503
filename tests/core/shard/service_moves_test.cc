// ServiceMoves: where messages go when their instance goes, and what their senders hear.
#include <gtest/gtest.h>

#include "services.h"

namespace onehop::core::test {
namespace {

// The parameter is the home of alice, who sends.
class MoveTest : public testing::TestWithParam<ShardIndex> {};

INSTANTIATE_TEST_SUITE_P(Services, MoveTest, testing::Values(0, 1), [](const auto& home) {
  return home.param == 0 ? std::string("BobsShard") : std::string("CarolsShard");
});

TEST_P(MoveTest, WhatWasNotWrittenMovesWhenItsInstanceEnds) {
  Workshop shop(GetParam());
  Workshop::serve(shop.bob);
  shop.bob.stop_reading();
  shop.bob.reset();
  for (uint64_t id = 1; id <= 5; ++id) shop.alice.send(job_frame("work", id));
  EXPECT_TRUE(frames_of(shop.alice.read(), v1::Frame::kReceipts).empty()) << "they wait for bob";
  Workshop::serve(shop.carol);
  shop.broker.advance(1'100);
  const std::vector<v1::Frame> jobs = shop.carol.read();
  EXPECT_EQ(sorted(ids(jobs)), up_to(5)) << "bob is away for too long";
  for (const v1::Frame& frame : frames_of(jobs, v1::Frame::kMessage)) EXPECT_FALSE(frame.message().redelivered());
  shop.carol.send(ack_up_to(5));
  EXPECT_EQ(outcomes(shop.alice.read()).size(), 5u);
}

TEST_P(MoveTest, WhoIsAwayForLongKeepsWhatNobodyElseCanTake) {
  Workshop shop(GetParam());
  Workshop::serve(shop.bob);
  shop.bob.reset();
  shop.alice.send(job_frame("work", 1));
  shop.broker.advance(5'000);
  shop.alice.send(job_frame("work", 2));
  EXPECT_TRUE(shop.alice.read().empty());
  shop.carol.send(serve_frame("work"));
  shop.broker.advance(200);
  EXPECT_EQ(sorted(ids(shop.carol.read())), up_to(2)) << "somebody else is there now";
}

TEST_P(MoveTest, WhatWasWrittenIsLostWithItsInstance) {
  Workshop shop(GetParam());
  Workshop::serve(shop.bob);
  shop.alice.send(job_frame("work", 1));
  shop.alice.send(retried(job_frame("work", 2)));
  EXPECT_EQ(ids(shop.bob.read()), up_to(2));
  Workshop::serve(shop.carol);
  shop.bob.send(goodbye_frame(v1::CODE_NORMAL));
  EXPECT_EQ(outcomes(shop.alice.read()), same_for(1, 1, v1::OUTCOME_LOST, v1::REASON_CONNECTION_LOST));
  const v1::Message again = Workshop::message_of(shop.carol);
  EXPECT_EQ(again.id(), 2u);
  EXPECT_TRUE(again.redelivered());
  shop.carol.send(ack_up_to(again.delivery_tag()));
  EXPECT_EQ(outcomes(shop.alice.read()), (std::vector<Told>{{.id = 2}}));
}

TEST_P(MoveTest, AMovedMessageThatNobodyTakesIsLost) {
  Workshop shop(GetParam(), 2, {}, 5'000);
  Workshop::serve(shop.bob);
  shop.bob.reset();
  shop.alice.send(job_frame("work", 1));
  shop.broker.advance(5'100);
  EXPECT_EQ(outcomes(shop.alice.read()), same_for(1, 1, v1::OUTCOME_LOST, v1::REASON_CONNECTION_LOST, false));
  Workshop::serve(shop.carol);
  shop.alice.send(retried(job_frame("work", 2)));
  EXPECT_EQ(ids(shop.carol.read()), std::vector<uint64_t>{2});
  shop.carol.send(goodbye_frame(v1::CODE_NORMAL));
  EXPECT_EQ(outcomes(shop.alice.read()), same_for(2, 2, v1::OUTCOME_LOST, v1::REASON_CONNECTION_LOST, true));
}

TEST_P(MoveTest, WhatWaitsForTheSecondInstanceMovesToAThird) {
  Workshop shop(GetParam());
  Workshop::serve(shop.bob);
  shop.alice.send(retried(job_frame("work", 1)));
  EXPECT_EQ(ids(shop.bob.read()), up_to(1));
  v1::Frame narrow = serving_frame(shop.broker.name_on(1, "narrow"));
  narrow.mutable_connect()->set_receive_window(1);
  FakeClient second(shop.broker, narrow);
  Workshop::serve(second);
  shop.alice.send(confirmed_frame(second.connected().name(), 2));
  EXPECT_EQ(ids(second.read()), std::vector<uint64_t>{2}) << "its window is full";
  shop.bob.send(goodbye_frame(v1::CODE_NORMAL));
  EXPECT_TRUE(second.read().empty());
  Workshop::serve(shop.carol);
  second.send(leave_frame("work"));
  const v1::Message again = Workshop::message_of(shop.carol);
  EXPECT_EQ(again.id(), 1u);
  EXPECT_TRUE(again.redelivered()) << "bob may have seen it";
}

// Bob has 100 messages that nobody has written, and carol is back.
struct FullBench : Workshop {
  explicit FullBench(ShardIndex alices_home) : Workshop(alices_home, 2, {}, 20'000) {
    serve(bob);
    bob.reset();
    std::string bytes;
    for (uint64_t id = 1; id <= kMessages; ++id) {
      bytes += wire(job_frame("work", id, v1::CONFIRM_DELIVERED, std::string(15'000, 'x')));
    }
    alice.send_bytes(bytes);
    broker.held_credits = {{0, 1}, {1, 0}};
    carol.send(serve_frame("work"));
    broker.advance(1'100);
  }
  static constexpr uint64_t kMessages = 100;
};

TEST_P(MoveTest, WhatFindsNoCreditWaitsForIt) {
  FullBench bench(GetParam());
  const size_t at_once = frames_of(bench.carol.read(), v1::Frame::kMessage).size();
  EXPECT_LT(at_once, FullBench::kMessages) << "there was credit for all of it";
  EXPECT_TRUE(outcomes(bench.alice.read()).empty());
  bench.broker.held_credits = {};
  bench.broker.advance(100);
  EXPECT_EQ(at_once + frames_of(bench.carol.read(), v1::Frame::kMessage).size(), FullBench::kMessages);
  bench.carol.send(ack_up_to(FullBench::kMessages));
  EXPECT_EQ(outcomes(bench.alice.read()).size(), FullBench::kMessages);
}

TEST_P(MoveTest, WhatWaitsForCreditIsLostWhenTheBrokerStops) {
  FullBench bench(GetParam());
  const size_t got = frames_of(bench.carol.read(), v1::Frame::kMessage).size();
  bench.broker.held_credits = {};
  for (ShardIndex shard = 0; shard < 2; ++shard) bench.broker.shard(shard).stop(bench.broker.now);
  bench.broker.settle();
  const std::vector<Told> told = outcomes(bench.alice.read());
  EXPECT_EQ(told.size(), FullBench::kMessages);
  size_t not_attempted = 0;
  for (const Told& one : told) {
    EXPECT_EQ(one.outcome, v1::OUTCOME_LOST);
    EXPECT_EQ(one.reason, v1::REASON_SHUTTING_DOWN);
    not_attempted += !one.attempted;
  }
  EXPECT_EQ(not_attempted, FullBench::kMessages - got);
}

}  // namespace
}  // namespace onehop::core::test
