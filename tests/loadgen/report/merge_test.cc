// Tests of merging: histograms and series add up to what one run would have found, and doubts are named.
#include <gtest/gtest.h>

#include "loadgen/report/report.h"
#include "loadgen/report/verdict.h"
#include "sample_run.h"

namespace onehop::loadgen {
namespace {

using Warnings = std::vector<std::string>;

Warnings all_of(const MergeDoubts& doubts) {
  Warnings all = doubts.serious;
  all.insert(all.end(), doubts.others.begin(), doubts.others.end());
  return all;
}

// A run of the same work at the same time from another machine.
RunResult part(uint64_t seed) {
  RunResult run = sample_run(seed);
  run.host.name = "measuring-" + std::to_string(seed);
  run.id = std::to_string(seed);
  return run;
}

bool warns(const Warnings& warnings, const std::string& words) {
  for (const std::string& warning : warnings) {
    if (warning.find(words) != std::string::npos) return true;
  }
  return false;
}

TEST(Merge, HistogramsAreThoseOfOneThatSawAll) {
  RunResult a = part(1), b = part(2), all = part(1);
  for (Histogram RunResult::*histogram : {&RunResult::latency, &RunResult::uncorrected, &RunResult::confirm_latency,
                                          &RunResult::connect_latency, &RunResult::slow_latency}) {
    (a.*histogram).clear();
    (b.*histogram).clear();
    (all.*histogram).clear();
    for (uint64_t i = 1; i < 5000; ++i) {
      const uint64_t value = i * i * 37 % 9'000'000;
      ((i % 3 == 0 ? a : b).*histogram).record(value);
      (all.*histogram).record(value);
    }
  }
  MergeDoubts doubts;
  const RunResult sum = merge({a, b}, doubts);
  EXPECT_TRUE(sum.latency == all.latency);
  EXPECT_TRUE(sum.uncorrected == all.uncorrected);
  EXPECT_TRUE(sum.confirm_latency == all.confirm_latency);
  EXPECT_TRUE(sum.connect_latency == all.connect_latency);
  EXPECT_TRUE(sum.slow_latency == all.slow_latency);
  EXPECT_EQ(all_of(doubts), Warnings());
}

TEST(Merge, AccountsRatesAndGeneratorsAddUpAndTheWorstStays) {
  RunResult a = part(1), b = part(2);
  b.duration_s = 21.5;
  b.generator.busiest_thread = 0.9;
  b.generator.waiting_for_cpu = 0.001;
  b.generator.missed_arrivals = 5;
  b.account.lost = 3;
  b.account.untold = 2;
  b.interrupted = true;
  b.reasons = {{"EXPIRED", 4}, {"LOST", 3}};
  MergeDoubts doubts;
  const RunResult sum = merge({a, b}, doubts);
  EXPECT_EQ(sum.parts, 2u);
  EXPECT_EQ(sum.wanted_rate, 10'000);
  EXPECT_EQ(sum.achieved_rate, 2 * 4999.25);
  EXPECT_EQ(sum.duration_s, 21.5);
  EXPECT_EQ(sum.account.sent, 200'000u);
  EXPECT_EQ(sum.account.rejected, 24u);
  EXPECT_EQ(sum.account.lost, 3u);
  EXPECT_EQ(sum.account.untold, 2u);
  EXPECT_EQ(sum.reasons, (std::map<std::string, uint64_t>{{"EXPIRED", 7}, {"LOST", 3}, {"REJECTED QUEUE_FULL", 12}}));
  EXPECT_EQ(sum.connections.opened, 208u);
  EXPECT_EQ(sum.connections.broken, 8u);
  EXPECT_EQ(sum.generator.threads, 4u);
  EXPECT_EQ(sum.generator.cpu_s, 7.5);
  EXPECT_EQ(sum.generator.busiest_thread, 0.9);
  EXPECT_EQ(sum.generator.waiting_for_cpu, 0.0125);
  EXPECT_EQ(sum.generator.missed_arrivals, 5u);
  EXPECT_EQ(sum.generator.lag.count(), a.generator.lag.count() + b.generator.lag.count());
  EXPECT_TRUE(sum.interrupted);
  EXPECT_TRUE(sum.thresholds.empty());
  EXPECT_EQ(sum.host.name, "measuring-1, measuring-2");
  auto settings = a.settings;
  settings["clients"] = "200";
  settings["rate"] = "10000";
  EXPECT_EQ(sum.settings, settings);
}

TEST(Merge, SecondsAreAlignedByTheClock) {
  RunResult early = part(1), late = part(2);
  late.started_unix_s = early.started_unix_s + 2.1;
  MergeDoubts doubts;
  const RunResult sum = merge({late, early}, doubts);
  EXPECT_EQ(sum.started_unix_s, early.started_unix_s);
  ASSERT_EQ(sum.series.size(), 22u);
  for (size_t i = 0; i < 22; ++i) {
    const uint64_t expected = (i < 20 ? early.series[i].delivered : 0) + (i >= 2 ? late.series[i - 2].delivered : 0);
    EXPECT_EQ(sum.series[i].at_s, static_cast<double>(i));
    EXPECT_EQ(sum.series[i].delivered, expected) << i;
    EXPECT_EQ(sum.series[i].latency.count(), expected) << i;
  }
  EXPECT_EQ(sum.series[5].in_flight, early.series[5].in_flight + late.series[3].in_flight);
  EXPECT_EQ(sum.series[5].lag_max, std::max(early.series[5].lag_max, late.series[3].lag_max));
  EXPECT_TRUE(warns(all_of(doubts), "the runs started up to 2.1 s apart"));
}

TEST(Merge, OneVoidPartVoidsTheSum) {
  RunResult a = part(1), b = part(2);
  b.void_reasons = {"a thread was busy"};
  MergeDoubts doubts;
  const RunResult sum = merge({a, b}, doubts);
  EXPECT_EQ(sum.void_reasons, Warnings{"run 2 (measuring-2): a thread was busy"});
  EXPECT_EQ(exit_code_of(sum), kVoid);
}

TEST(Merge, OtherWorkTargetsVersionsAndLoopsAreNamed) {
  RunResult a = part(1), b = part(2);
  b.settings["size"] = "4096";
  b.settings["ttl"] = "1s";
  b.settings["clients"] = "50";
  b.settings["seed"] = "9";
  b.target = "onehop://10.0.0.1:7411";
  b.version = "1.2.4";
  b.open_loop = false;
  MergeDoubts doubts;
  const RunResult sum = merge({a, b}, doubts);
  EXPECT_TRUE(warns(all_of(doubts), "different settings of size: 128, 4096"));
  EXPECT_TRUE(warns(all_of(doubts), "different settings of ttl: (none), 1s"));
  EXPECT_TRUE(warns(all_of(doubts), "different targets: onehop://127.0.0.1:7411, onehop://10.0.0.1:7411"));
  EXPECT_TRUE(warns(all_of(doubts), "different versions: 1.2.3, 1.2.4"));
  EXPECT_TRUE(warns(all_of(doubts), "different loops: open, closed"));
  EXPECT_FALSE(warns(all_of(doubts), "clients"));
  EXPECT_FALSE(warns(all_of(doubts), "seed"));
  EXPECT_EQ(sum.settings.at("clients"), "150");
  EXPECT_FALSE(sum.open_loop);
}

TEST(Merge, RunsThatDidNotOverlapAreNamed) {
  RunResult a = part(1), b = part(2);
  b.started_unix_s = a.started_unix_s + 60;
  MergeDoubts doubts;
  merge({a, b}, doubts);
  EXPECT_TRUE(warns(all_of(doubts), "not all runs were under way at the same time"));
  doubts = {};
  merge({b, a}, doubts);
  EXPECT_TRUE(warns(all_of(doubts), "not all runs were under way at the same time"));
}

TEST(Merge, TheSameRunTwiceIsNamed) {
  MergeDoubts doubts;
  merge({part(1), part(1)}, doubts);
  EXPECT_TRUE(warns(all_of(doubts), "are the same one"));
}

TEST(Merge, MissingAndDoubledPartsAreNamed) {
  const auto warnings_of = [](const std::vector<std::string>& labels) {
    std::vector<RunResult> parts;
    for (const std::string& label : labels) {
      parts.push_back(part(parts.size() + 1));
      if (!label.empty()) parts.back().settings["part"] = label;
    }
    MergeDoubts doubts;
    merge(parts, doubts);
    return doubts.serious;
  };
  EXPECT_EQ(warnings_of({"2/3", "1/3", "3/3"}), Warnings());
  EXPECT_EQ(warnings_of({"1/4", "3/4"}), Warnings{"missing: part 2/4, 4/4"});
  EXPECT_EQ(warnings_of({"1/2", "2/2", "2/2"}), Warnings{"there more than once: part 2/2"});
  EXPECT_TRUE(warns(warnings_of({"1/2", "2/2", ""}), "do not say which part they are"));
  EXPECT_TRUE(warns(warnings_of({"1/2", "2/3"}), "do not agree on how many"));
  for (const char* bad : {"3/2", "0/2", "x", "1/2x", "1/4000000000"}) {
    EXPECT_TRUE(warns(warnings_of({"1/1", bad}), "do not say which part they are")) << bad;
  }
}

TEST(Merge, TheHeadShowsTheSum) {
  RunResult a = part(1), b = part(2);
  a.settings["rate"] = "10k";
  b.settings["rate"] = "1500";
  a.settings["idle"] = b.settings["idle"] = "0";
  MergeDoubts doubts;
  const RunResult sum = merge({a, b}, doubts);
  EXPECT_NE(to_summary(sum).find("clients 200, rate 11500,"), std::string::npos) << to_summary(sum);
  EXPECT_EQ(sum.settings.at("idle"), "0");
}

TEST(Merge, WhatIsNotOneRunIsSerious) {
  RunResult a = part(1), b = part(2);
  b.settings["workload"] = "echo";
  b.server = "another 1.0";
  b.open_loop = false;
  b.settings["size"] = "4096";
  MergeDoubts doubts;
  const RunResult sum = merge({a, b}, doubts);
  EXPECT_TRUE(warns(doubts.serious, "different settings of workload"));
  EXPECT_TRUE(warns(doubts.serious, "different servers"));
  EXPECT_TRUE(warns(doubts.serious, "different loops"));
  EXPECT_TRUE(warns(doubts.others, "different settings of size"));
  EXPECT_EQ(sum.warnings.size(), 4u);
}

TEST(Merge, APartThatIsInASumAlreadyIsNamed) {
  MergeDoubts doubts;
  const RunResult sum = merge({part(1), part(2)}, doubts);
  EXPECT_TRUE(doubts.serious.empty());
  merge({sum, part(2)}, doubts);
  EXPECT_TRUE(warns(doubts.serious, "are the same one"));
}

TEST(Merge, SumsCanBeMergedAgain) {
  std::vector<RunResult> parts = {part(1), part(2), part(3)};
  for (size_t i = 0; i < 3; ++i) parts[i].settings["part"] = std::to_string(i + 1) + "/3";
  MergeDoubts doubts;
  const RunResult first = merge({parts[0], parts[1]}, doubts);
  EXPECT_EQ(all_of(doubts), Warnings{"missing: part 3/3"});
  doubts = {};
  const RunResult sum = merge({first, parts[2]}, doubts);
  EXPECT_EQ(all_of(doubts), Warnings());
  EXPECT_EQ(sum.parts, 3u);
  const RunResult at_once = merge(parts, doubts);
  EXPECT_TRUE(sum.latency == at_once.latency);
  EXPECT_EQ(sum.host.name, at_once.host.name);
}

TEST(Merge, ACapacitySearchIsRefusedWithTheReason) {
  RunResult a = part(1);
  a.capacity = sample_capacity(1);
  MergeDoubts doubts;
  try {
    merge({part(2), a}, doubts);
    FAIL() << "it was merged";
  } catch (const std::runtime_error& refused) {
    EXPECT_NE(std::string(refused.what()).find("run 2"), std::string::npos) << refused.what();
    EXPECT_NE(std::string(refused.what()).find("cannot be added up"), std::string::npos) << refused.what();
  }
}

TEST(Merge, StagesOfTheSameTimesAddUp) {
  MergeDoubts doubts;
  const RunResult a = part(1), b = part(2);
  const RunResult sum = merge({a, b}, doubts);
  ASSERT_EQ(sum.stages.size(), 2u);
  EXPECT_EQ(sum.stages[0].to_rate, 10'000);
  EXPECT_EQ(sum.stages[1].begin_s, 5);
  EXPECT_EQ(sum.stages[0].figures.due, 50'000u);
  EXPECT_EQ(sum.stages[0].figures.delivered, 49'970u);
  Histogram both = a.stages[0].figures.latency;
  both.add(b.stages[0].figures.latency);
  EXPECT_TRUE(sum.stages[0].figures.latency == both);
  EXPECT_EQ(sum.commands.size(), 2u);
  EXPECT_TRUE(all_of(doubts).empty());
}

TEST(Merge, StagesOfOtherTimesAreLeftOutAndSaidSo) {
  RunResult other = part(2);
  other.stages[1].duration_s = 14;
  MergeDoubts doubts;
  EXPECT_TRUE(merge({part(1), other}, doubts).stages.empty());
  EXPECT_TRUE(warns(all_of(doubts), "stages of different times"));
}

TEST(Merge, NothingIsAnErrorAndOneIsItself) {
  MergeDoubts doubts;
  EXPECT_THROW(merge({}, doubts), std::runtime_error);
  RunResult one = part(1);
  one.thresholds.clear();
  EXPECT_TRUE(to_json(merge({one}, doubts)) == to_json(one));
  EXPECT_EQ(all_of(doubts), Warnings());
}

}  // namespace
}  // namespace onehop::loadgen
