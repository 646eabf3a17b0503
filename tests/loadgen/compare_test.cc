// Comparing: the statistics by hand, by published tables and by their promise, and what is said of which runs.
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>
#include <random>

#include "loadgen/comparison.h"
#include "loadgen/rank_statistics.h"
#include "loadgen/report.h"

namespace onehop::loadgen {
namespace {

bool says(const std::string& text, const std::string& words) {
  return text.find(words) != std::string::npos;
}

// A run with all its messages at one latency.
RunResult run(double latency_ms, double rate = 5000) {
  static double started = 0;
  RunResult result;
  result.started_unix_s = started += 100;
  result.id = std::to_string(started);
  result.host.name = "measuring-1";
  result.latency.record(static_cast<uint64_t>(latency_ms * 1e6), 1000);
  result.achieved_rate = rate;
  result.settings = {{"rate", "5000"}, {"seed", std::to_string(started)}};
  return result;
}

std::vector<RunResult> runs(const std::vector<double>& latencies_ms) {
  std::vector<RunResult> results;
  for (const double latency : latencies_ms) results.push_back(run(latency));
  return results;
}

TEST(RankStatistics, CountsOfSmallSamplesByHand) {
  EXPECT_EQ(mann_whitney_counts(1, 1), (std::vector<double>{1, 1}));
  EXPECT_EQ(mann_whitney_counts(2, 2), (std::vector<double>{1, 1, 2, 1, 1}));
  EXPECT_EQ(mann_whitney_counts(3, 2), (std::vector<double>{1, 1, 2, 2, 2, 1, 1}));
  EXPECT_EQ(mann_whitney_counts(3, 3), (std::vector<double>{1, 1, 2, 3, 3, 3, 3, 2, 1, 1}));
}

TEST(RankStatistics, CountsAreAllOrdersAndSymmetric) {
  for (const auto& [a, b, orders] : {std::tuple<size_t, size_t, double>{5, 5, 252}, {4, 9, 715}, {10, 10, 184756}}) {
    const std::vector<double> counts = mann_whitney_counts(a, b);
    EXPECT_EQ(std::accumulate(counts.begin(), counts.end(), 0.0), orders);
    for (size_t u = 0; u < counts.size(); ++u) EXPECT_EQ(counts[u], counts[counts.size() - 1 - u]);
  }
}

// The critical values of the published tables for two-sided tests at 5 %: the largest u that is still significant.
TEST(RankStatistics, IntervalsEndWhereTheTablesSay) {
  struct Case {
    size_t a, b, critical;
  };
  for (const Case& known : {Case{4, 4, 0}, Case{5, 5, 2}, Case{6, 6, 5}, Case{7, 7, 8}, Case{8, 8, 13},
                            Case{10, 10, 23}, Case{5, 8, 6}, Case{4, 10, 5}, Case{3, 5, 0}, Case{20, 20, 127}}) {
    // Every difference is another one, so that the ends tell their ranks.
    std::vector<double> a, b, differences;
    for (size_t i = 0; i < known.a; ++i) a.push_back(static_cast<double>(i) * 1000);
    for (size_t i = 0; i < known.b; ++i) b.push_back(static_cast<double>(i) * 1.01);
    for (const double of_a : a) {
      for (const double of_b : b) differences.push_back(of_b - of_a);
    }
    std::sort(differences.begin(), differences.end());
    const Shift shift = estimate_shift(a, b, 0.95);
    EXPECT_EQ(shift.low, differences[known.critical]) << known.a << " and " << known.b;
    EXPECT_EQ(shift.high, differences[differences.size() - 1 - known.critical]);
    EXPECT_GE(shift.level, 0.95);
  }
}

TEST(RankStatistics, LevelsOfFewRuns) {
  EXPECT_NEAR(estimate_shift({1, 2, 3}, {4, 5, 6}, 0.95).level, 0.9, 1e-12);
  EXPECT_NEAR(estimate_shift({1, 2, 3, 4}, {5, 6, 7, 8}, 0.95).level, 1 - 2 / 70.0, 1e-12);
  EXPECT_NEAR(estimate_shift({1, 2, 3, 4, 5}, {6, 7, 8, 9, 10}, 0.95).level, 1 - 8 / 252.0, 1e-12);
  EXPECT_EQ(estimate_shift({1}, {2}, 0.95).level, 0);
  EXPECT_EQ(smallest_sample(0.95), 4u);
  EXPECT_EQ(smallest_sample(0.90), 3u);
  EXPECT_EQ(smallest_sample(0.99), 5u);
}

TEST(RankStatistics, TheEstimateIsTheMedianOfAllDifferences) {
  EXPECT_EQ(estimate_shift({1, 2, 3}, {4, 6, 11}, 0.95).estimate, 4);  // 1 2 3 3 4 5 8 9 10
  EXPECT_EQ(estimate_shift({0, 1}, {10, 20}, 0.95).estimate, 14.5);    // 9 10 19 20
  EXPECT_EQ(estimate_shift({1, 2, 3}, {4, 5, 6}, 0.95).low, 1);
  EXPECT_EQ(estimate_shift({1, 2, 3}, {4, 5, 6}, 0.95).high, 5);
}

// Of 4,000 pairs of sets with a known ratio, the intervals must hold it as often as they promise: not less, and, as the
// level they claim is exact, not more than chance allows either.
TEST(RankStatistics, IntervalsHoldTheTruthAsOftenAsTheySay) {
  constexpr int kTrials = 4000;
  constexpr double kTrue = 0.2;
  for (const size_t size : {3U, 4U, 5U, 8U, 12U}) {
    std::mt19937_64 random(42 + size);
    std::normal_distribution<double> spread(0, 0.3);  // The logarithm of a log-normal latency.
    int held = 0, differing = 0;
    double level = 0;
    for (int trial = 0; trial < kTrials; ++trial) {
      std::vector<double> a, b, same;
      for (size_t i = 0; i < size; ++i) {
        a.push_back(spread(random));
        b.push_back(kTrue + spread(random));
        same.push_back(spread(random));
      }
      const Shift shift = estimate_shift(a, b, 0.95);
      level = shift.level;
      held += shift.low <= kTrue && kTrue <= shift.high;
      const Shift none = estimate_shift(a, same, 0.95);
      differing += none.low > 0 || none.high < 0;
    }
    const double chance = 4 * std::sqrt(level * (1 - level) / kTrials);
    EXPECT_NEAR(static_cast<double>(held) / kTrials, level, chance) << size << " runs each, seed " << 42 + size;
    EXPECT_NEAR(static_cast<double>(differing) / kTrials, 1 - level, chance) << size << " runs each";
  }
}

TEST(Compare, SeesALowerAndAHigherLatency) {
  const auto slow = runs({10, 10.1, 10.2, 10.3, 10.4}), fast = runs({8.8, 8.9, 9, 9.1, 9.2});
  const Comparison lower = compare_runs(slow, fast);
  ASSERT_EQ(lower.metrics.size(), 6u);
  EXPECT_EQ(lower.metrics[2].name, "p99");
  EXPECT_EQ(lower.metrics[2].verdict, Verdict::kLower);
  EXPECT_NEAR(lower.metrics[2].ratio, 9 / 10.2, 0.002);
  EXPECT_LT(lower.metrics[2].high, 1);
  EXPECT_EQ(lower.metrics[5].name, "rate");
  EXPECT_EQ(lower.metrics[5].verdict, Verdict::kNoDifference);
  const std::string text = compare(slow, fast, false);
  EXPECT_TRUE(says(text, "p99    B is lower by 11.8 % (96.8 % interval ")) << text;
  EXPECT_TRUE(says(text, "rate   no difference seen (96.8 % interval +0.0 to +0.0 %)")) << text;
  EXPECT_TRUE(says(compare(fast, slow, false), "p50    B is higher by 13.3 % (96.8 % interval "));
}

TEST(Compare, SeesNoDifferenceWhereThereIsNone) {
  const auto a = runs({10, 11, 12, 13, 14}), b = runs({10.5, 11.5, 12.4, 12.6, 13.5});
  EXPECT_EQ(compare_runs(a, b).metrics[0].verdict, Verdict::kNoDifference);
}

TEST(Compare, ThreeRunsOfEachAreTooFewHoweverFarApart) {
  const auto a = runs({10, 11, 12}), b = runs({100, 110, 120});
  for (const MetricComparison& metric : compare_runs(a, b).metrics) EXPECT_EQ(metric.verdict, Verdict::kTooFewRuns);
  const std::string text = compare(a, b, false);
  EXPECT_TRUE(says(text, "too few runs to say (90 % interval ")) << text;
  EXPECT_TRUE(says(text, "Too few runs to say: 4 of each give 95 %.")) << text;
  EXPECT_FALSE(says(text, "B is ")) << text;
  EXPECT_EQ(compare_runs(runs({10, 11, 12}), runs({20, 21, 22, 23, 24})).metrics[0].verdict, Verdict::kHigher);
}

TEST(Compare, VoidUnsoundInterruptedAndRepeatedRunsAreNoEvidence) {
  auto a = runs({10, 11, 12, 13, 14, 15}), b = runs({20, 21, 22, 23, 24});
  a[1].void_reasons = {"a thread was busy"};
  a[2].account.unexplained = 1;
  b[0].interrupted = true;
  b.push_back(b[3]);
  b.push_back(a[0]);
  const Comparison comparison = compare_runs(a, b);
  EXPECT_EQ(comparison.a_runs, 4u);
  EXPECT_EQ(comparison.b_runs, 4u);
  ASSERT_EQ(comparison.left_out.size(), 5u);
  EXPECT_TRUE(says(comparison.left_out[0], "A2, started 1970-")) << comparison.left_out[0];
  EXPECT_TRUE(says(comparison.left_out[0], "void: a thread was busy"));
  EXPECT_TRUE(says(comparison.left_out[1], "A3"));
  EXPECT_TRUE(says(comparison.left_out[1], "accounts do not come out"));
  EXPECT_TRUE(says(comparison.left_out[2], "interrupted"));
  EXPECT_TRUE(says(comparison.left_out[3], "the same run as one before it"));
  EXPECT_TRUE(says(comparison.left_out[4], "the same run as one before it"));
  EXPECT_EQ(comparison.metrics[0].a, (std::vector<double>{10e6, 13e6, 14e6, 15e6}));
  EXPECT_TRUE(says(compare(a, b, false), "LEFT OUT A2"));
}

TEST(Compare, WithoutEvidenceThereIsNoComparison) {
  auto a = runs({10, 11}), b = runs({20});
  b[0].void_reasons = {"a thread was busy"};
  try {
    compare(a, b, false);
    FAIL();
  } catch (const std::runtime_error& error) {
    EXPECT_TRUE(says(error.what(), "no run of B can count as evidence")) << error.what();
    EXPECT_TRUE(says(error.what(), "a thread was busy")) << error.what();
  }
  EXPECT_THROW(compare({}, a, false), std::runtime_error);
}

TEST(Compare, OtherCircumstancesAreNamed) {
  auto a = runs({10, 11, 12, 13}), b = runs({20, 21, 22, 23});
  for (RunResult& one : b) one.settings["rate"] = "6000";
  for (RunResult& one : b) one.version = "2.0.0";
  b[1].host.name = "measuring-2";
  a[0].settings["ttl"] = "1s";
  const std::vector<std::string> different = compare_runs(a, b).different;
  EXPECT_EQ(different,
            (std::vector<std::string>{
                "host: measuring-1 in A, measuring-1 and measuring-2 in B", "setting rate: 5000 in A, 6000 in B",
                "setting ttl: (none) and 1s in A, (none) in B", "version: (none) in A, 2.0.0 in B"}));
  EXPECT_TRUE(compare_runs(runs({1}), runs({2})).different.empty());
}

TEST(Compare, WhatWasNotMeasuredInEveryRunIsNotCompared) {
  auto a = runs({10, 11, 12, 13}), b = runs({20, 21, 22, 23});
  b[2].latency.clear();
  const Comparison comparison = compare_runs(a, b);
  EXPECT_EQ(comparison.metrics[0].verdict, Verdict::kNotMeasured);
  EXPECT_EQ(comparison.metrics[5].verdict, Verdict::kNoDifference);
  EXPECT_TRUE(says(to_text(comparison), "p50    not measured in every run"));
}

TEST(Compare, AsJson) {
  const auto a = runs({10, 11, 12, 13}), b = runs({20, 21, 22, 23});
  const nlohmann::json json = nlohmann::json::parse(compare(a, b, true));
  EXPECT_EQ(json["a_runs"], 4);
  EXPECT_EQ(json["metrics"]["p99"]["verdict"], "higher");
  EXPECT_EQ(json["metrics"]["p99"]["a_us"], nlohmann::json({10'000.0, 11'000.0, 12'000.0, 13'000.0}));
  EXPECT_NEAR(json["metrics"]["p99"]["level"].get<double>(), 0.9714, 0.0001);
  EXPECT_GT(json["metrics"]["p99"]["ratio_low"].get<double>(), 1.5);
  EXPECT_EQ(json["metrics"]["rate"]["verdict"], "no difference seen");
  EXPECT_EQ(json["left_out"], nlohmann::json::array());
}

}  // namespace
}  // namespace onehop::loadgen
