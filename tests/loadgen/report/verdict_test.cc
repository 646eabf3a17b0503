// Tests of the verdict: what makes a run fail, what --allow permits, and which exit code comes first.
#include "loadgen/report/verdict.h"

#include <gtest/gtest.h>

namespace onehop::loadgen {
namespace {

using Lines = std::vector<std::string>;

// A run with which nothing is wrong.
RunResult good() {
  RunResult run;
  run.account.sent = run.account.delivered = 1000;
  run.latency.record(1'000'000, 1000);
  return run;
}

// A run in which one message was not delivered, and had this fate.
RunResult with_one(uint64_t Account::*count) {
  RunResult run = good();
  --run.account.delivered;
  ++(run.account.*count);
  return run;
}

TEST(Verdict, ARunThatHasDoneAllIsGood) {
  EXPECT_EQ(failures(good()), Lines());
  EXPECT_EQ(exit_code_of(good()), kGood);
}

TEST(Verdict, EveryWayNotToBeDeliveredFails) {
  for (const auto& [count, words] : {std::pair{&Account::rejected, "1 rejected"},
                                     {&Account::expired, "1 expired"},
                                     {&Account::lost, "1 lost"},
                                     {&Account::unknown, "1 unknown"},
                                     {&Account::not_sent, "1 not sent"},
                                     {&Account::not_arrived, "1 not arrived within --drain"},
                                     {&Account::unexplained, "1 UNEXPLAINED"}}) {
    const RunResult run = with_one(count);
    EXPECT_EQ(failures(run), Lines{std::string("1 of 1,000 planned messages were not delivered: ") + words});
    EXPECT_EQ(exit_code_of(run), kFailed);
  }
}

TEST(Verdict, WhatWasNeverIssuedFails) {
  RunResult run = good();
  run.generator.missed_arrivals = 10;
  EXPECT_EQ(failures(run), Lines{"10 of 1,010 planned messages were not delivered: 10 never issued"});
  EXPECT_EQ(exit_code_of(run), kFailed);
  run.void_reasons = {"late"};
  EXPECT_EQ(exit_code_of(run), kVoid) << "it is the generator's own fault";
}

TEST(Verdict, NothingProvesNothing) {
  RunResult run;
  EXPECT_EQ(failures(run), Lines{"no message was due, so that nothing was measured"});
  EXPECT_EQ(exit_code_of(run), kFailed);
  run.settings["workload"] = "idle";
  EXPECT_EQ(exit_code_of(run), kGood) << "it is about connections";
}

TEST(Verdict, EveryFaultFails) {
  for (uint64_t Account::*count :
       {&Account::duplicates, &Account::out_of_order, &Account::corrupted, &Account::misdirected, &Account::untold,
        &Account::contradicted, &Account::not_told}) {
    RunResult run = good();
    ++(run.account.*count);
    EXPECT_EQ(failures(run).size(), 1u);
    EXPECT_EQ(exit_code_of(run), kFailed);
  }
  for (uint64_t Connections::*count : {&Connections::unopened, &Connections::broken, &Connections::silent}) {
    RunResult run = good();
    ++(run.connections.*count);
    EXPECT_EQ(failures(run).size(), 1u);
    EXPECT_EQ(exit_code_of(run), kFailed);
  }
}

TEST(Verdict, AllowPermitsWhatItNamesAndNoMore) {
  RunResult run = with_one(&Account::lost);
  run.allowed = {"rejected<5%"};
  EXPECT_EQ(exit_code_of(run), kFailed);
  run.allowed = {"lost<0.1%"};
  EXPECT_EQ(failures(run),
            Lines{"1 of 1,000 planned messages were not delivered: 1 lost (more than 'lost<0.1%' allows)"});
  run.allowed = {"lost<=0.1%"};
  EXPECT_EQ(exit_code_of(run), kGood);
  run.allowed = {"undelivered<1%"};
  EXPECT_EQ(exit_code_of(run), kGood);
  // If there are several conditions, all must hold.
  run.allowed = {"undelivered<1%", "lost<1"};
  EXPECT_EQ(exit_code_of(run), kFailed);
  run.allowed = {"lost<1%"};
  run.connections.broken = 2;
  EXPECT_EQ(failures(run), Lines{"2 connections broke"});
  run.allowed.emplace_back("broken<=2");
  EXPECT_EQ(exit_code_of(run), kGood);
}

TEST(Verdict, WhatCannotBeIsNotAmongTheUndelivered) {
  RunResult run = with_one(&Account::unexplained);
  run.allowed = {"undelivered<50%"};
  EXPECT_EQ(exit_code_of(run), kFailed);
  run.allowed = {"unexplained<=1"};
  EXPECT_EQ(exit_code_of(run), kGood) << "in so many words";
}

TEST(Verdict, WhatSlowReadersAreRefusedIsMeant) {
  RunResult run = with_one(&Account::rejected);
  run.account.provoked.rejected = 1;
  EXPECT_EQ(exit_code_of(run), kGood);
  ++run.account.rejected;
  --run.account.delivered;
  EXPECT_EQ(failures(run), Lines{"1 of 1,000 planned messages were not delivered: 1 rejected"});
}

TEST(Verdict, TheOrderOfTheCodes) {
  RunResult run = good();
  run.thresholds = {{"p99<1us", 1e6, false, false}};
  EXPECT_EQ(exit_code_of(run), kFailed);
  run.void_reasons = {"busy"};
  EXPECT_EQ(exit_code_of(run), kVoid);
  run.account.lost = 1;
  EXPECT_EQ(exit_code_of(run), kFailed);
  run.interrupted = true;
  EXPECT_EQ(exit_code_of(run), kInterrupted);
  run.account.duplicates = 1;
  EXPECT_EQ(exit_code_of(run), kFailed);
}

TEST(Verdict, ASearchIsJudgedByWhatItFound) {
  RunResult run = with_one(&Account::lost);  // The best step, which did not hold.
  run.capacity = Capacity{"p99<5ms", "", 0, 500, false, {}};
  EXPECT_EQ(exit_code_of(run), kFailed);
  EXPECT_EQ(failures(run).size(), 1u);
  run = good();
  run.capacity = Capacity{"p99<5ms", "", 500, 1000, false, {}};
  EXPECT_EQ(exit_code_of(run), kGood);
  run.capacity->unfinished = "cannot connect";
  EXPECT_EQ(failures(run), Lines{"the search for the capacity ended before it had found it: cannot connect"});
  EXPECT_EQ(exit_code_of(run), kFailed);
  run.interrupted = true;
  EXPECT_EQ(exit_code_of(run), kInterrupted);
}

}  // namespace
}  // namespace onehop::loadgen
