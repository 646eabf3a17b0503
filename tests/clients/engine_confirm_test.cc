// Confirmed messages through a client engine: their outcomes, the receipts that tell them, the send window, and how
// they share a connection with unconfirmed ones.
#include <gtest/gtest.h>

#include "engine_rig.h"

namespace onehop::client {
namespace {

constexpr Confirm kDelivered = Confirm::kDelivered;

v1::Frame narrow_frame(uint32_t send_window, uint32_t send_window_bytes = 8 << 20) {
  v1::Frame frame = lasting_frame();
  frame.mutable_connected()->set_send_window(send_window);
  frame.mutable_connected()->set_send_window_bytes(send_window_bytes);
  return frame;
}

v1::Frame numbered_refusal(uint64_t seq, uint64_t first, uint64_t last, v1::Reason reason, uint32_t retry_after_ms) {
  v1::Frame frame = refusal_frame(first, last, reason, retry_after_ms);
  frame.mutable_receipts()->set_seq(seq);
  return frame;
}

TEST(EngineOutcome, EachIsToldAsTheBrokerDecidedIt) {
  Rig rig;
  rig.open(lasting_frame());
  for (const char* payload : {"a", "b", "c", "d", "e", "f"}) rig.send("bob", payload, kDelivered);
  EXPECT_EQ(rig.written(), (Words{"bob:1=a", "bob:2=b", "bob:3=c", "bob:4=d", "bob:5=e", "bob:6=f"}));
  v1::Frame frame = receipts_frame(1, 1, 2, v1::OUTCOME_DELIVERED);
  v1::Receipt refused;
  refused.set_first_id(3);
  refused.set_last_id(3);
  refused.set_outcome(v1::OUTCOME_REJECTED);
  refused.set_reason(v1::REASON_REFUSED_BY_RECIPIENT);
  refused.set_retry_after_ms(50);
  refused.set_text("not today");
  refused.set_code(17);
  *frame.mutable_receipts()->add_items() = refused;
  v1::Receipt expired = receipts_frame(1, 4, 4, v1::OUTCOME_EXPIRED).receipts().items(0);
  expired.set_attempted(true);
  *frame.mutable_receipts()->add_items() = expired;
  v1::Receipt lost = receipts_frame(1, 5, 5, v1::OUTCOME_LOST).receipts().items(0);
  lost.set_reason(v1::REASON_CONNECTION_LOST);
  *frame.mutable_receipts()->add_items() = lost;
  // One that only a later broker knows.
  *frame.mutable_receipts()->add_items() = receipts_frame(1, 6, 6, v1::OUTCOME_STORED).receipts().items(0);
  rig.give(frame);
  EXPECT_EQ(rig.events.outcomes, (Words{"1 DELIVERED", "2 DELIVERED", "3 REJECTED REFUSED_BY_RECIPIENT", "4 EXPIRED",
                                        "5 LOST CONNECTION_LOST", "6 UNKNOWN"}));
  const auto& results = rig.events.results;
  EXPECT_EQ(results[2].text, "not today");
  EXPECT_EQ(results[2].code, 17U);
  EXPECT_EQ(results[2].retry_after_ms, 50U);
  EXPECT_TRUE(results[3].attempted);
  EXPECT_FALSE(results[4].attempted);
  EXPECT_EQ(results[4].id, 5U);
  EXPECT_EQ(rig.engine.unsettled(), 0U);
  EXPECT_EQ(rig.written(), Words{"ack receipts 1"});
}

TEST(EngineOutcome, ComesInAnyOrderAndOnce) {
  Rig rig;
  rig.open(lasting_frame());
  for (const char* payload : {"a", "b", "c", "d"}) rig.send("bob", payload, kDelivered);
  rig.written();
  rig.give(receipts_frame(1, 3, 3, v1::OUTCOME_DELIVERED));
  rig.give(receipts_frame(2, 1, 4, v1::OUTCOME_EXPIRED));
  rig.give(receipts_frame(3, 0, UINT64_MAX, v1::OUTCOME_LOST));
  EXPECT_EQ(rig.events.outcomes, (Words{"3 DELIVERED", "1 EXPIRED", "2 EXPIRED", "4 EXPIRED"}));
  EXPECT_EQ(rig.written(), Words{"ack receipts 3"});
}

TEST(EngineOutcome, ReceiptsToldAgainAreAcknowledgedAgainAndNoMore) {
  Rig rig;
  rig.open(lasting_frame());
  rig.send("bob", "a", kDelivered);
  rig.send("bob", "b", kDelivered);
  rig.written();
  rig.give(receipts_frame(5, 1, 1, v1::OUTCOME_DELIVERED));
  EXPECT_EQ(rig.written(), Words{"ack receipts 5"});
  // Not what this number said before: it is the number that counts.
  rig.give(receipts_frame(5, 2, 2, v1::OUTCOME_DELIVERED));
  EXPECT_EQ(rig.events.outcomes, Words{"1 DELIVERED"});
  EXPECT_EQ(rig.written(), Words{"ack receipts 5"});
  EXPECT_TRUE(rig.written().empty());
}

TEST(EngineOutcome, IsNotAskedForWithPings) {
  Rig rig;
  rig.open(lasting_frame());
  for (uint64_t id = 1; id <= 50; ++id) {
    rig.send("bob", "x", kDelivered);
    const std::string message = "bob:" + std::to_string(id) + "=x";
    const std::string ack = "ack receipts " + std::to_string(id - 1);
    EXPECT_EQ(rig.written(), id == 1 ? Words{message} : (Words{message, ack}));
    rig.give(receipts_frame(id, id, id, v1::OUTCOME_DELIVERED));
  }
}

TEST(EngineMixed, LevelsKeepOneOrderAndEndInTheirOwnWays) {
  Rig rig;
  rig.open(lasting_frame());
  rig.send("bob", "a", kDelivered);
  rig.send("bob", "b");
  rig.send("bob", "c", kDelivered);
  EXPECT_EQ(rig.written(), (Words{"bob:1=a", "bob:2=b", "bob:3=c", "ping"}));
  rig.pong();
  EXPECT_EQ(rig.events.outcomes, Words{"2 ADMITTED"});
  // The rest is confirmed: nothing to ask for.
  EXPECT_TRUE(rig.written().empty());
  rig.send("bob", "d");
  EXPECT_EQ(rig.written(), (Words{"bob:4=d", "ping"}));
  rig.give(receipts_frame(1, 1, 1, v1::OUTCOME_DELIVERED));
  rig.give(refusal_frame(4, 4, v1::REASON_UNKNOWN_CLIENT));
  rig.pong();
  EXPECT_EQ(rig.events.outcomes, (Words{"2 ADMITTED", "1 DELIVERED", "4 REJECTED UNKNOWN_CLIENT"}));
  rig.give(receipts_frame(2, 3, 3, v1::OUTCOME_DELIVERED));
  EXPECT_EQ(rig.engine.unsettled(), 0U);
}

TEST(EngineWindow, CountsOutcomesUntilTheirReceiptsAreAcknowledged) {
  Rig rig;
  rig.open(narrow_frame(2));
  EXPECT_EQ(rig.send("bob", "a", kDelivered), SendStatus::kAccepted);
  EXPECT_EQ(rig.send("carol", "b", kDelivered), SendStatus::kAccepted);
  EXPECT_EQ(rig.send("bob", "c", kDelivered), SendStatus::kWouldBlock);
  EXPECT_EQ(rig.send("bob", "d"), SendStatus::kAccepted) << "unconfirmed messages need no window";
  EXPECT_EQ(rig.written(), (Words{"bob:1=a", "carol:2=b", "bob:3=d", "ping"}));
  rig.give(receipts_frame(1, 1, 2, v1::OUTCOME_DELIVERED));
  EXPECT_EQ(rig.events.log, Words{"open alice"});
  EXPECT_EQ(rig.send("bob", "c", kDelivered), SendStatus::kWouldBlock) << "the broker has not read the ack";
  EXPECT_EQ(rig.written(), Words{"ack receipts 1"});
  EXPECT_EQ(rig.events.log.back(), "room");
  EXPECT_EQ(rig.send("bob", "c", kDelivered), SendStatus::kAccepted);
  EXPECT_EQ(rig.send("bob", "e", kDelivered), SendStatus::kAccepted);
  EXPECT_EQ(rig.send("bob", "f", kDelivered), SendStatus::kWouldBlock);
}

TEST(EngineWindow, IsKeptToTheByte) {
  // The frame's tag and length 2; id 2, client 5, confirm 2, the payload's tag and length 2.
  const std::string fits(100 - 2 - 2 - 5 - 2 - 2, 'x');
  Rig rig;
  rig.open(narrow_frame(100, 200));
  EXPECT_EQ(rig.send("bob", std::string(200, 'x'), kDelivered), SendStatus::kTooLarge) << "it could never be sent";
  EXPECT_EQ(rig.send("bob", fits, kDelivered), SendStatus::kAccepted);
  EXPECT_EQ(rig.send("bob", fits + "x", kDelivered), SendStatus::kWouldBlock);
  EXPECT_EQ(rig.send("bob", fits, kDelivered), SendStatus::kAccepted);
  EXPECT_EQ(rig.send("bob", "", kDelivered), SendStatus::kWouldBlock);
  const auto frames = rig.frames();
  ASSERT_EQ(frames.size(), 2U);
  EXPECT_EQ(frames[0].ByteSizeLong() + frames[1].ByteSizeLong(), 200U);
  rig.give(receipts_frame(1, 2, 2, v1::OUTCOME_DELIVERED));
  // Outcomes have a number, but no bytes.
  EXPECT_EQ(rig.send("bob", fits, kDelivered), SendStatus::kAccepted);
}

TEST(EngineWindow, WhatWaitsForItGoesInTurnAndStopsNothingElse) {
  Rig rig;
  rig.open(narrow_frame(1));
  const auto encoded = [&](const char* to, const char* payload, Confirm confirm) {
    rig.engine.send_encoded(ClientEngine::encode(to, payload, {.confirm = confirm}));
  };
  encoded("bob", "a", kDelivered);
  encoded("bob", "b", kDelivered);
  encoded("carol", "c", kDelivered);
  encoded("carol", "d", kDelivered);
  encoded("dave", "e", Confirm::kRefusals);
  encoded("dave", "f", kDelivered);
  encoded("dave", "g", Confirm::kRefusals);
  EXPECT_EQ(rig.written(), (Words{"bob:1=a", "dave:2=e", "ping"}));
  rig.pong();
  EXPECT_EQ(rig.send("erin", "h", kDelivered), SendStatus::kWouldBlock);
  Words later;
  for (uint64_t seq = 1; seq <= 5; ++seq) {
    const uint64_t last = seq == 1 ? 1 : 100;
    rig.give(receipts_frame(seq, 1, last, v1::OUTCOME_DELIVERED));
    for (const std::string& word : rig.written()) {
      if (word.find('=') != std::string::npos) later.push_back(word.substr(0, 1) + word.substr(word.find('=')));
    }
  }
  EXPECT_EQ(later, (Words{"c=c", "b=b", "d=f", "d=g", "c=d"}));
}

TEST(EngineWindow, IsNotStarvedBySmallOnes) {
  Rig rig;
  rig.open(narrow_frame(100, 400));
  rig.send("bob", std::string(150, 'x'), kDelivered);
  rig.send("carol", std::string(150, 'y'), kDelivered);
  rig.engine.send_encoded(ClientEngine::encode("dave", std::string(300, 'z'), {}));
  EXPECT_EQ(rig.written().size(), 2U);
  EXPECT_EQ(rig.send("erin", "small", kDelivered), SendStatus::kWouldBlock) << "dave's was there before";
  rig.give(receipts_frame(1, 1, 2, v1::OUTCOME_DELIVERED));
  EXPECT_EQ(rig.written(), (Words{"dave:3=" + std::string(300, 'z'), "ack receipts 1"}));
  EXPECT_EQ(rig.send("erin", "small", kDelivered), SendStatus::kAccepted);
}

TEST(EngineConfirmedGate, RepeatsBehindABarrierAndAResume) {
  Rig rig;
  rig.open(lasting_frame());
  rig.send("bob", "a", kDelivered);
  rig.send("bob", "b");
  rig.send("bob", "c", kDelivered);
  rig.send("carol", "d", kDelivered);
  EXPECT_EQ(rig.written(), (Words{"bob:1=a", "bob:2=b", "bob:3=c", "carol:4=d", "ping"}));
  rig.give(numbered_refusal(1, 1, 1, v1::REASON_QUEUE_FULL, 500));
  rig.give(refusal_frame(2, 2, v1::REASON_QUEUE_FULL, 500));
  rig.send("bob", "e", kDelivered);
  rig.pong();
  EXPECT_EQ(rig.written(), (Words{"ack receipts 1", "ping"}));
  rig.give(numbered_refusal(2, 3, 3, v1::REASON_QUEUE_FULL, 500));
  rig.give(flow_frame("bob", v1::STATE_RESUME));
  rig.pong();
  EXPECT_EQ(rig.written(), (Words{"ack receipts 2", "ping"})) << "3 was refused after that ping was written";
  rig.pong();
  EXPECT_EQ(rig.written(), (Words{"resume bob", "bob:5=a", "bob:6=b", "bob:7=c", "bob:8=e", "ping"}));
  EXPECT_TRUE(rig.events.outcomes.empty());
  rig.give(receipts_frame(3, 4, 8, v1::OUTCOME_DELIVERED));
  EXPECT_EQ(rig.engine.counts().repeats, 3U);
  EXPECT_EQ(rig.engine.unsettled(), 0U);
}

TEST(EngineConfirmedGate, AResumeBeforeTheRefusalsOfWhatWasUnderWayIsEnough) {
  Rig rig;
  rig.open(lasting_frame());
  for (const char* payload : {"a", "b"}) rig.send("bob", payload, kDelivered);
  rig.written();
  rig.give(flow_frame("bob", v1::STATE_PAUSE, 60'000));
  rig.give(numbered_refusal(1, 1, 1, v1::REASON_QUEUE_FULL, 60'000));
  rig.give(flow_frame("bob", v1::STATE_RESUME));
  rig.give(numbered_refusal(2, 2, 2, v1::REASON_QUEUE_FULL, 60'000));
  EXPECT_EQ(rig.written(), (Words{"ack receipts 2", "ping"}));
  rig.pong();
  EXPECT_EQ(rig.written(), (Words{"resume bob", "bob:3=a", "bob:4=b"}));
}

TEST(EngineConfirmedGate, OpensBehindTheBarrierAlsoWhenNothingWasHeldYet) {
  Rig rig;
  rig.open(lasting_frame());
  rig.give(flow_frame("bob", v1::STATE_PAUSE, 60'000));
  rig.give(flow_frame("bob", v1::STATE_RESUME));
  rig.send("bob", "a", kDelivered);
  rig.send("bob", "b", kDelivered);
  rig.written();
  // The RESUME was about the time before; the refusals are late. One message tries at once.
  rig.give(numbered_refusal(1, 1, 2, v1::REASON_QUEUE_FULL, 60'000));
  EXPECT_EQ(rig.written(), (Words{"ack receipts 1", "ping"}));
  rig.pong();
  EXPECT_EQ(rig.written(), (Words{"resume bob", "bob:3=a", "ping"}));
  rig.pong();
  EXPECT_EQ(rig.written(), Words{"bob:4=b"});
}

TEST(EngineConfirmedBusy, IsWaitedForAndRepeated) {
  Rig rig;
  rig.open(lasting_frame());
  rig.send("bob", "a", kDelivered);
  rig.written();
  rig.give(numbered_refusal(1, 1, 1, v1::REASON_BROKER_BUSY, 200));
  EXPECT_EQ(rig.written(), (Words{"ack receipts 1", "ping"}));
  rig.pong();
  EXPECT_TRUE(rig.written().empty());
  rig.wait(200);
  EXPECT_EQ(rig.written(), (Words{"bob:2=a", "ping"}));
  rig.give(receipts_frame(2, 2, 2, v1::OUTCOME_DELIVERED));
  EXPECT_EQ(rig.events.outcomes, Words{"1 DELIVERED"});
}

TEST(EngineConfirmedOpen, AMessageThatStaysOpenStopsNobody) {
  Rig rig;
  rig.open(narrow_frame(3));
  rig.send("slow", "a", kDelivered);
  rig.written();
  for (uint64_t id = 2; id < 5'000; ++id) {
    rig.send("bob", "x", kDelivered);
    ASSERT_EQ(rig.written().front(), "bob:" + std::to_string(id) + "=x");
    rig.give(receipts_frame(id, id, id, v1::OUTCOME_DELIVERED));
  }
  EXPECT_EQ(rig.engine.unsettled(), 1U);
  rig.give(receipts_frame(5'000, 1, 1, v1::OUTCOME_DELIVERED));
  EXPECT_EQ(rig.events.outcomes.back(), "1 DELIVERED");
  EXPECT_EQ(rig.events.destinations.back(), "slow");
}

}  // namespace
}  // namespace onehop::client
