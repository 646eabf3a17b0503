// How a client engine meets a broker that announces its end, or that of a connection.
#include <gtest/gtest.h>

#include "engine_rig.h"

namespace onehop::client {
namespace {

constexpr uint32_t kRetryMs = 3'000;
constexpr uint32_t kGraceMs = 10'000;
// What a broker may take beyond its grace.
constexpr uint32_t kMarginMs = 1'000;

v1::Frame drain_frame(uint32_t retry_after_ms = kRetryMs) {
  return goodbye_frame(v1::CODE_SERVER_SHUTTING_DOWN, retry_after_ms, kGraceMs);
}

v1::Frame moving_frame() {
  return goodbye_frame(v1::CODE_USE_ANOTHER_SERVER, kRetryMs, kGraceMs);
}

// Answers pings until the engine writes something else; returns that.
Words after_round_trips(Rig& rig) {
  Words words = rig.written();
  for (int i = 0; i < 5 && words == Words{"ping"}; ++i) {
    rig.pong();
    words = rig.written();
  }
  return words;
}

TEST(EngineDrain, FinishesWhatIsUnderWayThenLeavesAndComesBack) {
  Rig rig;
  rig.open();
  rig.send("bob", "under way");
  EXPECT_EQ(rig.written(), (Words{"bob:1=under way", "ping"}));
  rig.give(drain_frame());
  EXPECT_EQ(rig.send("bob", "for the next session"), SendStatus::kAccepted);
  EXPECT_TRUE(rig.written().empty());
  rig.pong();
  EXPECT_EQ(rig.events.outcomes, Words{"1 ADMITTED"});
  EXPECT_EQ(after_round_trips(rig), Words{"goodbye"});
  rig.engine.on_link_down("closed", rig.now);
  EXPECT_EQ(rig.events.endings.at(0).code, Code::kServerShuttingDown);
  EXPECT_EQ(rig.events.retry_in, kRetryMs);
  rig.reopen();
  EXPECT_EQ(rig.written(), (Words{"bob:1=for the next session", "ping"}));
}

TEST(EngineDrain, WhoHasNothingOpenLeavesAfterRoundTripsThatBringNothing) {
  ResumeRig rig;
  rig.give(drain_frame());
  EXPECT_EQ(rig.written(), Words{"ping"});
  rig.pong();
  EXPECT_EQ(rig.written(), Words{"ping"});
  rig.pong();
  EXPECT_EQ(rig.written(), Words{"goodbye"});
  EXPECT_EQ(rig.engine.link(), Link::kFinishing);
}

// What the broker says in place of the end it had announced.
TEST(EngineDrain, AKickMeanwhileIsTold) {
  ResumeRig rig;
  rig.give(drain_frame());
  rig.give(goodbye_frame(v1::CODE_ADMINISTRATIVE));
  EXPECT_EQ(rig.events.log.back(), "ended");
  EXPECT_EQ(rig.events.endings.at(0).code, Code::kAdministrative);
}

// Acknowledgements make room at the broker: what had waited there comes, and is waited for as well.
TEST(EngineDrain, TakesWhatItsAcknowledgementsMakeRoomFor) {
  ResumeRig rig({.ack = AckMode::kManual});
  rig.give(delivery_frame(1, "before"));
  rig.give(drain_frame());
  EXPECT_TRUE(rig.written().empty());
  rig.give(delivery_frame(2, "after"));
  rig.take(1);
  EXPECT_EQ(rig.written(), Words{"ack to 1"});
  rig.take(2);
  EXPECT_EQ(rig.written(), (Words{"ack to 2", "ping"}));
  rig.pong();
  EXPECT_EQ(rig.written(), Words{"ping"});
  rig.give(delivery_frame(3, "had waited"));
  rig.pong();
  rig.take(3);
  EXPECT_EQ(rig.written(), (Words{"ack to 3", "ping"}));
  EXPECT_EQ(rig.log_of_messages().size(), 3U);
  rig.pong();
  EXPECT_EQ(after_round_trips(rig), Words{"goodbye"});
}

v1::Frame expiring_frame(uint64_t tag, uint32_t ttl_ms) {
  v1::Frame frame = delivery_frame(tag);
  frame.mutable_message()->set_ttl_ms(ttl_ms);
  return frame;
}

// Whose sender has been told EXPIRED does not keep the broker waiting.
TEST(EngineDrain, DoesNotStayForWhatHasExpired) {
  ResumeRig rig({.ack = AckMode::kManual});
  rig.give(expiring_frame(1, 500));
  rig.give(expiring_frame(2, 2'000));
  rig.give(drain_frame());
  EXPECT_TRUE(rig.written().empty());
  rig.wait(500);
  EXPECT_TRUE(rig.written().empty());
  EXPECT_LE(rig.engine.deadline(), rig.now + 1'500);
  rig.wait(1'499);
  EXPECT_TRUE(rig.written().empty());
  rig.wait(1);
  EXPECT_EQ(rig.written(), Words{"ping"});
  EXPECT_GT(rig.engine.deadline(), rig.now) << "it would be asked again at once, for ever";
  rig.pong();
  EXPECT_EQ(after_round_trips(rig), Words{"goodbye"});
}

// Without a ttl of its own, a message has that of the broker; a delivery that came again has what was left.
TEST(EngineDrain, KnowsWhenADeliveryExpires) {
  ResumeRig rig({.ack = AckMode::kManual});
  rig.give(delivery_frame(1));
  rig.give(drain_frame());
  rig.wait(kGraceMs);
  EXPECT_TRUE(rig.written().empty());
  rig.take(1);
  EXPECT_EQ(rig.written(), (Words{"ack to 1", "ping"}));
  v1::Frame again = expiring_frame(2, 60'000);
  again.mutable_message()->set_redelivered(true);
  again.mutable_message()->set_ttl_left_ms(10);
  rig.give(again);
  rig.pong();
  EXPECT_TRUE(rig.written().empty());
  rig.wait(10);
  EXPECT_EQ(rig.written(), Words{"ping"});
}

TEST(EngineDrain, WaitsForOutcomesAndTellsThem) {
  ResumeRig rig;
  rig.send("bob", "a", Confirm::kDelivered);
  rig.send("bob", "b", Confirm::kDelivered);
  rig.written();
  rig.give(drain_frame());
  EXPECT_TRUE(rig.written().empty());
  rig.give(receipts_frame(1, 1, 1, v1::OUTCOME_DELIVERED));
  EXPECT_EQ(rig.written(), Words{"ack receipts 1"});
  rig.give(receipts_frame(2, 2, 2, v1::OUTCOME_LOST));
  EXPECT_EQ(rig.written(), (Words{"ack receipts 2", "ping"}));
  rig.pong();
  EXPECT_EQ(after_round_trips(rig), Words{"goodbye"});
  EXPECT_EQ(rig.events.outcomes, (Words{"1 DELIVERED", "2 LOST"}));
}

TEST(EngineDrain, LeavesAtTheEndOfTheGraceWhateverIsOpen) {
  ResumeRig rig({.ack = AckMode::kManual});
  rig.give(delivery_frame(1));
  rig.send("bob", "open", Confirm::kDelivered);
  rig.written();
  rig.give(drain_frame());
  rig.wait(kGraceMs + kMarginMs - 1);
  EXPECT_TRUE(rig.written().empty());
  EXPECT_LE(rig.engine.deadline(), rig.now + 1);
  rig.wait(1);
  EXPECT_EQ(rig.written(), Words{"goodbye"});
  // What is decided is still told.
  rig.give(receipts_frame(1, 1, 1, v1::OUTCOME_LOST));
  rig.give(goodbye_frame(v1::CODE_NORMAL));
  EXPECT_EQ(rig.events.outcomes, Words{"1 LOST"});
  EXPECT_EQ(rig.events.log.back(), "down");
}

TEST(EngineDrain, ComesBackAtTheTimeThatCountsFromTheGoodbye) {
  ResumeRig rig;
  rig.give(drain_frame());
  rig.written();
  rig.wait(1'000);
  rig.pong();
  EXPECT_EQ(after_round_trips(rig), Words{"goodbye"});
  rig.give(goodbye_frame(v1::CODE_NORMAL));
  EXPECT_EQ(rig.events.endings.at(0).code, Code::kServerShuttingDown);
  EXPECT_EQ(rig.events.retry_in, kRetryMs - 1'000);
}

// An early time is not made later by a backoff: all the early ones would come together.
TEST(EngineDrain, KeepsToAnEarlyTime) {
  for (const uint32_t retry_after_ms : {1U, 20U}) {
    ResumeRig rig({.backoff_ms_min = 1'000});
    rig.give(drain_frame(retry_after_ms));
    EXPECT_EQ(after_round_trips(rig), Words{"goodbye"});
    rig.engine.on_link_down("closed", rig.now);
    EXPECT_EQ(rig.events.retry_in, retry_after_ms);
  }
}

TEST(EngineDrain, WhoMissedItsTimeComesBackAsIfItHadFailed) {
  ResumeRig rig({.backoff_ms_min = 1'000});
  rig.send("bob", "open", Confirm::kDelivered);
  rig.written();
  rig.give(drain_frame());
  rig.wait(kRetryMs + 1);
  rig.engine.on_link_down("closed", rig.now);
  EXPECT_GE(rig.events.retry_in, 500U);
  EXPECT_LE(rig.events.retry_in, 1'000U);
  EXPECT_EQ(rig.events.outcomes, Words{"1 UNKNOWN"});
}

TEST(EngineDrain, ALaterGoodbyeWithItsOwnTimeCounts) {
  ResumeRig rig;
  rig.send("bob", "open", Confirm::kDelivered);
  rig.written();
  rig.give(drain_frame());
  rig.wait(5'000);
  rig.give(goodbye_frame(v1::CODE_SERVER_SHUTTING_DOWN, 7'000));
  EXPECT_EQ(rig.events.retry_in, 7'000U);
}

// What crossed the goodbye was never taken: it waits for the next session, before what was sent since.
TEST(EngineDrain, RepeatsWhatWasRefusedForItInOrder) {
  for (const Confirm confirm : {Confirm::kDelivered, Confirm::kRefusals}) {
    ResumeRig rig;
    rig.send("bob", "a", confirm);
    rig.send("bob", "b", confirm);
    rig.written();
    rig.give(drain_frame());
    rig.send("bob", "c", confirm);
    v1::Frame refused = refusal_frame(1, 2, v1::REASON_SHUTTING_DOWN, 2'000);
    if (confirm == Confirm::kDelivered) refused.mutable_receipts()->set_seq(1);
    rig.give(refused);
    for (int i = 0; i < 5 && rig.engine.link() == Link::kWanted; ++i) {
      rig.written();
      rig.pong();
    }
    rig.give(goodbye_frame(v1::CODE_NORMAL));
    EXPECT_TRUE(rig.events.outcomes.empty()) << rig.events.outcomes[0];
    rig.reopen(lasting_frame(8));
    // Whether bob is with the new broker has to be found out.
    EXPECT_EQ(rig.written(), (Words{"bob:1=a", "ping"}));
    rig.pong();
    Words words = rig.written();
    words.resize(2);
    EXPECT_EQ(words, (Words{"bob:2=b", "bob:3=c"}));
  }
}

TEST(EngineDrain, TellsThatItWasNotSentIfItDoesNotComeBack) {
  ResumeRig rig({.reconnect = false});
  rig.send("bob", "refused", Confirm::kDelivered);
  rig.written();
  rig.give(drain_frame());
  v1::Frame refused = refusal_frame(1, 1, v1::REASON_SHUTTING_DOWN, 2'000);
  refused.mutable_receipts()->set_seq(1);
  rig.give(refused);
  for (int i = 0; i < 5 && rig.engine.link() == Link::kWanted; ++i) {
    rig.written();
    rig.pong();
  }
  rig.give(goodbye_frame(v1::CODE_NORMAL));
  EXPECT_EQ(rig.events.outcomes, Words{"1 NOT_SENT SHUTTING_DOWN"});
  EXPECT_EQ(rig.events.log.back(), "ended");
  EXPECT_EQ(rig.events.endings.back().code, Code::kServerShuttingDown);
}

TEST(EngineDrain, WhoIsClosingWaitsForNoRoundTrip) {
  ResumeRig rig;
  rig.give(delivery_frame(1));
  rig.written();
  rig.give(drain_frame());
  EXPECT_EQ(rig.written(), Words{"ping"});
  rig.engine.close();
  EXPECT_EQ(rig.written(), Words{"goodbye"});
  rig.give(goodbye_frame(v1::CODE_NORMAL));
  EXPECT_EQ(rig.events.log.back(), "ended");
}

TEST(EngineMove, GoesOnWithItsSession) {
  ResumeRig rig({.ack = AckMode::kManual});
  rig.give(delivery_frame(1));
  rig.send("bob", "confirmed", Confirm::kDelivered);
  rig.written();
  rig.give(moving_frame());
  rig.wait(0);
  EXPECT_EQ(rig.engine.link(), Link::kNone);
  EXPECT_EQ(rig.events.retry_in, kRetryMs);
  EXPECT_TRUE(rig.events.outcomes.empty());
  rig.take(1);
  const v1::Connect connect = rig.connect();
  EXPECT_EQ(connect.resume_token(), "ticket");
  EXPECT_EQ(connect.ack().up_to(), 1U);
  rig.give(resumed_frame(0));
  EXPECT_EQ(rig.written(), Words{"bob:1=confirmed"});
}

// Of unconfirmed messages a resume tells nothing.
TEST(EngineMove, WaitsUntilUnconfirmedMessagesAreKnownToBeAdmitted) {
  ResumeRig rig;
  rig.send("bob", "unconfirmed");
  EXPECT_EQ(rig.written(), (Words{"bob:1=unconfirmed", "ping"}));
  rig.give(moving_frame());
  EXPECT_EQ(rig.engine.link(), Link::kWanted);
  rig.wait(1'000);
  rig.pong();
  EXPECT_EQ(rig.events.outcomes, Words{"1 ADMITTED"});
  EXPECT_EQ(rig.engine.link(), Link::kNone);
  EXPECT_EQ(rig.events.retry_in, kRetryMs - 1'000);
  EXPECT_EQ(rig.connect().resume_token(), "ticket");
}

// The outcomes of what is confirmed come on this connection or never.
TEST(EngineMove, WhoMayNotComeBackWaitsForItsOutcomes) {
  ResumeRig rig({.reconnect = false});
  rig.send("bob", "confirmed", Confirm::kDelivered);
  rig.written();
  rig.give(moving_frame());
  EXPECT_EQ(rig.engine.link(), Link::kWanted);
  EXPECT_TRUE(rig.events.outcomes.empty());
}

TEST(EngineMove, WithoutASessionToKeepIsADrain) {
  Rig rig;
  rig.open();
  rig.give(moving_frame());
  EXPECT_EQ(after_round_trips(rig), Words{"goodbye"});
}

TEST(EngineMove, ToANamedServerIsTheProgramsDecision) {
  ResumeRig rig;
  v1::Frame frame = goodbye_frame(v1::CODE_USE_ANOTHER_SERVER);
  frame.mutable_goodbye()->set_use_server("tcp://elsewhere:7411");
  rig.give(frame);
  EXPECT_EQ(rig.events.log.back(), "ended");
  EXPECT_EQ(rig.events.endings.at(0).use_server, "tcp://elsewhere:7411");
}

}  // namespace
}  // namespace onehop::client
