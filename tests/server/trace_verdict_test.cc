// Would a message arrive? Every answer, and which comes first.
#include "server/trace_verdict.h"

#include <gtest/gtest.h>

namespace onehop::server {
namespace {

struct Case {
  RouteFacts facts{true, false, true, 0, 1'000};
  Trace trace;
  Case() {
    trace.from.emplace();
    trace.to.emplace();
    trace.to->connected = true;
  }
  const Trace& judged() {
    judge(facts, trace);
    return trace;
  }
};

TEST(TraceVerdict, NothingStandsInTheWay) {
  Case c;
  EXPECT_TRUE(c.judged().would_arrive);
  EXPECT_EQ(c.trace.reason, Reason::kNone);
  EXPECT_EQ(c.trace.why, "nothing stands in the way");
}

TEST(TraceVerdict, TheFirstThatTheBrokerLooksAtDecides) {
  Case c;
  c.facts.memory_stage = 1;
  EXPECT_EQ(c.judged().reason, Reason::kBrokerBusy);
  c.trace.to->queue_bytes = 1'000;
  EXPECT_EQ(c.judged().reason, Reason::kQueueFull);
  EXPECT_NE(c.trace.why.find("limit"), std::string::npos);
  c.trace.gate_closed = true;
  EXPECT_EQ(c.judged().reason, Reason::kQueueFull);
  EXPECT_NE(c.trace.why.find("gate"), std::string::npos);
  c.trace.to.reset();
  EXPECT_EQ(c.judged().reason, Reason::kUnknownClient);
  c.facts.draining = true;
  EXPECT_EQ(c.judged().reason, Reason::kShuttingDown);
  EXPECT_FALSE(c.trace.would_arrive);
}

TEST(TraceVerdict, ASenderThatMayNotIsToldSoBeforeAllElse) {
  Case c;
  c.facts.permission = core::KnownPermission::kUnknown;
  EXPECT_TRUE(c.judged().would_arrive);
  EXPECT_NE(c.trace.why.find("asked"), std::string::npos);
  c.facts.permission = core::KnownPermission::kDenied;
  c.facts.draining = true;
  c.trace.to.reset();
  EXPECT_EQ(c.judged().reason, Reason::kNotAuthorized);
  EXPECT_FALSE(c.trace.would_arrive);
}

TEST(TraceVerdict, SaysWhatBecameOfOneThatIsGone) {
  Case c;
  c.trace.to.reset();
  EXPECT_EQ(c.judged().why, "no client has the name");
  c.trace.last_end.emplace().code = Code::kSlowConsumer;
  EXPECT_NE(c.judged().why.find("SLOW_CONSUMER"), std::string::npos);
}

TEST(TraceVerdict, WhatOnlyWaitsArrives) {
  Case c;
  c.trace.from.reset();
  EXPECT_TRUE(c.judged().would_arrive);
  EXPECT_NE(c.trace.why.find("the sender is not connected"), std::string::npos);
  c.trace.paused = true;
  EXPECT_NE(c.judged().why.find("pause"), std::string::npos);
  c.facts.window_open = false;
  EXPECT_NE(c.judged().why.find("window is full"), std::string::npos);
  c.trace.to->connected = false;
  EXPECT_NE(c.judged().why.find("away"), std::string::npos);
  EXPECT_TRUE(c.trace.would_arrive);
}

TEST(TraceVerdict, AShardThatDoesNotAnswerIsSaidSo) {
  Case c;
  c.facts.answered = false;
  EXPECT_FALSE(c.judged().would_arrive);
  EXPECT_NE(c.trace.why.find("does not answer"), std::string::npos);
}

}  // namespace
}  // namespace onehop::server
