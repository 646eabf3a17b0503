// Names that nobody owns yet: what an engine sends to prove them, what waits meanwhile, and where it does not.
#include <gtest/gtest.h>

#include "patience_rig.h"

namespace onehop::client {
namespace {

class Patience : public PatienceRig {};
INSTANTIATE_TEST_SUITE_P(, Patience, testing::Values(Confirm::kRefusals, Confirm::kDelivered), level_in_words);

TEST_P(Patience, OneMessageGoesAloneUntilItsNameIsProven) {
  open();
  for (const char* payload : {"a", "b", "c"}) send("bob", payload);
  EXPECT_EQ(rig->written(), (Words{"bob:1=a", "ping"}));
  send("bob", "d");
  EXPECT_EQ(messages(), Words{});
  rig->pong();
  EXPECT_EQ(messages(), (Words{"bob:2=b", "bob:3=c", "bob:4=d"}));
  // From now on nothing is in the way.
  send("bob", "e");
  EXPECT_EQ(messages(), Words{"bob:5=e"});
}

TEST_P(Patience, WhatIsRefusedIsRepeatedBeforeWhatFollowsUntilSomebodyIsThere) {
  open();
  for (const char* payload : {"a", "b"}) send("bob", payload);
  EXPECT_EQ(messages(), Words{"bob:1=a"});
  for (uint64_t id = 1; id <= 4; ++id) {
    refuse(id, 500);
    rig->wait(499);
    EXPECT_EQ(messages(), Words{});
    rig->wait(1);
    EXPECT_EQ(messages(), Words{"bob:" + std::to_string(id + 1) + "=a"});
  }
  send("bob", "c");
  rig->pong();
  EXPECT_EQ(messages(), (Words{"bob:6=b", "bob:7=c"}));
  EXPECT_EQ(outcomes(), confirmed() ? Words{} : Words{"1 ADMITTED"});
  EXPECT_EQ(rig->engine.counts().repeats, 4U);
}

TEST_P(Patience, OtherDestinationsGoOn) {
  open();
  send("bob", "a");
  messages();
  refuse(1);
  send("bob", "b");
  send("carol", "c");
  send("carol", "d");
  EXPECT_EQ(messages(), Words{"carol:2=c"});
  rig->pong();
  EXPECT_EQ(messages(), Words{"carol:3=d"});
}

TEST_P(Patience, WhereTheBrokerDoesNotSayWhenASecondIsWaited) {
  open();
  send("bob", "a");
  messages();
  refuse(1, 0);
  rig->wait(999);
  EXPECT_EQ(messages(), Words{});
  rig->wait(1);
  EXPECT_EQ(messages(), Words{"bob:2=a"});
}

// The one under way is told by its refusal, once its time is over.
TEST_P(Patience, IsNotHadWithABrokerThatExpectsNobody) {
  open({}, lasting_frame());
  for (const char* payload : {"a", "b"}) send("bob", payload);
  EXPECT_EQ(messages(), (Words{"bob:1=a", "bob:2=b"}));
  refuse(1);
  EXPECT_EQ(outcomes()[0], "1 REJECTED UNKNOWN_CLIENT");
}

TEST_P(Patience, IsNotHadAfterTheGrace) {
  open({}, in_grace(lasting_frame(), 5'000));
  EXPECT_EQ(rig->engine.deadline(), rig->now + 5'000);
  rig->wait(4'999);
  send("carol", "a");
  EXPECT_EQ(messages(), Words{"carol:1=a"});
  rig->wait(1);
  for (const char* payload : {"b", "c"}) send("bob", payload);
  EXPECT_EQ(messages(), (Words{"bob:2=b", "bob:3=c"}));
  give_refusal(2, v1::REASON_UNKNOWN_CLIENT, 500);
  EXPECT_EQ(outcomes(), Words{"2 REJECTED UNKNOWN_CLIENT"});
  // One that was proving its name then goes on with it.
  give_refusal(1, v1::REASON_UNKNOWN_CLIENT, 500);
  EXPECT_EQ(outcomes(), Words{"2 REJECTED UNKNOWN_CLIENT"});
}

TEST_P(Patience, IsNotHadWithANameThatWasProven) {
  open();
  send("bob", "a");
  messages();
  rig->pong();
  for (const char* payload : {"b", "c"}) send("bob", payload);
  EXPECT_EQ(messages(), (Words{"bob:2=b", "bob:3=c"}));
  give_refusal(2, v1::REASON_UNKNOWN_CLIENT, 500);
  EXPECT_EQ(outcomes().back(), "2 REJECTED UNKNOWN_CLIENT") << "c may have arrived: b must not come behind it";
}

TEST_P(Patience, IsHadForAWhileAfterALostSession) {
  open({}, lasting_frame());
  rig->engine.on_link_down("cut", rig->now);
  for (const char* payload : {"a", "b"}) send("bob", payload);
  rig->reopen(lasting_frame(8));
  EXPECT_EQ(messages(), Words{"bob:1=a"});
  refuse(1, 0);
  rig->wait(1'000);
  EXPECT_EQ(messages(), Words{"bob:2=a"});
  rig->pong();
  EXPECT_EQ(messages(), Words{"bob:3=b"});
  rig->wait(9'000);
  send("carol", "c");
  send("carol", "d");
  EXPECT_EQ(messages(), (Words{"carol:4=c", "carol:5=d"}));
}

TEST_P(Patience, IsNotHadAfterAResume) {
  open({}, lasting_frame());
  rig->engine.on_link_down("cut", rig->now);
  rig->reopen(resumed_frame());
  for (const char* payload : {"a", "b"}) send("bob", payload);
  EXPECT_EQ(messages(), (Words{"bob:1=a", "bob:2=b"}));
}

TEST_P(Patience, IsHadByAProcessThatTakesASessionOver) {
  const SavedSession saved{.name = "alice", .session = 7, .token = "ticket", .attempt = 3};
  open({.resume = saved}, in_grace(resumed_frame()));
  for (const char* payload : {"a", "b"}) send("bob", payload);
  EXPECT_EQ(messages(), Words{"bob:1=a"});
  open({.resume = saved}, lasting_frame(8));
  for (const char* payload : {"a", "b"}) send("bob", payload);
  EXPECT_EQ(messages(), Words{"bob:1=a"}) << "the session is gone: so may be that of others";
}

TEST_P(Patience, IsHadAtTheStartOnlyByThoseWhoWantIt) {
  open({.patient_at_start = false});
  for (const char* payload : {"a", "b"}) send("bob", payload);
  EXPECT_EQ(messages(), (Words{"bob:1=a", "bob:2=b"}));
  rig->engine.on_link_down("cut", rig->now);
  rig->reopen(in_grace(lasting_frame(8)));
  for (const char* payload : {"c", "d"}) send("bob", payload);
  EXPECT_EQ(messages(), Words{"bob:1=c"});
}

TEST_P(Patience, LastsThroughABrokenConnection) {
  open({.repeat_unknown = true});
  for (const char* payload : {"a", "b"}) send("bob", payload);
  EXPECT_EQ(messages(), Words{"bob:1=a"});
  // The answer to it is lost with the connection.
  rig->engine.on_link_down("cut", rig->now);
  rig->reopen(resumed_frame(1));
  EXPECT_EQ(rig->written(), Words{"ping"});
  if (confirmed()) give_refusal(1, v1::REASON_UNKNOWN_CLIENT, 500);
  messages();
  rig->pong();
  rig->wait(500);
  EXPECT_EQ(messages(), confirmed() ? Words{"bob:2=a"} : Words{"bob:2=a again"});
  refuse(2, 500);
  rig->wait(500);
  EXPECT_EQ(messages(), confirmed() ? Words{"bob:3=a"} : Words{"bob:3=a again"});
  rig->pong();
  EXPECT_EQ(messages(), Words{"bob:4=b"});
}

TEST_P(Patience, GoesOnAfterAConnectionThatBrokeBeforeItsAnswerCame) {
  open({.repeat_unknown = true});
  for (const char* payload : {"a", "b", "c"}) send("bob", payload);
  EXPECT_EQ(messages(), Words{"bob:1=a"});
  for (int broken = 0; broken < 3; ++broken) {
    rig->engine.on_link_down("cut", rig->now);
    rig->reopen(resumed_frame(1));
    EXPECT_EQ(rig->written(), Words{"ping"});
  }
  rig->pong();
  EXPECT_EQ(messages(), confirmed() ? Words{"bob:2=b"} : Words{"bob:2=a again"});
  rig->pong();
  EXPECT_EQ(messages(), confirmed() ? Words{"bob:3=c"} : (Words{"bob:3=b", "bob:4=c"}));
}

TEST_P(Patience, BeginsAnewWithAnotherBroker) {
  open({.repeat_unknown = true});
  for (const char* payload : {"a", "b"}) send("bob", payload, 10'000);
  messages();
  refuse(1, 500);
  rig->wait(9'000);
  messages();
  rig->engine.on_link_down("cut", rig->now);
  rig->reopen(in_grace(lasting_frame(8)));
  seq = 0;
  EXPECT_EQ(messages().size(), 1U);
  refuse(1, 500);
  rig->wait(9'500);
  EXPECT_EQ(outcomes(), Words{});
  messages();
  refuse(2, 500);
  rig->wait(500);
  EXPECT_EQ(outcomes().size(), 2U);
}

TEST_P(Patience, AFullQueueProvesTheName) {
  open();
  for (const char* payload : {"a", "b"}) send("bob", payload);
  messages();
  give_refusal(1, v1::REASON_QUEUE_FULL, 500);
  answer_pings();
  rig->give(flow_frame("bob", v1::STATE_RESUME));
  EXPECT_EQ(messages(), (Words{"bob:2=a", "bob:3=b"}));
}

TEST_P(Patience, ABusyBrokerProvesNothing) {
  open();
  for (const char* payload : {"a", "b"}) send("bob", payload);
  messages();
  give_refusal(1, v1::REASON_BROKER_BUSY, 500);
  answer_pings();
  rig->wait(500);
  EXPECT_EQ(messages(), Words{"bob:2=a"});
  refuse(2, 500);
  rig->wait(500);
  EXPECT_EQ(messages(), Words{"bob:3=a"});
}

// A RESUME comes also when a recipient is gone.
TEST_P(Patience, AResumeProvesNothing) {
  open();
  for (const char* payload : {"a", "b"}) send("bob", payload);
  messages();
  rig->give(flow_frame("bob", v1::STATE_RESUME));
  EXPECT_EQ(messages(), Words{});
  refuse(1, 500);
  rig->give(flow_frame("bob", v1::STATE_RESUME));
  EXPECT_EQ(messages(), Words{"bob:2=a"});
}

// An event may send to the name whose messages are just being given up.
// A name that is forgotten, because there are too many, is proven again.

}  // namespace
}  // namespace onehop::client
