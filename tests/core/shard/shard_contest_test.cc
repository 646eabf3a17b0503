// A Connect for a name whose owner is connected, or seems to be: the owner keeps it if it is heard within three
// seconds, and only then.
#include <gtest/gtest.h>

#include "confirmed.h"

namespace onehop::core::test {
namespace {

class Contest : public OnOneShardAndOnTwo {
 protected:
  // Connects as bob, without a token, and returns the goodbye.
  static v1::Goodbye refused(FakeBroker& broker, const std::string& name) {
    FakeClient client(broker);
    client.send(lasting_frame(name));
    const std::vector<v1::Frame> frames = client.read();
    EXPECT_EQ(frames.size(), 1u);
    EXPECT_TRUE(client.closed());
    return frames.empty() ? v1::Goodbye() : frames[0].goodbye();
  }
};
INSTANTIATE_TEST_SUITE_P(, Contest, testing::Values(0, 1), shards_in_words);

TEST_P(Contest, ASilentOwnerLosesItsNameAfterThreeSeconds) {
  LastingPair pair(GetParam());
  FakeClient elder = pair.bob;
  pair.send(1, 2);
  EXPECT_EQ(ids(elder.read()), (std::vector<uint64_t>{1, 2}));
  const v1::Goodbye goodbye = refused(pair.broker, pair.bobs_name);
  EXPECT_EQ(goodbye.code(), v1::CODE_NAME_IN_USE);
  EXPECT_GE(goodbye.retry_after_ms(), kContestMs - 50);
  EXPECT_LE(goodbye.retry_after_ms(), kContestMs);
  EXPECT_TRUE(elder.read_one().has_ping()) << "at once";
  pair.broker.advance(kContestMs - 100);
  EXPECT_FALSE(elder.closed());
  EXPECT_LE(refused(pair.broker, pair.bobs_name).retry_after_ms(), 100u) << "what is left of it";
  pair.broker.advance(200);
  expect_ended(pair.broker, elder, v1::CODE_KEEPALIVE_TIMEOUT);
  EXPECT_TRUE(outcomes(pair.alice.read()).empty()) << "its session may be resumed";
  EXPECT_TRUE(pair.resume_bob(lasting_frame(pair.bobs_name)).empty());
  EXPECT_FALSE(pair.bob.connected().resumed());
  EXPECT_EQ(outcomes(pair.alice.read()), same_for(1, 2, v1::OUTCOME_LOST, v1::REASON_CONNECTION_LOST));
}

TEST_P(Contest, TheTokenStillResumesTheSessionOfASilentOwner) {
  LastingPair pair(GetParam());
  FakeClient elder = pair.bob;
  pair.send(1, 1);
  elder.read();
  refused(pair.broker, pair.bobs_name);
  pair.broker.advance(kContestMs + 100);
  EXPECT_TRUE(elder.closed());
  EXPECT_EQ(ids(pair.resume_bob()), std::vector<uint64_t>{1});
}

TEST_P(Contest, AnOwnerThatIsHeardKeepsItsName) {
  LastingPair pair(GetParam());
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(refused(pair.broker, pair.bobs_name).code(), v1::CODE_NAME_IN_USE);
    v1::Frame pong;
    const std::vector<v1::Frame> pings = pair.bob.read();
    ASSERT_EQ(pings.size(), 1u);
    pair.broker.advance(kContestMs - 200);
    pong.mutable_pong()->set_nonce(pings[0].ping().nonce());
    pair.bob.send(pong);
    pair.broker.advance(1'000);
    EXPECT_FALSE(pair.bob.closed());
  }
  pair.send(1, 1);
  EXPECT_EQ(ids(pair.bob.read()), std::vector<uint64_t>{1});
}

TEST_P(Contest, AnAnswerWithinTheSameMillisecondCounts) {
  LastingPair pair(GetParam());
  refused(pair.broker, pair.bobs_name);
  v1::Frame pong;
  pong.mutable_pong()->set_nonce(pair.bob.read_one().ping().nonce());
  pair.bob.send(pong);
  pair.broker.advance(2 * kContestMs);
  EXPECT_FALSE(pair.bob.closed());
}

TEST_P(Contest, ManyWhoAskDisturbTheOwnerWithOnePing) {
  LastingPair pair(GetParam());
  for (int i = 0; i < 20; ++i) refused(pair.broker, pair.bobs_name);
  EXPECT_EQ(pair.bob.read().size(), 1u);
}

// What it has to say waits in a socket that the broker does not read: it is not silent.
TEST_P(Contest, AnOwnerThatIsNotReadIsNotJudged) {
  Limits limits = small_limits();
  limits.slow_consumer_ms = 60'000;
  LastingPair pair(GetParam(), limits);
  pair.bob.stop_reading();
  std::string bytes;
  // Refusals that it does not take, more than may wait for it.
  for (uint64_t id = 1; id <= 20'000; id += 2) bytes += wire(message_frame("nobody", id, "x"));
  pair.bob.send_bytes(bytes);
  refused(pair.broker, pair.bobs_name);
  pair.broker.advance(2 * kContestMs);
  EXPECT_FALSE(pair.bob.closed());
  pair.bob.take();
  pair.broker.advance(100);
  pair.bob.send(ack_receipts(0));
  pair.broker.advance(2 * kContestMs);
  EXPECT_FALSE(pair.bob.closed());
}

TEST_P(Contest, AnotherPrincipalGetsNothingByAsking) {
  LastingPair pair(GetParam());
  pair.broker.verdict.principal = 7;
  EXPECT_EQ(refused(pair.broker, pair.bobs_name).retry_after_ms(), 0u);
  EXPECT_TRUE(pair.bob.read().empty());
  pair.broker.advance(2 * kContestMs);
  EXPECT_FALSE(pair.bob.closed());
}

// The age of a connection and a contest share a deadline: neither forgets the other.
TEST_P(Contest, LeavesTheAgeOfAConnectionAsItWas) {
  Limits limits;
  limits.connection_age_ms_max = 20'000;
  LastingPair pair(GetParam(), limits);
  refused(pair.broker, pair.bobs_name);
  pair.broker.advance(1'000);
  pair.bob.send(ack_receipts(0));
  pair.broker.advance(kContestMs + 1'000);
  EXPECT_FALSE(pair.bob.closed());
  pair.broker.advance(20'000);
  expect_ended(pair.broker, pair.bob, v1::CODE_USE_ANOTHER_SERVER);
}

}  // namespace
}  // namespace onehop::core::test
