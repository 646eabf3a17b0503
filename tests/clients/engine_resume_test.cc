// Sessions that outlive their connections, as a client engine sees them: what it says when it comes back, and what it
// makes of the answer.
#include <gtest/gtest.h>

#include "core/base/limits.h"
#include "engine_rig.h"

namespace onehop::client {
namespace {

TEST(EngineResume, AsksForASessionThatLasts) {
  Rig rig({.session_expiry_ms = 5'000, .receive_window = 17});
  rig.engine.start(rig.now);
  rig.engine.on_link_up(rig.now);
  const auto frames = rig.frames();
  ASSERT_EQ(frames.size(), 1U);
  const v1::Connect& connect = frames[0].connect();
  EXPECT_EQ(connect.session_expiry_ms(), 5'000U);
  EXPECT_EQ(connect.receive_window(), 17U);
  EXPECT_EQ(connect.resume_token(), "");
  EXPECT_EQ(connect.attempt(), 0U);
  EXPECT_FALSE(connect.has_ack());
}

TEST(EngineResume, SaysWhoItWasAndWhatItHas) {
  ResumeRig rig({.software = "test/1", .frame_bytes_max = 65'536, .receive_window = 17, .ack = AckMode::kManual});
  for (uint64_t tag = 1; tag <= 5; ++tag) rig.give(delivery_frame(tag));
  rig.take(1);
  rig.send("bob", "hello", Confirm::kDelivered);
  rig.written();
  rig.give(receipts_frame(1, 1, 1, v1::OUTCOME_DELIVERED));
  rig.cut();
  EXPECT_EQ(rig.events.log.back(), "down");
  // Verdicts that are given meanwhile are as good as any.
  rig.take(3);
  const v1::Connect connect = rig.connect();
  EXPECT_EQ(connect.name(), "alice");
  EXPECT_EQ(connect.software(), "test/1");
  EXPECT_EQ(connect.resume_token(), "ticket");
  EXPECT_EQ(connect.attempt(), 1U);
  EXPECT_EQ(connect.received_up_to(), 5U);
  EXPECT_EQ(connect.receipts_up_to(), 1U);
  EXPECT_EQ(connect.session_expiry_ms(), 60'000U);
  EXPECT_EQ(connect.receive_window(), 17U);
  EXPECT_EQ(connect.frame_bytes_max(), 65'536U);
  EXPECT_EQ(connect.features(),
            core::kFeatureOrderedRefusals | core::kFeatureRenewal | core::kFeatureTopics | core::kFeatureReplies);
  EXPECT_EQ(connect.ack().session(), kSession);
  EXPECT_EQ(in_words(connect.ack()), "ack taken 3-3 to 1");
  // While the answer is not there, messages and verdicts wait.
  EXPECT_EQ(rig.send("bob", "later"), SendStatus::kAccepted);
  rig.take(5);
  EXPECT_TRUE(rig.written().empty());
  rig.give(resumed_frame(1));
  EXPECT_EQ(rig.events.log.back(), "open alice");
  EXPECT_EQ(rig.written(), (Words{"bob:2=later", "ack taken 5-5 to 1", "ping"}));
  EXPECT_EQ(rig.engine.counts().resumes, 1U);
}

TEST(EngineResume, EachAttemptIsAboveAllBefore) {
  ResumeRig rig;
  rig.cut();
  EXPECT_EQ(rig.connect().attempt(), 1U);
  rig.cut();
  // One that does not even connect says nothing.
  rig.wait(rig.events.retry_in);
  rig.cut();
  EXPECT_EQ(rig.connect().attempt(), 2U);
  rig.give(goodbye_frame(v1::CODE_SERVER_BUSY));
  EXPECT_EQ(rig.connect().attempt(), 3U);
  rig.give(resumed_frame());
  rig.cut();
  EXPECT_EQ(rig.connect().attempt(), 4U);
  rig.give(lasting_frame(8));
  rig.cut();
  EXPECT_EQ(rig.connect().attempt(), 1U);
}

TEST(EngineResume, GoesOnWhereItWas) {
  ResumeRig rig({.ack = AckMode::kManual});
  rig.give(delivery_frame(1, "one"));
  rig.give(delivery_frame(2, "two"));
  rig.cut();
  rig.connect();
  rig.give(resumed_frame());
  rig.give(delivery_frame(3, "three"));
  EXPECT_EQ(rig.log_of_messages(), (Words{"message bob one", "message bob two", "message bob three"}));
  rig.take(1);
  rig.take(2);
  rig.take(3);
  EXPECT_EQ(rig.written(), (Words{"ack to 3"}));
}

TEST(EngineResume, VerdictsThatMayBeLostAreRepeated) {
  ResumeRig rig({.ack = AckMode::kManual});
  for (uint64_t tag = 1; tag <= 9; ++tag) rig.give(delivery_frame(tag));
  for (const uint64_t tag : {1U, 4U, 5U, 9U}) rig.take(tag);
  rig.engine.refuse(tag_of(7), {.text = "no", .code = 3, .retry_after_ms = 9});
  EXPECT_EQ(rig.written(), (Words{"ack refused 7 taken 4-5 taken 9-9 to 1", "ping"}));
  // Twice: the first of these connects may be lost as well.
  for (int i = 0; i < 2; ++i) {
    rig.cut();
    const v1::Connect connect = rig.connect();
    EXPECT_EQ(in_words(connect.ack()), "ack refused 7 taken 4-5 taken 7-7 taken 9-9 to 1");
    EXPECT_EQ(connect.ack().refused(0).text(), "no");
    EXPECT_EQ(connect.ack().refused(0).code(), 3U);
    EXPECT_EQ(connect.ack().refused(0).retry_after_ms(), 9U);
  }
  rig.give(resumed_frame());
  EXPECT_TRUE(rig.written().empty());
  // The broker has answered, so it has them.
  rig.cut();
  EXPECT_EQ(rig.connect().ack().refused_size(), 0);
}

TEST(EngineResume, ARefusalIsRepeatedUntilThePong) {
  ResumeRig rig({.ack = AckMode::kManual});
  for (uint64_t tag = 1; tag <= 2; ++tag) rig.give(delivery_frame(tag));
  rig.engine.refuse(tag_of(1), {});
  EXPECT_EQ(rig.written(), (Words{"ack refused 1 to 1", "ping"}));
  rig.engine.refuse(tag_of(2), {});
  EXPECT_EQ(rig.written(), (Words{"ack refused 2 to 2"}));
  rig.pong();  // Of the ping before the second.
  rig.cut();
  EXPECT_EQ(in_words(rig.connect().ack()), "ack refused 2 to 2");
}

TEST(EngineResume, WhatDoesNotFitIntoTheConnectFollows) {
  ResumeRig rig({.ack = AckMode::kManual});
  constexpr int kRefusals = 100;
  for (uint64_t tag = 1; tag <= 200; ++tag) rig.give(delivery_frame(tag));
  for (uint64_t tag = 1; tag <= kRefusals; ++tag) {
    rig.engine.refuse(tag_of(tag), {.text = std::string(256, 'x')});
  }
  rig.engine.acknowledge_up_to(tag_of(200));
  rig.written();
  rig.cut();
  const v1::Connect connect = rig.connect();
  v1::Frame whole;
  *whole.mutable_connect() = connect;
  EXPECT_LE(whole.ByteSizeLong(), core::kControlFrameBytesMax);
  const int fitted = connect.ack().refused_size();
  EXPECT_GT(fitted, 40);
  EXPECT_LT(fitted, kRefusals);
  EXPECT_EQ(connect.ack().up_to(), 0U);
  EXPECT_EQ(connect.ack().taken_size(), 0);
  rig.give(resumed_frame());
  int refused = fitted;
  uint64_t up_to = 0;
  for (const v1::Frame& frame : rig.frames()) {
    if (!frame.has_ack()) continue;
    EXPECT_LE(frame.ByteSizeLong(), core::kControlFrameBytesMax);
    EXPECT_EQ(up_to, 0U);
    for (const v1::Refusal& refusal : frame.ack().refused()) {
      EXPECT_EQ(refusal.delivery_tag(), static_cast<uint64_t>(++refused));
    }
    up_to = frame.ack().up_to();
  }
  EXPECT_EQ(refused, kRefusals);
  EXPECT_EQ(up_to, 200U);
}

TEST(EngineResume, RangesThatDoNotFitFollowAsWell) {
  ResumeRig rig({.ack = AckMode::kManual});
  constexpr uint64_t kDeliveries = 4'000;
  for (uint64_t tag = 1; tag <= kDeliveries; ++tag) rig.give(delivery_frame(tag));
  for (uint64_t tag = 2; tag <= kDeliveries; tag += 2) rig.take(tag);
  rig.written();
  rig.cut();
  const v1::Connect connect = rig.connect();
  EXPECT_LE(connect.ByteSizeLong(), core::kControlFrameBytesMax);
  std::vector<v1::Range> taken(connect.ack().taken().begin(), connect.ack().taken().end());
  EXPECT_LT(taken.size(), kDeliveries / 2);
  rig.give(resumed_frame());
  for (const v1::Frame& frame : rig.frames()) {
    if (frame.has_ack()) taken.insert(taken.end(), frame.ack().taken().begin(), frame.ack().taken().end());
  }
  ASSERT_EQ(taken.size(), kDeliveries / 2);
  for (size_t i = 0; i < taken.size(); ++i) EXPECT_EQ(taken[i].first(), 2 * (i + 1));
}

TEST(EngineResume, AnotherSessionBeginsAnew) {
  ResumeRig rig({.ack = AckMode::kManual});
  rig.give(delivery_frame(1));
  rig.give(delivery_frame(2));
  rig.take(2);
  rig.send("bob", "open", Confirm::kDelivered);
  rig.written();
  rig.cut();
  rig.send("bob", "waits", Confirm::kDelivered);
  rig.connect();
  EXPECT_TRUE(rig.events.outcomes.empty());
  rig.give(lasting_frame(8));
  EXPECT_EQ(rig.events.outcomes, (Words{"1 UNKNOWN"}));
  EXPECT_EQ(rig.written(), (Words{"bob:1=waits", "ping"}));
  // Tags begin anew, and those of before mean nothing.
  rig.give(delivery_frame(1));
  rig.take(1);
  EXPECT_TRUE(rig.written().empty());
  rig.engine.acknowledge(tag_of(1, 8));
  const auto frames = rig.frames();
  ASSERT_EQ(frames.size(), 1U);
  EXPECT_EQ(in_words(frames[0]), "ack to 1");
  EXPECT_EQ(frames[0].ack().session(), 8U);
}

TEST(EngineResume, ASessionThatDoesNotLastIsNotAskedFor) {
  Rig rig;
  rig.open(connected_frame());
  rig.send("bob", "x", Confirm::kDelivered);
  rig.written();
  rig.engine.on_link_down("cut", rig.now);
  EXPECT_EQ(rig.events.outcomes, (Words{"1 UNKNOWN"}));
  rig.wait(rig.events.retry_in);
  rig.engine.on_link_up(rig.now);
  const auto frames = rig.frames();
  ASSERT_EQ(frames.size(), 1U);
  EXPECT_EQ(frames[0].connect().resume_token(), "");
  EXPECT_EQ(frames[0].connect().attempt(), 0U);
}

TEST(EngineResume, AResumeThatWasNotAskedForIsBadBytes) {
  Rig rig;
  rig.engine.start(rig.now);
  rig.engine.on_link_up(rig.now);
  rig.give(resumed_frame());
  EXPECT_EQ(rig.events.endings.at(0).cause, Ending::Cause::kBadBytes);

  ResumeRig other;
  other.cut();
  other.connect();
  other.give(resumed_frame(0, kSession + 1));
  EXPECT_EQ(other.events.endings.back().cause, Ending::Cause::kBadBytes);
}

// What a goodbye in an open session means for it.
struct EndCase {
  const char* name;
  v1::Code code;
  bool resumed;
};

class EngineResumeGoodbye : public testing::TestWithParam<EndCase> {};

TEST_P(EngineResumeGoodbye, IsFollowedByAResumeOrNot) {
  ResumeRig rig;
  rig.send("bob", "x", Confirm::kDelivered);
  rig.written();
  rig.give(goodbye_frame(GetParam().code));
  EXPECT_EQ(rig.events.log.back(), "down");
  EXPECT_EQ(rig.events.outcomes, GetParam().resumed ? Words{} : Words{"1 UNKNOWN"});
  EXPECT_EQ(rig.connect().resume_token(), GetParam().resumed ? "ticket" : "");
}

INSTANTIATE_TEST_SUITE_P(Codes, EngineResumeGoodbye,
                         testing::Values(EndCase{"Normal", v1::CODE_NORMAL, false},
                                         EndCase{"KeepaliveTimeout", v1::CODE_KEEPALIVE_TIMEOUT, true},
                                         EndCase{"SlowConsumer", v1::CODE_SLOW_CONSUMER, true},
                                         EndCase{"ServerBusy", v1::CODE_SERVER_BUSY, true},
                                         EndCase{"QuotaExceeded", v1::CODE_QUOTA_EXCEEDED, true},
                                         EndCase{"UseAnotherServer", v1::CODE_USE_ANOTHER_SERVER, true},
                                         EndCase{"ServerShuttingDown", v1::CODE_SERVER_SHUTTING_DOWN, false}),
                         [](const auto& tested) { return tested.param.name; });

TEST(EngineResume, WhoIsTakenOverStaysAway) {
  for (const bool while_resuming : {false, true}) {
    ResumeRig rig;
    rig.send("bob", "x", Confirm::kDelivered);
    rig.written();
    if (while_resuming) {
      rig.cut();
      rig.connect();
    }
    rig.give(goodbye_frame(v1::CODE_SESSION_TAKEN_OVER));
    EXPECT_EQ(rig.events.log.back(), "ended");
    EXPECT_EQ(rig.events.outcomes, (Words{"1 UNKNOWN"}));
    EXPECT_FALSE(rig.engine.saved_session());
    EXPECT_EQ(rig.engine.deadline(), UINT64_MAX);
  }
}

TEST(EngineResume, ANameThatIsInUseEndsTheSession) {
  ResumeRig rig;
  rig.send("bob", "x", Confirm::kDelivered);
  rig.written();
  rig.cut();
  rig.connect();
  rig.give(goodbye_frame(v1::CODE_NAME_IN_USE));
  EXPECT_EQ(rig.events.outcomes, (Words{"1 UNKNOWN"}));
  const v1::Connect connect = rig.connect();
  EXPECT_EQ(connect.name(), "alice");
  EXPECT_EQ(connect.resume_token(), "");
}

TEST(EngineResume, AMadeNameIsKeptWithTheSession) {
  Recorder events;
  ClientEngine engine(ClientOptions{}, events, 1);
  Rig rig;  // For its clock and decoder only.
  v1::Frame made = lasting_frame();
  made.mutable_connected()->set_name("~made");
  engine.start(0);
  engine.on_link_up(0);
  engine.on_bytes(encode_frame(made), 0);
  engine.on_link_down("cut", 0);
  engine.on_tick(events.retry_in);
  engine.on_link_up(events.retry_in);
  std::array<std::string_view, 4> pieces;
  ASSERT_EQ(engine.output(pieces, events.retry_in), 1U);
  v1::Frame frame;
  ASSERT_TRUE(frame.ParseFromArray(pieces[0].data() + 1, static_cast<int>(pieces[0].size()) - 1));
  EXPECT_EQ(frame.connect().name(), "~made");
  EXPECT_EQ(frame.connect().resume_token(), "ticket");
}

}  // namespace
}  // namespace onehop::client
