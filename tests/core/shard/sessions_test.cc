// Sessions that outlive their connections: what waits for a client that is away, what it gets when it comes back, and
// what its senders are told when it does not.
#include <gtest/gtest.h>

#include <algorithm>

#include "confirmed.h"

namespace onehop::core::test {
namespace {

class LastingSessions : public OnOneShardAndOnTwo {};
INSTANTIATE_TEST_SUITE_P(, LastingSessions, testing::Values(0, 1), shards_in_words);

using Tags = std::vector<uint64_t>;

TEST_P(LastingSessions, WhatWasNotReceivedComesAgainInOrder) {
  LastingPair pair(GetParam());
  pair.send(1, 3);
  pair.alice.send(pair.bobs_name, 4, "unconfirmed: at most once");
  pair.send(5, 6, 9'000);
  EXPECT_EQ(pair.bob.read().size(), 6u);
  pair.bob.send(ack_taken(3, 3));
  pair.bob.reset();
  pair.broker.advance(1'000);
  pair.send(7, 7);
  pair.alice.send(pair.bobs_name, 8, "waits");
  const std::vector<v1::Frame> frames = pair.resume_bob(1);
  EXPECT_TRUE(pair.bob.connected().resumed());
  EXPECT_EQ(ids(frames), (Tags{2, 5, 6, 7, 8}));
  EXPECT_EQ(tags(frames).front(), 2u) << "a message keeps its tag for life";
  EXPECT_TRUE(frames[0].message().redelivered());
  EXPECT_NEAR(frames[1].message().ttl_left_ms(), 8'000.0, 20.0);
  EXPECT_FALSE(frames[3].message().redelivered()) << "was never sent before";
  EXPECT_EQ(frames[3].message().ttl_left_ms(), 0u);
  EXPECT_FALSE(frames[4].message().redelivered());
  EXPECT_EQ(pair.bobs_counters().messages_redelivered, 3u);
  pair.bob.send(ack_up_to(1));
  EXPECT_EQ(outcomes(pair.alice.read()), (std::vector<Told>{{3}, {1}})) << "what was received stayed open";
}

TEST_P(LastingSessions, TheSessionIsTheSameOneAndKeepsWhatItSaidFirst) {
  LastingPair pair(GetParam(), {}, 2);
  const v1::Connected first = pair.bob.connected();
  pair.bob.reset();
  v1::Frame connect = resume_frame(first, 1);
  connect.mutable_connect()->set_receive_window(1'000);
  connect.mutable_connect()->set_features(1);
  connect.mutable_connect()->set_frame_bytes_max(16 << 10);
  connect.mutable_connect()->set_keepalive_ms(45'000);
  connect.mutable_connect()->set_session_expiry_ms(5'000);
  pair.resume_bob(connect);
  const v1::Connected& again = pair.bob.connected();
  EXPECT_EQ(again.session(), first.session());
  EXPECT_EQ(again.name(), first.name());
  EXPECT_EQ(again.resume_token(), first.resume_token());
  EXPECT_EQ(again.features(), 0u);
  EXPECT_EQ(again.keepalive_ms(), 45'000u);
  EXPECT_EQ(again.session_expiry_ms(), 5'000u);
  pair.send(1, 3, 0, 20'000);
  EXPECT_EQ(ids(pair.bob.read()), (Tags{1, 2})) << "the first window and the first frame limit";
  EXPECT_EQ(pair.bobs_counters().sessions_resumed, 1u);
  EXPECT_EQ(pair.bobs_counters().sessions, pair.home == 0 ? 2u : 1u);
}

TEST_P(LastingSessions, VerdictsThatMayHaveBeenLostAreTakenFirst) {
  LastingPair pair(GetParam());
  pair.send(1, 5);
  pair.bob.reset();
  v1::Frame connect = resume_frame(pair.bob.connected(), 1);
  v1::Ack& ack = *connect.mutable_connect()->mutable_ack();
  ack.set_up_to(2);
  ack.add_refused()->set_delivery_tag(4);
  ack.set_session(pair.bob.connected().session());
  EXPECT_EQ(ids(pair.resume_bob(connect)), (Tags{3, 5}));
  const std::vector<Told> told = outcomes(pair.alice.read());
  EXPECT_EQ(told.size(), 3u);
  EXPECT_EQ(told[0].id, 4u);
  EXPECT_EQ(told[0].reason, v1::REASON_REFUSED_BY_RECIPIENT);
}

TEST_P(LastingSessions, AnAckInConnectForAnotherSessionIsIgnoredAndCounted) {
  LastingPair pair(GetParam());
  pair.send(1, 2);
  pair.bob.reset();
  v1::Frame connect = resume_frame(pair.bob.connected(), 1);
  v1::Ack& ack = *connect.mutable_connect()->mutable_ack();
  ack.set_up_to(1'000);
  ack.set_receipts_up_to(1'000);
  ack.set_session(pair.bob.connected().session() + 2);
  EXPECT_EQ(ids(pair.resume_bob(connect)), (Tags{1, 2}));
  EXPECT_EQ(pair.bobs_counters().stale_acks, 1u);
  EXPECT_TRUE(pair.alice.read().empty());
}

TEST_P(LastingSessions, RepeatedIdsAreSkippedUntilTheFirstAbove) {
  LastingPair pair(GetParam());
  pair.send(1, 3);
  pair.alice.reset();
  pair.resume_alice();
  EXPECT_EQ(pair.alice.connected().last_id(), 3u);
  pair.send(2, 3);
  pair.alice.send(pair.bobs_name, 0, "no id");
  pair.alice.send(pair.bobs_name, 1, "seen");
  pair.send(4, 5);
  EXPECT_EQ(ids(pair.bob.read()), (Tags{1, 2, 3, 0, 4, 5}));
  EXPECT_FALSE(pair.alice.closed());
  pair.send(4, 4);
  expect_ended(pair.broker, pair.alice, v1::CODE_PROTOCOL_ERROR);
}

TEST_P(LastingSessions, WithoutExpiryItEndsWithItsConnection) {
  LastingPair pair(GetParam());
  FakeClient brief(pair.broker, pair.broker.name_on(GetParam(), "brief"));
  pair.alice.send(confirmed_frame(brief.connected().name(), 1));
  brief.reset();
  EXPECT_EQ(outcomes(pair.alice.read()), same_for(1, 1, v1::OUTCOME_LOST, v1::REASON_CONNECTION_LOST));
  FakeClient again(pair.broker);
  EXPECT_TRUE(again.connect(resume_frame(brief.connected(), 1)).empty());
  EXPECT_FALSE(again.connected().resumed());
  EXPECT_NE(again.connected().session(), brief.connected().session());
}

TEST_P(LastingSessions, WhatItHeldIsLostWhenItsTimeIsOver) {
  LastingPair pair(GetParam(), {}, 1);
  pair.send(1, 1);
  pair.bob.reset();
  pair.send(2, 2);
  pair.broker.advance(30'000);
  pair.alice.send(ping_frame(1));
  pair.broker.advance(29'999);
  EXPECT_TRUE(outcomes(pair.alice.read()).empty());
  pair.alice.send(ping_frame(1));
  pair.broker.advance(1 + kTick);
  EXPECT_EQ(outcomes(pair.alice.read()), (std::vector<Told>{{1, v1::OUTCOME_LOST, v1::REASON_CONNECTION_LOST, true},
                                                            {2, v1::OUTCOME_LOST, v1::REASON_CONNECTION_LOST, false}}));
  pair.resume_bob();
  EXPECT_FALSE(pair.bob.connected().resumed()) << "as if there were no token";
  EXPECT_EQ(pair.bob.connected().last_id(), 0u);
  pair.send(3, 3);
  EXPECT_EQ(tags(pair.bob.read()), Tags{1}) << "a new session counts anew";
}

TEST_P(LastingSessions, ComingBackStopsTheClock) {
  LastingPair pair(GetParam());
  for (int i = 0; i < 4; ++i) {
    pair.bob.reset();
    pair.broker.advance(25'000);
    pair.resume_bob();
    EXPECT_TRUE(pair.bob.connected().resumed());
    pair.broker.advance(5'000);
    pair.alice.send(ping_frame(1));
  }
  pair.bob.send(ping_frame(1));
  EXPECT_FALSE(pair.bob.closed());
}

TEST_P(LastingSessions, OnlyAGoodbyeForGoodEndsIt) {
  for (const v1::Code code : {v1::CODE_UNSPECIFIED, v1::CODE_NORMAL, v1::CODE_ADMINISTRATIVE, v1::CODE_SERVER_BUSY}) {
    LastingPair pair(GetParam());
    pair.send(1, 1);
    pair.bob.read();
    pair.bob.send(goodbye_frame(code));
    EXPECT_EQ(pair.bob.read_one().goodbye().code(), v1::CODE_NORMAL);
    EXPECT_TRUE(pair.bob.closed());
    const bool for_good = code == v1::CODE_UNSPECIFIED || code == v1::CODE_NORMAL;
    const std::vector<Told> lost = same_for(1, 1, v1::OUTCOME_LOST, v1::REASON_CONNECTION_LOST);
    EXPECT_EQ(outcomes(pair.alice.read()), for_good ? lost : std::vector<Told>());
    EXPECT_EQ(pair.resume_bob().size(), for_good ? 0u : 1u);
    EXPECT_EQ(pair.bob.connected().resumed(), !for_good);
  }
}

TEST_P(LastingSessions, TheEndOfTheStreamOnlyDetaches) {
  LastingPair pair(GetParam());
  pair.bob.send(confirmed_frame("nobody", 1));
  pair.bob.end_stream();
  EXPECT_TRUE(pair.bob.closed());
  EXPECT_EQ(outcomes(pair.bob.read()).size(), 1u);
  EXPECT_EQ(pair.broker.notes_of(pair.bob.number(), {Event::Kind::kSessionDetached}).size(), 1u);
  EXPECT_TRUE(pair.broker.notes_of(pair.bob.number(), {Event::Kind::kSessionEnded}).empty());
  EXPECT_EQ(outcomes(pair.resume_bob()).size(), 1u) << "it did not say that it had heard";
  EXPECT_EQ(pair.broker.notes_of(pair.bob.number(), {Event::Kind::kSessionResumed}).size(), 1u);
}

TEST_P(LastingSessions, AGoodbyeWaitsForWhatIsDecided) {
  LastingPair pair(GetParam());
  pair.send(1, 20);
  pair.alice.set_room(1);
  for (uint64_t tag = 1; tag <= 20; tag += 2) pair.bob.send(ack_taken(tag, tag));
  pair.alice.send(goodbye_frame(v1::CODE_NORMAL));
  pair.alice.take();
  const std::vector<v1::Frame> frames = pair.alice.read();
  EXPECT_EQ(outcomes(frames).size(), 10u);
  EXPECT_EQ(frames.back().goodbye().code(), v1::CODE_NORMAL);
}

TEST_P(LastingSessions, AHalfOpenPeersMessagesMoveToItsResumedSession) {
  LastingPair pair(GetParam());
  v1::Frame connect = resume_frame(pair.bob.connected(), ++pair.bobs_attempt);
  connect.mutable_connect()->set_keepalive_ms(4'000);
  pair.resume_bob(connect);
  pair.send(1, 5);
  // Writes still succeed, but nobody answers.
  pair.broker.advance(6'000 + kTick);
  EXPECT_TRUE(pair.bob.closed());
  const auto ended = pair.broker.notes_of(pair.bob.number(), {Event::Kind::kConnectionEnded});
  ASSERT_EQ(ended.size(), 1u);
  EXPECT_EQ(ended[0].code, v1::CODE_KEEPALIVE_TIMEOUT);
  pair.send(6, 6);
  EXPECT_EQ(ids(pair.resume_bob()), Pair::range(1, 6));
}

TEST_P(LastingSessions, ASlowConsumerIsDetachedAndMayComeBack) {
  Limits limits = small_limits();
  limits.keepalive_ms_default = 600'000;
  LastingPair pair(GetParam(), limits);
  pair.bob.stop_reading();
  pair.send(1, 50, 0, 1'000);
  pair.broker.advance(limits.slow_consumer_ms + kTick);
  ASSERT_EQ(pair.broker.notes_of(pair.bob.number(), {Event::Kind::kConnectionEnded}).size(), 1u);
  EXPECT_EQ(ids(pair.resume_bob()), Pair::range(1, 50));
}

TEST_P(LastingSessions, QueuesWithinItsLimitsWhileAway) {
  LastingPair pair(GetParam(), small_limits());
  pair.bob.reset();
  pair.send(1, 100, 0, 1'000);
  const std::vector<v1::Frame> frames = pair.alice.read();
  const std::vector<v1::Frame> flows = frames_of(frames, v1::Frame::kFlow);
  ASSERT_EQ(flows.size(), 1u);
  EXPECT_EQ(flows[0].flow().state(), v1::STATE_PAUSE);
  const Tags full = refused_ids(frames, v1::REASON_QUEUE_FULL);
  ASSERT_FALSE(full.empty());
  EXPECT_EQ(full, Pair::range(full.front(), 100));
  EXPECT_LE(pair.bobs_counters().queued_bytes, small_limits().queue_bytes_max + 2'000);
  EXPECT_EQ(ids(pair.resume_bob()), Pair::range(1, full.front() - 1));
  const std::vector<v1::Frame> resumed = frames_of(pair.alice.read(), v1::Frame::kFlow);
  ASSERT_EQ(resumed.size(), 1u);
  EXPECT_EQ(resumed[0].flow().state(), v1::STATE_RESUME);
  pair.bob.send(ack_up_to(full.front() - 1));
}

// Alice sends Bob messages until she is told to pause. Nobody takes them, and she is told to resume when they expire.
void expect_resume_when_they_expire(LastingPair& pair) {
  pair.send(1, 55, 400, 1'000);
  ASSERT_EQ(frames_of(pair.alice.read(), v1::Frame::kFlow).size(), 1u);
  pair.broker.advance(400 + kTick);
  const std::vector<v1::Frame> flows = frames_of(pair.alice.read(), v1::Frame::kFlow);
  ASSERT_EQ(flows.size(), 1u);
  EXPECT_EQ(flows[0].flow().state(), v1::STATE_RESUME);
}

TEST_P(LastingSessions, WhoWasPausedIsToldWhenWhatWaitsForSomebodyAwayRunsOutOfTime) {
  LastingPair pair(GetParam(), small_limits());
  pair.bob.reset();
  expect_resume_when_they_expire(pair);
}

TEST_P(LastingSessions, WhoWasPausedIsToldWhenWhatWaitsForAWindowRunsOutOfTime) {
  LastingPair pair(GetParam(), small_limits(), 1);
  expect_resume_when_they_expire(pair);
}

TEST_P(LastingSessions, OnlyUnconfirmedMessagesAreDroppedWithTheConnection) {
  LastingPair pair(GetParam());
  pair.bob.set_room(0);
  pair.send(1, 3);
  pair.alice.send(pair.bobs_name, 4);
  pair.bob.reset();
  EXPECT_EQ(pair.bobs_counters().messages_dropped, 1u);
  EXPECT_EQ(ids(pair.resume_bob()), (Tags{1, 2, 3}));
}

TEST_P(LastingSessions, TheGateKeepsOrderWhileAwayToo) {
  LastingPair pair(GetParam(), small_limits());
  FakeClient carol(pair.broker, ordered_connect_frame(pair.broker.name_on(0, "carol")));
  pair.bob.reset();
  for (uint64_t id = 1; id <= 70; ++id) carol.send(confirmed_frame(pair.bobs_name, id, std::string(1'000, 'x')));
  const Tags full = refused_ids(carol.read(), v1::REASON_QUEUE_FULL);
  ASSERT_FALSE(full.empty());
  EXPECT_EQ(pair.resume_bob().size(), full.front() - 1);
  carol.send(confirmed_frame(pair.bobs_name, 71));
  EXPECT_EQ(refused_ids(carol.read(), v1::REASON_QUEUE_FULL), Tags{71}) << "closed until carol says that she knows";
  carol.send(flow_frame(pair.bobs_name, v1::STATE_RESUME));
  carol.send(confirmed_frame(pair.bobs_name, 72));
  EXPECT_EQ(ids(pair.bob.read()), Tags{72});
}

TEST_P(LastingSessions, WhatExpiresWhileAwayIsTold) {
  LastingPair pair(GetParam());
  pair.send(1, 2, 3'000);
  pair.bob.reset();
  pair.send(3, 3, 3'000);
  pair.send(4, 4);
  pair.broker.advance(3'000 + kTick);
  EXPECT_EQ(outcomes(pair.alice.read()), (std::vector<Told>{{1, v1::OUTCOME_EXPIRED, v1::REASON_UNSPECIFIED, true},
                                                            {2, v1::OUTCOME_EXPIRED, v1::REASON_UNSPECIFIED, true},
                                                            {3, v1::OUTCOME_EXPIRED, v1::REASON_UNSPECIFIED, false}}));
  EXPECT_EQ(ids(pair.resume_bob(1)), Tags{4});
  pair.bob.send(ack_up_to(4));
  EXPECT_EQ(outcomes(pair.alice.read()), same_for(4, 4, v1::OUTCOME_DELIVERED));
}

TEST_P(LastingSessions, OutliveAnyNumberOfConnections) {
  LastingPair pair(GetParam(), {}, 5);
  uint64_t received = 0;
  std::vector<uint64_t> seen;
  for (uint64_t round = 0; round < 200; ++round) {
    pair.send(round * 3 + 1, round * 3 + 3);
    std::vector<v1::Frame> frames = pair.bob.read();
    if (round % 3 == 1) pair.bob.reset();
    if (round % 3 == 2) pair.bob.send_bytes(std::string(1, '\0'));
    if (round % 3 != 0) {
      const std::vector<v1::Frame> more =
          pair.resume_bob(received = std::max(received, tags(frames).empty() ? 0 : tags(frames).back()));
      frames.insert(frames.end(), more.begin(), more.end());
    }
    for (const uint64_t id : ids(frames)) seen.push_back(id);
    if (!tags(frames).empty()) received = tags(frames).back();
    pair.bob.send(ack_up_to(received));
    for (const v1::Frame& frame : pair.alice.read()) pair.alice.send(ack_receipts(frame.receipts().seq()));
  }
  for (std::vector<v1::Frame> frames = pair.bob.read(); !frames.empty(); frames = pair.bob.read()) {
    for (const uint64_t id : ids(frames)) seen.push_back(id);
    if (!tags(frames).empty()) pair.bob.send(ack_up_to(tags(frames).back()));
  }
  EXPECT_EQ(seen, Pair::range(1, 600));
}

}  // namespace
}  // namespace onehop::core::test
