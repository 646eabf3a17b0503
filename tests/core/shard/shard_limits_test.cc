// What one client may send, how old a connection grows, and limits that change while the shard runs.
#include <gtest/gtest.h>

#include "confirmed.h"
#include "pair.h"

namespace onehop::core::test {
namespace {

using Ids = std::vector<uint64_t>;

std::vector<v1::Receipt> items(const std::vector<v1::Frame>& frames) {
  std::vector<v1::Receipt> all;
  for (const v1::Frame& frame : frames) {
    all.insert(all.end(), frame.receipts().items().begin(), frame.receipts().items().end());
  }
  return all;
}

class RateLimited : public OnOneShardAndOnTwo {
 protected:
  static Limits limits() {
    Limits limits;
    limits.messages_per_second = 100;
    limits.messages_burst = 10;
    return limits;
  }
};
INSTANTIATE_TEST_SUITE_P(Homes, RateLimited, testing::Values<ShardIndex>(0, 1), shards_in_words);

TEST_P(RateLimited, WhatIsOverItIsRefusedAndTheClientStays) {
  Pair pair(GetParam(), limits());
  pair.send_many(1, 15);
  EXPECT_EQ(payloads(pair.bob.read()), Pair::payloads_of(Pair::range(1, 10)));
  const std::vector<v1::Receipt> told = items(pair.alice.read());
  ASSERT_EQ(told.size(), 1u) << "one range";
  EXPECT_EQ(told[0].first_id(), 11u);
  EXPECT_EQ(told[0].last_id(), 15u);
  EXPECT_EQ(told[0].outcome(), v1::OUTCOME_REJECTED);
  EXPECT_EQ(told[0].reason(), v1::REASON_RATE_LIMITED);
  EXPECT_EQ(told[0].retry_after_ms(), 10u);
  EXPECT_FALSE(pair.alice.closed());
  pair.broker.advance(told[0].retry_after_ms());
  pair.send_many(16, 2);
  EXPECT_EQ(payloads(pair.bob.read()), Pair::payloads_of({16}));
  EXPECT_EQ(refused_ids(pair.alice.read(), v1::REASON_RATE_LIMITED), Ids{17});
}

TEST_P(RateLimited, OtherLimitsThatChangeGiveNobodyANewBurst) {
  Pair pair(GetParam(), limits());
  pair.send_many(1, 11);
  EXPECT_EQ(refused_ids(pair.alice.read(), v1::REASON_RATE_LIMITED), Ids{11});
  Limits other = limits();
  other.keepalive_ms_default = 20'000;
  for (ShardIndex shard = 0; shard < 2; ++shard) pair.broker.shard(shard).set_limits(other, pair.broker.now);
  pair.send_many(12, 1);
  EXPECT_EQ(refused_ids(pair.alice.read(), v1::REASON_RATE_LIMITED), Ids{12});
  other.messages_burst = 20;
  for (ShardIndex shard = 0; shard < 2; ++shard) pair.broker.shard(shard).set_limits(other, pair.broker.now);
  pair.send_many(13, 1);
  EXPECT_TRUE(refused_ids(pair.alice.read(), v1::REASON_RATE_LIMITED).empty());
}

TEST_P(RateLimited, EverySenderHasItsOwn) {
  Pair pair(GetParam(), limits());
  pair.send_many(1, 11);
  pair.bob.send(pair.alices_name, 1, "hello");
  EXPECT_EQ(payloads(pair.alice.read()), std::vector<std::string>{"hello"});
}

TEST_P(RateLimited, APongComesBehindTheRefusals) {
  Pair pair(GetParam(), limits());
  pair.send_many(1, 12);
  pair.alice.send(ping_frame(77));
  const std::vector<v1::Frame> frames = pair.alice.read();
  ASSERT_FALSE(frames.empty());
  EXPECT_EQ(refused_ids(frames, v1::REASON_RATE_LIMITED), (Ids{11, 12}));
  EXPECT_EQ(frames.back().pong().nonce(), 77u);
}

TEST_P(RateLimited, AConfirmedOneHasItsOutcomeAndIsNotRepeatedOnResume) {
  LastingPair pair(GetParam(), limits());
  pair.send(1, 12);
  EXPECT_EQ(ids(pair.bob.read()), Pair::range(1, 10));
  pair.bob.send(ack_up_to(10));
  std::vector<Told> expected = same_for(11, 12, v1::OUTCOME_REJECTED, v1::REASON_RATE_LIMITED, false);
  const std::vector<Told> delivered = same_for(1, 10, v1::OUTCOME_DELIVERED);
  expected.insert(expected.end(), delivered.begin(), delivered.end());
  EXPECT_EQ(outcomes(pair.alice.read()), expected);
  pair.alice.reset();
  pair.resume_alice();
  EXPECT_EQ(pair.alice.connected().last_id(), 12u);
}

TEST_P(RateLimited, AMessageWithoutAnIdIsRefusedInSilence) {
  Pair pair(GetParam(), limits());
  for (int i = 0; i < 12; ++i) pair.alice.send(pair.bobs_name, 0, "x");
  EXPECT_EQ(payloads(pair.bob.read()).size(), 10u);
  EXPECT_TRUE(pair.alice.read().empty());
  EXPECT_EQ(pair.broker.counters(0).messages_refused[v1::REASON_RATE_LIMITED], 2u);
}

TEST(RateLimitedAcross, WhatWaitedForAParcelIsCountedOnce) {
  Limits limits;
  limits.messages_per_second = 1;
  limits.messages_burst = 1'000;
  Pair pair(1, limits);
  pair.broker.held_credits.insert({1, 0});
  pair.broker.held_parcels.insert({0, 1});
  pair.send_many(1, 600);
  EXPECT_TRUE(pair.bob.read().empty());
  pair.broker.held_credits.clear();
  pair.broker.held_parcels.clear();
  pair.broker.settle();
  pair.send_many(601, 401);
  EXPECT_EQ(payloads(pair.bob.read()).size(), 1'000u);
  EXPECT_EQ(refused_ids(pair.alice.read(), v1::REASON_RATE_LIMITED), Ids{1'001});
}

// Ages.

class Aged : public testing::Test {
 protected:
  static Limits limits() {
    Limits limits;
    limits.connection_age_ms_max = 60'000;
    return limits;
  }
  // Lets time pass; the client answers pings.
  static void live(FakeBroker& broker, FakeClient& client, uint64_t ms) {
    for (uint64_t passed = 0; passed < ms && !client.closed(); passed += 1'000) {
      broker.advance(1'000);
      if (!client.closed()) client.send(ping_frame(1));
    }
  }
};

TEST_F(Aged, AConnectionIsToldToConnectAnewAndTheSessionStays) {
  FakeBroker broker(1, limits());
  FakeClient bob(broker, lasting_frame("bob"));
  live(broker, bob, 53'000);
  EXPECT_FALSE(bob.closed());
  bob.read();
  FakeClient alice(broker, "alice");
  alice.send("bob", 1, "before");
  alice.send(confirmed_frame("bob", 2, "waits"));
  live(broker, bob, 14'000);
  const std::vector<v1::Frame> frames = bob.read();
  ASSERT_FALSE(frames.empty());
  EXPECT_EQ(frames.back().goodbye().code(), v1::CODE_USE_ANOTHER_SERVER);
  EXPECT_EQ(payloads(frames), (std::vector<std::string>{"before", "waits"})) << "what was queued goes out first";
  EXPECT_TRUE(bob.closed());
  const v1::Frame resume = resume_frame(bob.connected(), 1);
  FakeClient again(broker);
  const std::vector<v1::Frame> after = again.connect(resume);
  EXPECT_TRUE(again.connected().resumed());
  EXPECT_EQ(payloads(after), std::vector<std::string>{"waits"});
}

TEST_F(Aged, NotAllAtOnce) {
  FakeBroker broker(1, limits());
  std::vector<FakeClient> clients;
  for (int i = 0; i < 64; ++i) clients.emplace_back(broker, "client" + std::to_string(i));
  std::vector<size_t> ended_by;
  for (int second = 1; second <= 70; ++second) {
    broker.advance(1'000);
    size_t ended = 0;
    for (FakeClient& client : clients) {
      ended += client.closed() ? 1 : 0;
      if (!client.closed()) client.send(ping_frame(1));
    }
    ended_by.push_back(ended);
  }
  EXPECT_EQ(ended_by[52], 0u);
  EXPECT_GT(ended_by[56], 8u);
  EXPECT_LT(ended_by[56], 40u);
  EXPECT_EQ(ended_by[66], 64u);
  EXPECT_EQ(broker.counters().connections_aged, 64u);
  EXPECT_EQ(broker.counters().sessions, 0u) << "they asked for no session that outlives its connection";
}

TEST_F(Aged, OutcomesThatAreDecidedGoOutFirst) {
  FakeBroker broker(1, limits());
  FakeClient alice(broker, "alice");
  alice.stop_reading();
  alice.send(confirmed_frame("nobody", 1));
  while (broker.notes_of(alice.number(), {Event::Kind::kSessionEnded}).empty()) {
    broker.advance(10);
    alice.send(ping_frame(1));
  }
  alice.take();
  const std::vector<v1::Frame> frames = alice.read();
  EXPECT_EQ(outcomes(frames), same_for(1, 1, v1::OUTCOME_REJECTED, v1::REASON_UNKNOWN_CLIENT, false));
  ASSERT_FALSE(frames.empty());
  EXPECT_EQ(frames.back().goodbye().code(), v1::CODE_USE_ANOTHER_SERVER);
}

// New limits.

TEST_F(Aged, AnAgeGivenLaterHoldsForThoseWhoAreThere) {
  FakeBroker broker(1);
  FakeClient bob(broker, "bob");
  live(broker, bob, 100'000);
  EXPECT_FALSE(bob.closed());
  broker.shard().set_limits(limits(), broker.now);
  live(broker, bob, 53'000);
  EXPECT_FALSE(bob.closed());
  live(broker, bob, 14'000);
  EXPECT_TRUE(bob.closed());
  FakeClient carol(broker, "carol");
  broker.shard().set_limits({}, broker.now);
  live(broker, carol, 100'000);
  EXPECT_FALSE(carol.closed());
}

TEST(NewLimits, RatesHoldFromTheNextMessageOn) {
  Pair pair(0);
  pair.send_many(1, 50);
  EXPECT_EQ(pair.bob.read().size(), 50u);
  Limits limits;
  limits.messages_per_second = 1;
  limits.messages_burst = 5;
  pair.broker.shard(0).set_limits(limits, pair.broker.now);
  pair.send_many(51, 10);
  EXPECT_EQ(pair.bob.read().size(), 5u);
  EXPECT_EQ(refused_ids(pair.alice.read(), v1::REASON_RATE_LIMITED), Pair::range(56, 60));
  pair.broker.shard(0).set_limits({}, pair.broker.now);
  pair.send_many(61, 10);
  EXPECT_EQ(pair.bob.read().size(), 10u);
}

TEST(NewLimits, AShorterDeadlineHoldsForThoseWhoWait) {
  Limits limits = small_limits();
  Pair pair(0, limits);
  pair.bob.stop_reading();
  pair.send_many(1, 60);
  pair.broker.advance(1'000);
  limits.slow_consumer_ms = 2'000;
  pair.broker.shard(0).set_limits(limits, pair.broker.now);
  pair.broker.advance(1'100);
  const auto ended = pair.broker.notes_of(pair.bob.number(), {Event::Kind::kConnectionEnded});
  ASSERT_EQ(ended.size(), 1u);
  EXPECT_EQ(ended[0].code, v1::CODE_SLOW_CONSUMER);
}

}  // namespace
}  // namespace onehop::core::test
