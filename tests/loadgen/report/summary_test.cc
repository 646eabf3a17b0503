// Tests of the summary: the figures are there, what is wrong is loud and last, and foreign text cannot steer a
// terminal.
#include <gtest/gtest.h>

#include <limits>
#include <sstream>

#include "loadgen/report/report.h"
#include "sample_run.h"
#include "says.h"

namespace onehop::loadgen {
namespace {

std::string line_with(const std::string& text, const std::string& start) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.rfind(start, 0) == 0) return line;
  }
  return "";
}

TEST(Summary, AGoodRunIsTold) {
  RunResult run = sample_run(1);
  run.latency.clear();
  run.latency.record(1'230'000, 1000);
  const std::string text = to_summary(run);
  EXPECT_TRUE(says(line_with(text, "run"), "pairs, clients 100, rate 5000, arrivals constant, size 128")) << text;
  EXPECT_TRUE(says(line_with(text, "target"), "onehop://127.0.0.1:7411 (onehop 1.2.3)")) << text;
  EXPECT_TRUE(says(line_with(text, "started"), "2026-09-21T14:13:20.125Z on measuring-1")) << text;
  EXPECT_TRUE(says(line_with(text, "latency"), "1.23 ms    1.23 ms    1.23 ms")) << text;
  EXPECT_TRUE(says(line_with(text, "rate"), "5,000/s wanted, 4,999/s delivered, 20.0 s")) << text;
  EXPECT_TRUE(says(line_with(text, "messages"), "100,000 sent, 99,985 delivered, 12 rejected, 3 expired")) << text;
  EXPECT_TRUE(says(text, "12 REJECTED QUEUE_FULL")) << text;
  EXPECT_TRUE(says(line_with(text, "connections"), "104 opened, 2 FAILED, 4 BROKEN (last: connection reset by peer)"));
  EXPECT_TRUE(says(line_with(text, "generator"), "2 threads, 3.8 s of CPU, busiest 11 %")) << text;
  EXPECT_TRUE(says(line_with(text, "kept"), "p99<500ms: ")) << text;
  for (const char* bad : {"FAILED:", "VOID", "NOT KEPT", "FAULT", "lost,", "closed loop", "INTERRUPTED", "capacity"}) {
    EXPECT_FALSE(says(text, bad)) << bad;
  }
}

TEST(Summary, ColumnsStandUnderEachOther) {
  const std::string text = to_summary(sample_run(1));
  // "µ" has two bytes and takes one place.
  const auto places = [](const std::string& line) {
    size_t count = 0;
    for (const char c : line) count += (c & 0xC0) != 0x80;
    return count;
  };
  const size_t width = places(line_with(text, "                       p50"));
  ASSERT_GT(width, 50u) << text;
  for (const char* row : {"latency", "uncorrected", "confirm", "connect ", "slow readers"}) {
    EXPECT_EQ(places(line_with(text, row)), width) << text;
  }
}

TEST(Summary, OnlyWhatWasTimedHasARow) {
  RunResult run = sample_run(1);
  run.confirm_latency.clear();
  run.slow_latency.clear();
  const std::string text = to_summary(run);
  EXPECT_EQ(line_with(text, "confirm"), "");
  EXPECT_EQ(line_with(text, "slow readers"), "");
  EXPECT_NE(line_with(text, "uncorrected"), "");
}

TEST(Summary, AClosedLoopIsLabelled) {
  RunResult run = sample_run(1);
  run.open_loop = false;
  run.wanted_rate = 0;
  const std::string text = to_summary(run);
  EXPECT_TRUE(says(line_with(text, "closed loop"), "latencies leave out what waiting senders did not send")) << text;
  EXPECT_FALSE(says(text, "wanted"));
}

TEST(Summary, FaultsAreLoud) {
  RunResult run = sample_run(1);
  run.account.unexplained = 3;
  run.account.duplicates = 2;
  const std::string text = to_summary(run);
  EXPECT_TRUE(says(line_with(text, "messages"), "3 UNEXPLAINED")) << text;
  EXPECT_TRUE(says(line_with(text, "FAULT"), "2 duplicates")) << text;
  EXPECT_TRUE(says(text, "\nFAILED: 3 of 100,000 planned messages were not delivered: 3 UNEXPLAINED\n")) << text;
  EXPECT_TRUE(says(text, "\nFAILED: 2 messages were delivered more than once\n")) << text;
  EXPECT_TRUE(says(text, "A target must not do such things")) << text;
}

TEST(Summary, WhatNeverCameIsNever) {
  RunResult run = sample_run(1);
  run.latency.clear();
  run.latency.record(1'000'000, 985);
  run.latency.record_never(15);
  run.thresholds = {{"p99<1s", std::numeric_limits<double>::infinity(), false, false}};
  run.allowed.clear();
  const std::string text = to_summary(run);
  EXPECT_TRUE(
      says(line_with(text, "latency"), "1.00 ms    1.00 ms      never      never      never      never      never"))
      << text;
  EXPECT_TRUE(says(line_with(text, "NOT KEPT"), "p99<1s: never")) << text;
  EXPECT_TRUE(says(text, "FAILED: 15 of 100,000 planned messages were not delivered: 12 rejected, 3 expired\n"))
      << text;
  EXPECT_TRUE(says(text, "FAILED: 4 connections broke\n")) << text;
}

TEST(Summary, WhatLagHasSpoiledIsSaid) {
  RunResult run = sample_run(1);
  run.latency.clear();
  run.generator.lag.clear();
  run.latency.record(1'000'000, 990);
  run.latency.record(90'000'000, 10);
  run.generator.lag.record(10'000, 995);
  run.generator.lag.record(80'000'000, 5);
  run.thresholds = {{"p99.9<50ms", 90e6, false, true}};
  const std::string text = to_summary(run);
  EXPECT_TRUE(says(line_with(text, "latency"), "1.00 ms    1.00 ms    1.00 ms    spoiled    spoiled    spoiled"))
      << text;
  EXPECT_TRUE(says(line_with(text, "spoiled"), "p99.9 80.0 ms, p99.99 80.0 ms, max 80.0 ms")) << text;
  EXPECT_TRUE(says(line_with(text, "SPOILED"), "p99.9<50ms: 90.0 ms")) << text;
  EXPECT_FALSE(says(text, "NOT KEPT")) << text;
}

TEST(Summary, AnInterruptedSearchClaimsNothing) {
  RunResult run = sample_run(1);
  run.interrupted = true;
  run.capacity = sample_capacity(1);
  run.capacity->unfinished = "interrupted";
  const std::string text = to_summary(run);
  EXPECT_TRUE(says(line_with(text, "knee"), "not found: the search ended early (interrupted)")) << text;
  EXPECT_TRUE(says(text, "\nINTERRUPTED: ")) << text;
  EXPECT_TRUE(says(text, "\nFAILED: the search for the capacity ended before it had found it")) << text;
}

TEST(Summary, VoidStandsLastWithItsReasons) {
  RunResult run = sample_run(1);
  run.void_reasons = {"a thread was busy", "the lag was long"};
  run.thresholds[1] = {"lost==0", 2, false};
  const std::string text = to_summary(run);
  EXPECT_TRUE(says(line_with(text, "NOT KEPT"), "lost==0: 2")) << text;
  const size_t at = text.find("\nVOID: the generator was the limit");
  ASSERT_NE(at, std::string::npos) << text;
  EXPECT_EQ(text.substr(text.find('\n', at + 1)), "\n  a thread was busy\n  the lag was long\n");
}

TEST(Summary, TheCapacityIsATableInTheOrderOfRates) {
  RunResult run = sample_run(1);
  run.capacity = sample_capacity(1);
  const std::string text = to_summary(run);
  EXPECT_LT(text.find("60,000/s"), text.find("62,000/s"));
  EXPECT_LT(text.find("62,000/s"), text.find("80,000/s"));
  EXPECT_TRUE(says(text, "NOT: p99<5ms was not kept, and the backlog grew")) << text;
  EXPECT_TRUE(says(line_with(text, "knee"), "p99<5ms held up to 60,000/s, and no longer at 62,000/s")) << text;
  run.capacity->generator_was_limit = true;
  EXPECT_TRUE(says(to_summary(run), "the generator was the limit: the target may carry more"));
  run.capacity->rate = 0;
  EXPECT_TRUE(says(to_summary(run), "did not hold at any rate that was tried"));
}

TEST(Summary, ForeignTextCannotSteerTheTerminal) {
  RunResult run = sample_run(1);
  run.server = run.connections.last_problem = "\x1b[2J\nkept";
  run.reasons["\x1b]0;x\x07"] = 1;
  run.void_reasons = {"\x1b[31m"};
  run.capacity = sample_capacity(1);
  run.capacity->steps[7].why_not = "\x1b[0m\r";
  const std::string text = to_summary(run);
  for (const char c : {'\x1b', '\x07', '\r'}) EXPECT_EQ(text.find(c), std::string::npos);
  EXPECT_TRUE(says(text, "\\x1b[2J\\x0akept"));
}

TEST(Summary, AnEmptyRunHasOne) {
  EXPECT_TRUE(says(to_summary(RunResult()), "0 sent, 0 delivered"));
}

}  // namespace
}  // namespace onehop::loadgen
