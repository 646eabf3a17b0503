// What a client engine does about flow control: PAUSE and RESUME, the gate, a busy broker.
#include <gtest/gtest.h>

#include "engine_rig.h"

namespace onehop::client {
namespace {

TEST(EnginePause, HoldsOneDestinationUntilResume) {
  Rig rig;
  rig.open();
  rig.give(flow_frame("bob", v1::STATE_PAUSE, 1'000));
  rig.send("bob", "a");
  rig.send("carol", "b");
  rig.send("bob", "c");
  EXPECT_EQ(rig.written(), (Words{"carol:1=b", "ping"}));
  rig.give(flow_frame("bob", v1::STATE_RESUME));
  // No gate was closed, so none is opened.
  EXPECT_EQ(rig.written(), (Words{"bob:2=a", "bob:3=c"}));
  rig.send("bob", "d");
  EXPECT_EQ(rig.written(), Words{"bob:4=d"});
}

TEST(EnginePause, TriesOneMessageWhenTheLeaseRunsOut) {
  Rig rig;
  rig.open();
  rig.give(flow_frame("bob", v1::STATE_PAUSE, 1'000));
  for (const char* payload : {"a", "b", "c"}) rig.send("bob", payload);
  EXPECT_EQ(rig.engine.deadline(), rig.now + 1'000);
  rig.wait(999);
  EXPECT_TRUE(rig.written().empty());
  rig.wait(1);
  EXPECT_EQ(rig.written(), (Words{"bob:1=a", "ping"}));
  rig.pong();
  EXPECT_EQ(rig.written(), (Words{"bob:2=b", "bob:3=c", "ping"}));
  EXPECT_EQ(rig.events.outcomes, Words{"1 ADMITTED"});
}

TEST(EnginePause, AgainDuringTheTryHoldsTheRest) {
  Rig rig;
  rig.open();
  rig.give(flow_frame("bob", v1::STATE_PAUSE, 1'000));
  for (const char* payload : {"a", "b", "c"}) rig.send("bob", payload);
  rig.wait(1'000);
  EXPECT_EQ(rig.written(), (Words{"bob:1=a", "ping"}));
  rig.give(flow_frame("bob", v1::STATE_PAUSE, 1'000));
  rig.pong();
  EXPECT_TRUE(rig.written().empty());
  rig.give(flow_frame("bob", v1::STATE_RESUME));
  EXPECT_EQ(rig.written(), (Words{"bob:2=b", "bob:3=c", "ping"}));
}

TEST(EngineGate, RepeatsInOrderWithNewIdsBehindAResume) {
  Rig rig;
  rig.open();
  for (const char* payload : {"a", "b", "c"}) rig.send("bob", payload);
  EXPECT_EQ(rig.written(), (Words{"bob:1=a", "bob:2=b", "bob:3=c", "ping"}));
  for (const char* payload : {"d", "e"}) rig.send("bob", payload);
  EXPECT_EQ(rig.written(), (Words{"bob:4=d", "bob:5=e"}));
  // Only the first refusals are known; those of 4 and 5 are still on their way.
  rig.give(refusal_frame(2, 3, v1::REASON_QUEUE_FULL, 1'000));
  rig.send("bob", "f");
  rig.send("carol", "x");
  EXPECT_EQ(rig.written(), Words{"carol:6=x"});
  rig.give(flow_frame("bob", v1::STATE_RESUME));
  EXPECT_TRUE(rig.written().empty()) << "the gate must not be opened before the refusals of 4 and 5 are known";
  rig.pong();
  EXPECT_EQ(rig.written(), Words{"ping"});
  rig.give(refusal_frame(4, 5, v1::REASON_QUEUE_FULL, 1'000));
  EXPECT_EQ(rig.events.outcomes, Words{"1 ADMITTED"});
  // Those of 4 and 5 came after that ping was written: their barrier is the next. RESUME need not come again.
  rig.pong();
  EXPECT_EQ(rig.written(), Words{"ping"});
  rig.pong();
  EXPECT_EQ(rig.written(), (Words{"resume bob", "bob:7=b", "bob:8=c", "bob:9=d", "bob:10=e", "bob:11=f", "ping"}));
  rig.pong();
  EXPECT_EQ(rig.events.outcomes.size(), 7U);
  EXPECT_EQ(rig.events.outcomes.back(), "6 ADMITTED");
  EXPECT_EQ(rig.engine.unsettled(), 0U);
}

TEST(EngineGate, TriesOneMessageAtOnceThenWaitsAsLongAsItWasTold) {
  Rig rig;
  rig.open();
  for (const char* payload : {"a", "b"}) rig.send("bob", payload);
  rig.written();
  rig.give(refusal_frame(1, 2, v1::REASON_QUEUE_FULL, 500));
  rig.written();
  rig.pong();
  EXPECT_EQ(rig.written(), Words{"ping"});
  rig.pong();
  EXPECT_EQ(rig.written(), (Words{"resume bob", "bob:3=a", "ping"}));
  rig.give(refusal_frame(3, 3, v1::REASON_QUEUE_FULL, 500));
  rig.pong();
  EXPECT_EQ(rig.written(), Words{"ping"});
  rig.pong();
  rig.wait(499);
  EXPECT_TRUE(rig.written().empty());
  rig.wait(1);
  EXPECT_EQ(rig.written(), (Words{"resume bob", "bob:4=a", "ping"}));
  rig.pong();
  EXPECT_EQ(rig.written(), (Words{"bob:5=b", "ping"}));
  rig.pong();
  EXPECT_EQ(rig.events.outcomes, (Words{"1 ADMITTED", "2 ADMITTED"}));
  EXPECT_EQ(rig.events.results[0].id, 4U);
}

TEST(EngineGate, WaitsForResumeWhereItWasToldToPause) {
  Rig rig;
  rig.open();
  for (const char* payload : {"a", "b"}) rig.send("bob", payload);
  rig.written();
  rig.give(flow_frame("bob", v1::STATE_PAUSE, 500));
  rig.give(refusal_frame(1, 2, v1::REASON_QUEUE_FULL, 500));
  rig.pong();
  EXPECT_EQ(rig.written(), Words{"ping"});
  rig.pong();
  EXPECT_TRUE(rig.written().empty());
  rig.give(flow_frame("bob", v1::STATE_RESUME));
  EXPECT_EQ(rig.written(), (Words{"resume bob", "bob:3=a", "bob:4=b", "ping"}));
}

TEST(EngineGate, WhatBecameUnknownMeanwhileIsToldOneByOne) {
  Rig rig;
  rig.open();
  for (const char* payload : {"a", "b"}) rig.send("bob", payload);
  rig.written();
  rig.give(refusal_frame(1, 2, v1::REASON_QUEUE_FULL, 500));
  rig.give(flow_frame("bob", v1::STATE_RESUME));
  rig.pong();
  rig.written();
  rig.pong();
  EXPECT_EQ(rig.written(), (Words{"resume bob", "bob:3=a", "bob:4=b", "ping"}));
  rig.give(refusal_frame(3, 4, v1::REASON_UNKNOWN_CLIENT));
  EXPECT_EQ(rig.events.outcomes, (Words{"1 REJECTED UNKNOWN_CLIENT", "2 REJECTED UNKNOWN_CLIENT"}));
}

TEST(EngineBusy, RepeatsWithoutOpeningAGate) {
  Rig rig;
  rig.open();
  rig.send("bob", "a");
  rig.written();
  rig.give(refusal_frame(1, 1, v1::REASON_BROKER_BUSY, 200));
  rig.send("bob", "b");
  rig.pong();
  EXPECT_EQ(rig.written(), Words{"ping"});
  rig.pong();
  rig.wait(200);
  EXPECT_EQ(rig.written(), (Words{"bob:2=a", "ping"}));
  rig.pong();
  EXPECT_EQ(rig.written(), (Words{"bob:3=b", "ping"}));
}

}  // namespace
}  // namespace onehop::client
