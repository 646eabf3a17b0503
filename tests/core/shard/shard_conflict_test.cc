// A second Connect for a name, case by case: who owns it afterwards, what is resumed, and what each side is told.
#include <gtest/gtest.h>

#include "confirmed.h"

namespace onehop::core::test {
namespace {

class Conflict : public OnOneShardAndOnTwo {};
INSTANTIATE_TEST_SUITE_P(, Conflict, testing::Values(0, 1), shards_in_words);

using Tags = std::vector<uint64_t>;

// Connects and returns what the goodbye says; CODE_UNSPECIFIED: it was let in.
v1::Code code_of(FakeClient& client, const v1::Frame& connect) {
  client.send(connect);
  const std::vector<v1::Frame> frames = client.read();
  EXPECT_FALSE(frames.empty());
  return frames.empty() ? v1::CODE_UNSPECIFIED : frames.back().goodbye().code();
}

TEST_P(Conflict, AValidTokenDetachesTheConnectedElder) {
  LastingPair pair(GetParam());
  FakeClient elder = pair.bob;
  pair.send(1, 2);
  elder.read();
  elder.set_room(0);
  pair.send(3, 3);
  elder.send_bytes(wire(confirmed_frame(pair.alices_name, 1)) +
                   wire(confirmed_frame(pair.alices_name, 2)).substr(0, 5));
  pair.alice.read();
  EXPECT_EQ(ids(pair.resume_bob(1)), (Tags{2, 3}));
  EXPECT_TRUE(pair.bob.connected().resumed());
  EXPECT_EQ(pair.bob.connected().last_id(), 1u) << "what was not read of the elder is not counted";
  elder.take();
  EXPECT_TRUE(expect_ended(pair.broker, elder, v1::CODE_SESSION_TAKEN_OVER).empty()) << "its unsent queue is dropped";
  EXPECT_TRUE(pair.broker.notes_of(elder.number(), {Event::Kind::kTakenOver, Event::Kind::kSessionEnded}).empty());
  EXPECT_TRUE(outcomes(pair.alice.read()).empty());
}

TEST_P(Conflict, AnElderThatEndedItsStreamIsNotWrittenToAnyMore) {
  for (const bool says_goodbye : {false, true}) {
    LastingPair pair(GetParam());
    FakeClient elder = pair.bob;
    elder.set_room(0);
    pair.send(1, 2);
    if (says_goodbye) {
      elder.send(goodbye_frame(v1::CODE_ADMINISTRATIVE));
    } else {
      elder.end_stream();
    }
    EXPECT_EQ(ids(pair.resume_bob()), (Tags{1, 2}));
    elder.take();
    const std::vector<v1::Frame> frames = elder.read();
    EXPECT_TRUE(ids(frames).empty());
    ASSERT_FALSE(frames.empty());
    EXPECT_EQ(frames.back().goodbye().code(), v1::CODE_SESSION_TAKEN_OVER);
  }
}

TEST_P(Conflict, TakingOverADetachedNameIsDampedToo) {
  LastingPair pair(GetParam());
  for (int i = 0; i < 2; ++i) {
    pair.bob.reset();
    EXPECT_TRUE(pair.resume_bob(lasting_frame(pair.bobs_name)).empty());
  }
  EXPECT_EQ(pair.bobs_counters().takeovers, 2u);
  pair.bob.reset();
  FakeClient third(pair.broker);
  third.send(lasting_frame(pair.bobs_name));
  const std::vector<v1::Frame> frames = third.read();
  EXPECT_EQ(frames.back().goodbye().code(), v1::CODE_NAME_IN_USE);
  EXPECT_GT(frames.back().goodbye().retry_after_ms(), 0u);
  pair.broker.advance(1'100);
  EXPECT_TRUE(pair.resume_bob(lasting_frame(pair.bobs_name)).empty());
}

TEST_P(Conflict, ALateEndOfTheElderCannotTouchTheYounger) {
  for (const bool reset : {false, true}) {
    LastingPair pair(GetParam());
    FakeClient elder = pair.bob;
    elder.set_room(0);
    pair.send(1, 1);
    pair.resume_bob();
    elder.send(goodbye_frame(v1::CODE_NORMAL));
    elder.send_bytes(std::string(1, '\0'));
    if (reset) {
      elder.reset();
    } else {
      elder.end_stream();
    }
    pair.broker.advance(20'000);
    EXPECT_TRUE(elder.closed());
    EXPECT_FALSE(pair.bob.closed());
    pair.bob.send(ack_up_to(1));
    EXPECT_EQ(outcomes(pair.alice.read()), same_for(1, 1, v1::OUTCOME_DELIVERED));
  }
}

// A resume costs the broker what there is to send again: whoever resumes all the time pays with waiting.
TEST_P(Conflict, ResumesHaveToWaitForWhatEarlierOnesCost) {
  LastingPair pair(GetParam(), {}, 65'535);
  const v1::Connected connected = pair.bob.connected();
  pair.send(1, 3'200);
  EXPECT_EQ(pair.bob.read().size(), 3'200u);
  // A millisecond for each 32 deliveries, and for each 4 KiB of them: more than 100 each time, and a second is free.
  uint32_t attempt = 0;
  v1::Goodbye refusal;
  while (refusal.code() == v1::CODE_UNSPECIFIED) {
    ASSERT_LT(attempt, 12u);
    FakeClient next(pair.broker);
    next.send(resume_frame(connected, ++attempt));
    const std::vector<v1::Frame> told = next.read();
    ASSERT_FALSE(told.empty());
    refusal = told[0].goodbye();
    if (told[0].has_connected()) pair.bob = next;
  }
  EXPECT_GT(attempt, 5u);
  EXPECT_EQ(refusal.code(), v1::CODE_SERVER_BUSY);
  EXPECT_GT(refusal.retry_after_ms(), 0u);
  EXPECT_LE(refusal.retry_after_ms(), 200u);
  EXPECT_FALSE(pair.bob.closed()) << "nothing is taken from the connection there is";
  pair.broker.advance(refusal.retry_after_ms());
  EXPECT_EQ(pair.resume_bob(resume_frame(connected, ++attempt, 3'200)).size(), 0u);
  pair.bob.send(ack_up_to(3'200));
  pair.broker.advance(2'000);
  for (int i = 0; i < 20; ++i) {
    pair.bob.reset();
    EXPECT_TRUE(pair.resume_bob(resume_frame(connected, ++attempt, 3'200)).empty()) << "there is nothing to look at";
  }
}

TEST_P(Conflict, AttemptsHaveToRise) {
  LastingPair pair(GetParam());
  const v1::Connected connected = pair.bob.connected();
  pair.resume_bob(resume_frame(connected, 5));
  for (const uint32_t late : {1u, 4u, 5u}) {
    FakeClient client(pair.broker);
    client.send(resume_frame(connected, late));
    expect_ended(pair.broker, client, v1::CODE_SESSION_TAKEN_OVER);
  }
  FakeClient zero(pair.broker);
  zero.send(resume_frame(connected, 0));
  expect_ended(pair.broker, zero, v1::CODE_PROTOCOL_ERROR);
  EXPECT_FALSE(pair.bob.closed()) << "nobody is harmed";
  pair.bob.reset();
  FakeClient late(pair.broker);
  EXPECT_EQ(code_of(late, resume_frame(connected, 5)), v1::CODE_SESSION_TAKEN_OVER) << "while it is away too";
  pair.resume_bob(resume_frame(connected, 6));
  EXPECT_TRUE(pair.bob.connected().resumed());
}

TEST_P(Conflict, WhatWasNeverGivenIsAnErrorAndHarmsNobody) {
  LastingPair pair(GetParam());
  pair.send(1, 2);
  std::vector<v1::Frame> wrong(5, resume_frame(pair.bob.connected(), 1));
  wrong[0].mutable_connect()->set_received_up_to(3);
  wrong[1].mutable_connect()->set_receipts_up_to(1);
  wrong[2].mutable_connect()->mutable_ack()->set_up_to(3);
  wrong[3].mutable_connect()->mutable_ack()->set_receipts_up_to(1);
  wrong[4].mutable_connect()->mutable_ack()->add_refused()->set_delivery_tag(3);
  for (const v1::Frame& connect : wrong) {
    FakeClient client(pair.broker);
    client.send(connect);
    expect_ended(pair.broker, client, v1::CODE_PROTOCOL_ERROR);
  }
  EXPECT_FALSE(pair.bob.closed());
  EXPECT_EQ(ids(pair.bob.read()), (Tags{1, 2}));
  EXPECT_TRUE(pair.alice.read().empty());
}

TEST_P(Conflict, AnotherTokenIsAsNone) {
  LastingPair pair(GetParam());
  const std::string other = pair.broker.name_on(GetParam(), "other");
  FakeClient others(pair.broker, lasting_frame(other));
  std::vector<std::string> invalid{others.connected().resume_token(), pair.bob.connected().resume_token(), "x"};
  invalid[1].back() = static_cast<char>(invalid[1].back() ^ 1);
  invalid.push_back(pair.bob.connected().resume_token() + "x");
  for (const std::string& token : invalid) {
    v1::Frame connect = resume_frame(pair.bob.connected(), 0, 99);
    connect.mutable_connect()->set_resume_token(token);
    connect.mutable_connect()->set_receipts_up_to(99);
    connect.mutable_connect()->mutable_ack()->set_up_to(99);
    FakeClient client(pair.broker);
    EXPECT_EQ(code_of(client, connect), v1::CODE_NAME_IN_USE);
    EXPECT_FALSE(pair.bob.closed());
    // Where the name is free the fields are ignored.
    connect.mutable_connect()->set_name(pair.broker.name_on(GetParam(), "free"));
    FakeClient free(pair.broker);
    EXPECT_TRUE(free.connect(connect).empty());
    EXPECT_FALSE(free.connected().resumed());
    EXPECT_EQ(free.connected().last_id(), 0u);
    free.send(goodbye_frame(v1::CODE_NORMAL));
  }
}

TEST_P(Conflict, AnotherPrincipalsTokenIsAsNone) {
  LastingPair pair(GetParam());
  pair.broker.verdict.principal = 7;
  FakeClient first(pair.broker);
  EXPECT_EQ(code_of(first, resume_frame(pair.bob.connected(), 1)), v1::CODE_NAME_IN_USE);
  pair.bob.reset();
  FakeClient second(pair.broker);
  EXPECT_EQ(code_of(second, resume_frame(pair.bob.connected(), 1)), v1::CODE_NAME_IN_USE) << "away, but another's";
  pair.broker.verdict.principal = 0;
  pair.resume_bob();
  EXPECT_TRUE(pair.bob.connected().resumed());
}

TEST_P(Conflict, WithoutATokenADetachedElderGivesWayToTheSamePrincipal) {
  for (const v1::OnConflict on_conflict : {v1::ON_CONFLICT_REJECT, v1::ON_CONFLICT_TAKE_OVER}) {
    LastingPair pair(GetParam());
    FakeClient elder = pair.bob;
    pair.send(1, 2);
    pair.bob.reset();
    pair.send(3, 3);
    v1::Frame connect = lasting_frame(pair.bobs_name);
    connect.mutable_connect()->set_on_conflict(on_conflict);
    EXPECT_TRUE(pair.resume_bob(connect).empty());
    EXPECT_FALSE(pair.bob.connected().resumed());
    std::vector<Told> lost = same_for(1, 3, v1::OUTCOME_LOST, v1::REASON_CONNECTION_LOST);
    lost[2].attempted = false;
    EXPECT_EQ(outcomes(pair.alice.read()), lost);
    FakeClient again(pair.broker);
    EXPECT_EQ(code_of(again, resume_frame(elder.connected(), 1)), v1::CODE_NAME_IN_USE) << "its token is worth nothing";
  }
}

TEST_P(Conflict, TakingOverAConnectedEldersNameLosesWhatItHeld) {
  LastingPair pair(GetParam());
  FakeClient elder = pair.bob;
  pair.send(1, 2);
  elder.read();
  EXPECT_TRUE(pair.resume_bob(take_over_frame(pair.bobs_name)).empty());
  expect_ended(pair.broker, elder, v1::CODE_SESSION_TAKEN_OVER);
  EXPECT_EQ(pair.broker.notes_of(elder.number(), {Event::Kind::kTakenOver}).size(), 1u);
  EXPECT_EQ(outcomes(pair.alice.read()), same_for(1, 2, v1::OUTCOME_LOST, v1::REASON_CONNECTION_LOST));
  pair.send(3, 3);
  EXPECT_EQ(ids(pair.bob.read()), Tags{3});
}

TEST_P(Conflict, AnotherPrincipalMayTakeOverOnlyIfItSaysSo) {
  LastingPair pair(GetParam());
  pair.bob.reset();
  pair.broker.verdict.principal = 7;
  FakeClient refused(pair.broker);
  EXPECT_EQ(code_of(refused, lasting_frame(pair.bobs_name)), v1::CODE_NAME_IN_USE);
  pair.resume_bob(take_over_frame(pair.bobs_name));
  EXPECT_FALSE(pair.bob.connected().resumed());
}

TEST_P(Conflict, AMadeNameIsTakenBackWithItsToken) {
  LastingPair pair(GetParam());
  FakeClient made(pair.broker, lasting_frame(""), GetParam());
  const v1::Connected connected = made.connected();
  pair.alice.send(confirmed_frame(connected.name(), 1));
  made.reset();
  FakeClient stranger(pair.broker);
  v1::Frame guess = resume_frame(connected, 1);
  guess.mutable_connect()->set_resume_token("a guess");
  EXPECT_TRUE(stranger.connect(guess).empty());
  EXPECT_NE(stranger.connected().name(), connected.name()) << "a new name is made";
  FakeClient none(pair.broker);
  EXPECT_EQ(code_of(none, take_over_frame(connected.name())), v1::CODE_PROTOCOL_ERROR);
  FakeClient back(pair.broker);
  EXPECT_EQ(ids(back.connect(resume_frame(connected, 1))), Tags{1});
  EXPECT_EQ(back.connected().name(), connected.name());
}

TEST_P(Conflict, WithoutExpiryATokenServesWhileTheElderIsConnected) {
  LastingPair pair(GetParam());
  const std::string name = pair.broker.name_on(GetParam(), "brief");
  FakeClient elder(pair.broker, name);
  pair.alice.send(confirmed_frame(name, 1));
  FakeClient younger(pair.broker);
  v1::Frame connect = resume_frame(elder.connected(), 1);
  connect.mutable_connect()->set_session_expiry_ms(0);
  EXPECT_EQ(ids(younger.connect(connect)), Tags{1});
  EXPECT_TRUE(younger.connected().resumed());
  EXPECT_EQ(younger.connected().session_expiry_ms(), 0u);
  younger.reset();
  EXPECT_EQ(outcomes(pair.alice.read()), same_for(1, 1, v1::OUTCOME_LOST, v1::REASON_CONNECTION_LOST));
}

TEST_P(Conflict, AResumeMovesToTheShardOfItsName) {
  LastingPair pair(GetParam());
  pair.send(1, 1);
  pair.bob.reset();
  FakeClient elsewhere(pair.broker, static_cast<ShardIndex>(1 - GetParam()));
  EXPECT_EQ(ids(elsewhere.connect(resume_frame(pair.bob.connected(), 1))), Tags{1});
  EXPECT_EQ(elsewhere.link().shard, GetParam());
}

TEST_P(Conflict, OneMessageIsNotGivenTwiceToWhoeverReceivedIt) {
  LastingPair pair(GetParam(), {}, 3);
  pair.send(1, 5);
  EXPECT_EQ(ids(pair.bob.read()), (Tags{1, 2, 3}));
  // Another process takes the session over without having received anything, and dies before it has everything again.
  FakeClient other(pair.broker);
  other.link().write_capacity = 0;
  other.send(resume_frame(pair.bob.connected(), 1));
  other.reset();
  EXPECT_EQ(ids(pair.resume_bob(resume_frame(pair.bob.connected(), 2, 3))), Tags{});
  pair.bob.send(ack_up_to(3));
  EXPECT_EQ(ids(pair.bob.read()), (Tags{4, 5}));
}

}  // namespace
}  // namespace onehop::core::test
