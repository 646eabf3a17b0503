// For how long messages wait for a recipient that may be on its way back, and how many.
#include <gtest/gtest.h>

#include "patience_rig.h"

namespace onehop::client {
namespace {

class PatienceEnd : public PatienceRig {};
INSTANTIATE_TEST_SUITE_P(, PatienceEnd, testing::Values(Confirm::kRefusals, Confirm::kDelivered), level_in_words);

TEST_P(PatienceEnd, EndsForEachMessageWithItsOwn) {
  open();
  send("bob", "a", 10'000);
  send("bob", "b", 2'000);
  send("bob", "c", kForever);
  send("bob", "d", 0);
  messages();
  refuse(1, 20'000);
  EXPECT_EQ(outcomes(), Words{"4 REJECTED UNKNOWN_CLIENT"}) << "it is not even sent";
  rig->wait(1'999);
  EXPECT_EQ(outcomes().size(), 1U);
  rig->wait(1);
  EXPECT_EQ(outcomes().back(), "2 REJECTED UNKNOWN_CLIENT");
  // One that follows counts from the same time.
  send("bob", "e", 3'000);
  EXPECT_EQ(rig->engine.deadline(), rig->now + 1'000);
  rig->wait(1'000);
  EXPECT_EQ(outcomes().back(), "5 REJECTED UNKNOWN_CLIENT");
  rig->wait(7'000);
  EXPECT_EQ(outcomes().back(), "1 REJECTED UNKNOWN_CLIENT");
  EXPECT_EQ(rig->events.results.back().id, 1U) << "that of its last attempt";
  rig->wait(10'000);
  EXPECT_EQ(outcomes().size(), 4U);
  EXPECT_EQ(messages(), Words{"bob:2=c"});
}

TEST_P(PatienceEnd, EndsForTheMessageUnderWayWithItsRefusal) {
  open();
  send("bob", "a", 1'000);
  messages();
  refuse(1, 900);
  rig->wait(900);
  EXPECT_EQ(messages(), Words{"bob:2=a"});
  rig->wait(200);
  EXPECT_EQ(outcomes(), Words{});
  refuse(2, 900);
  EXPECT_EQ(outcomes(), Words{"1 REJECTED UNKNOWN_CLIENT"});
  EXPECT_EQ(rig->events.results[0].retry_after_ms, 900U);
  EXPECT_EQ(rig->engine.unsettled(), 0U);
}

TEST_P(PatienceEnd, OfNoneIsToldAtOnce) {
  open();
  for (const char* payload : {"a", "b"}) send("bob", payload, 0);
  messages();
  give_refusal(1, v1::REASON_UNKNOWN_CLIENT, 500);
  EXPECT_EQ(outcomes(), (Words{"1 REJECTED UNKNOWN_CLIENT", "2 REJECTED UNKNOWN_CLIENT"}));
}

TEST_P(PatienceEnd, OfNoneDoesNotEndThatOfOthers) {
  open();
  send("bob", "a", 0);
  send("bob", "b", kForever);
  messages();
  refuse(1);
  EXPECT_EQ(outcomes(), Words{"1 REJECTED UNKNOWN_CLIENT"});
  EXPECT_EQ(messages(), Words{"bob:2=b"});
  send("bob", "c", kForever);
  refuse(2);
  rig->wait(500);
  EXPECT_EQ(messages(), Words{"bob:3=b"});
  rig->pong();
  EXPECT_EQ(messages(), Words{"bob:4=c"});
}

TEST_P(PatienceEnd, WhatIsTooLargeProvesNothingAndIsToldAtOnce) {
  open({}, in_grace(connected_frame(1'000)));
  EXPECT_EQ(try_to_send("bob", std::string(2'000, 'x')), SendStatus::kTooLarge);
  rig->engine.send_encoded(ClientEngine::encode("bob", std::string(2'000, 'x'), {.confirm = GetParam()}));
  for (const char* payload : {"a", "b"}) send("bob", payload);
  EXPECT_EQ(messages(), Words{"bob:1=a"});
  EXPECT_EQ(outcomes(), Words{"1 REJECTED TOO_LARGE"});
}

TEST_P(PatienceEnd, WhatWaitsIsBounded) {
  open({.waiting_bytes_max = 1'000});
  size_t accepted = fill();
  EXPECT_LE(accepted, 8U);
  messages();
  refuse(1, 500);
  // The one that was refused is held as well.
  accepted += fill();
  send("carol", "x");
  rig->wait(1'000);
  EXPECT_EQ(outcomes().size(), accepted);
  EXPECT_EQ(rig->events.log.back(), "room");
  send("bob", "x");
}

TEST_P(PatienceEnd, ClosingWaitsForIt) {
  open();
  send("bob", "a");
  messages();
  refuse(1, 500);
  rig->engine.close();
  EXPECT_EQ(rig->engine.link(), Link::kWanted);
  rig->wait(10'000);
  EXPECT_EQ(outcomes(), Words{"1 REJECTED UNKNOWN_CLIENT"});
  EXPECT_EQ(rig->written(), Words{"goodbye"});
}

TEST_P(PatienceEnd, MayBeGivenWithAnEncodedMessage) {
  open();
  const SendOptions options{.confirm = GetParam()};
  rig->engine.send_encoded(ClientEngine::encode("bob", "a", options), 3'000);
  messages();
  refuse(1, 10'000);
  rig->wait(2'999);
  EXPECT_EQ(outcomes(), Words{});
  rig->wait(1);
  EXPECT_EQ(outcomes(), Words{"1 REJECTED UNKNOWN_CLIENT"});
}

struct SendsAgain : Recorder {
  void on_outcome(std::string_view to, const SendResult& result) override {
    Recorder::on_outcome(to, result);
    if (result.ticket <= 2) engine->send(to, "again", {.unknown_patience_ms = 1'000});
  }
  ClientEngine* engine = nullptr;
};

TEST(PatienceEvents, MaySendToTheNameThatIsGivenUp) {
  SendsAgain events;
  ClientEngine engine({.name = "alice"}, events, 1);
  events.engine = &engine;
  engine.start(0);
  engine.on_link_up(0);
  engine.on_bytes(encode_frame(in_grace(connected_frame())), 0);
  for (int i = 0; i < 2; ++i) engine.send("bob", "first", {.unknown_patience_ms = 1'000});
  std::array<std::string_view, 4> pieces;
  while (const size_t count = engine.output(pieces, 0)) {
    for (size_t i = 0; i < count; ++i) engine.on_written(pieces[i].size(), 0);
  }
  v1::Frame refusal = refusal_frame(1, 1, v1::REASON_UNKNOWN_CLIENT, 60'000);
  refusal.mutable_receipts()->set_seq(1);
  engine.on_bytes(encode_frame(refusal), 0);
  for (uint64_t now = 1'000; now <= 1'002; ++now) engine.on_tick(now);
  EXPECT_EQ(events.outcomes, (Words{"1 REJECTED UNKNOWN_CLIENT", "2 REJECTED UNKNOWN_CLIENT",
                                    "3 REJECTED UNKNOWN_CLIENT", "4 REJECTED UNKNOWN_CLIENT"}));
}

TEST(PatienceOfMany, NamesThatAreForgottenAreProvenAgain) {
  Rig rig;
  rig.open(in_grace(connected_frame()));
  const int names = 70'000;
  for (int i = 0; i < names; ++i) {
    ASSERT_EQ(rig.send("bob" + std::to_string(i), "x"), SendStatus::kAccepted);
    if (i % 1'000 != 999) continue;
    rig.written();
    rig.pong();
    rig.written();
  }
  EXPECT_EQ(rig.engine.unsettled(), 0U);
  for (const char* payload : {"a", "b"}) rig.send("bob69999", payload);
  EXPECT_EQ(rig.written().size(), 3U) << "both, and a ping";
  for (const char* payload : {"a", "b"}) rig.send("bob0", payload);
  rig.pong();
  EXPECT_EQ(rig.written().size(), 2U) << "one, and a ping";
}

}  // namespace
}  // namespace onehop::client
