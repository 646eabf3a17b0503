// Tests of comparisons: the statistics by hand, by published tables and by their promise; and what is said about which
// runs.
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>
#include <random>

#include "loadgen/report/comparison.h"
#include "loadgen/report/rank_statistics.h"
#include "loadgen/report/report.h"
#include "says.h"

namespace onehop::loadgen {
namespace {

// A run whose messages all have one latency.
RunResult run(double latency_ms, double rate = 5000) {
  static double started = 0;
  RunResult result;
  result.started_unix_s = started += 100;
  result.id = std::to_string(started);
  result.host.name = "measuring-1";
  result.latency.record(static_cast<uint64_t>(latency_ms * 1e6), 1000);
  result.account.sent = result.account.delivered = 1000;
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

// The critical values of the published tables for two-sided tests at 5 %, which are the largest u that is still
// significant.
TEST(RankStatistics, IntervalsEndWhereTheTablesSay) {
  struct Case {
    size_t a, b, critical;
  };
  for (const Case& known : {Case{4, 4, 0}, Case{5, 5, 2}, Case{6, 6, 5}, Case{7, 7, 8}, Case{8, 8, 13},
                            Case{10, 10, 23}, Case{5, 8, 6}, Case{4, 10, 5}, Case{3, 5, 0}, Case{20, 20, 127}}) {
    // All differences are different, so that the ends of the interval tell their ranks.
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

// The intervals of 4,000 pairs of sets with a known ratio must hold it as often as they promise. Since the level is
// exact, they must not hold it more often than chance allows either.
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
  const std::string text = to_text(compare_runs(slow, fast));
  EXPECT_TRUE(says(text, "p99    B is lower by 11.8 % (96.8 % interval ")) << text;
  EXPECT_TRUE(says(text, "rate   no difference seen (96.8 % interval +0.0 to +0.0 %)")) << text;
  EXPECT_TRUE(says(to_text(compare_runs(fast, slow)), "p50    B is higher by 13.3 % (96.8 % interval "));
}

TEST(Compare, SeesNoDifferenceWhereThereIsNone) {
  const auto a = runs({10, 11, 12, 13, 14}), b = runs({10.5, 11.5, 12.4, 12.6, 13.5});
  EXPECT_EQ(compare_runs(a, b).metrics[0].verdict, Verdict::kNoDifference);
}

TEST(Compare, ThreeRunsOfEachAreTooFewHoweverFarApart) {
  const auto a = runs({10, 11, 12}), b = runs({100, 110, 120});
  for (const MetricComparison& metric : compare_runs(a, b).metrics) EXPECT_EQ(metric.verdict, Verdict::kTooFewRuns);
  const std::string text = to_text(compare_runs(a, b));
  EXPECT_TRUE(says(text, "too few runs to say (90 % interval ")) << text;
  EXPECT_TRUE(says(text, "Too few runs to say: 4 of each give 95 %.")) << text;
  EXPECT_FALSE(says(text, "B is ")) << text;
  EXPECT_EQ(compare_runs(runs({10, 11, 12}), runs({20, 21, 22, 23, 24})).metrics[0].verdict, Verdict::kHigher);
}

std::string refusal_of_runs(const std::vector<RunResult>& a, const std::vector<RunResult>& b,
                            const CompareRules& rules = {}) {
  try {
    compare_runs(a, b, rules);
  } catch (const std::runtime_error& error) {
    EXPECT_FALSE(says(error.what(), "\n"));
    return error.what();
  }
  return "none";
}

TEST(Compare, WhatIsNoEvidenceIsRefusedUnlessForced) {
  const auto good = runs({10, 11, 12, 13, 14, 15});
  auto bad = runs({20, 21, 22, 23, 24, 25});
  EXPECT_EQ(refusal_of_runs(good, bad), "none");
  bad[0].interrupted = true;
  bad[1].void_reasons = {"a thread was busy"};
  bad[2].account.unexplained = 1;
  bad[3].account.sent = bad[3].account.lost = 7;
  bad[4].warnings = {"missing: part 2/2"};
  bad[5].capacity = Capacity{};
  const char* const reasons[] = {"interrupted",       "void: a thread was busy",
                                 "1 UNEXPLAINED",     "failed: 7 of 7 planned",
                                 "doubtful: missing", "a search for the capacity"};
  for (size_t i = 0; i < bad.size(); ++i) {
    EXPECT_TRUE(says(refusal_of_runs(good, {bad[i]}), reasons[i])) << refusal_of_runs(good, {bad[i]});
    EXPECT_TRUE(says(refusal_of_runs({bad[i]}, good), "A1, started 1970-")) << refusal_of_runs({bad[i]}, good);
  }
  const Comparison forced = compare_runs(good, bad, {true, {}});
  EXPECT_EQ(forced.b_runs, 6u);
  EXPECT_EQ(forced.doubtful.size(), 6u);
  EXPECT_TRUE(says(to_text(forced), "DOUBTFUL B1, started 1970-"));
}

TEST(Compare, ARunGivenTwiceIsRefusedAndNeverCountedTwice) {
  auto a = runs({10, 11, 12, 13}), b = runs({20, 21, 22, 23});
  b.push_back(b[3]);
  b.push_back(a[0]);
  EXPECT_TRUE(says(refusal_of_runs(a, b), "B5, started")) << refusal_of_runs(a, b);
  EXPECT_TRUE(says(refusal_of_runs(a, b), "the same run as one before it"));
  const Comparison forced = compare_runs(a, b, {true, {}});
  EXPECT_EQ(forced.b_runs, 4u);
  EXPECT_EQ(forced.left_out.size(), 2u);
}

TEST(Compare, OtherWorkIsRefused) {
  auto a = runs({10, 11, 12, 13}), b = runs({20, 21, 22, 23});
  b[1].open_loop = false;
  EXPECT_TRUE(says(refusal_of_runs(a, b), "loop closed and open")) << refusal_of_runs(a, b);
  b[1].open_loop = true;
  for (RunResult& one : a) one.settings["workload"] = "pairs";
  for (RunResult& one : b) one.settings["workload"] = "echo";
  EXPECT_TRUE(says(refusal_of_runs(a, b), "workload echo and pairs")) << refusal_of_runs(a, b);
  EXPECT_EQ(refusal_of_runs(a, b, {true, {}}), "none");
}

TEST(Compare, WithoutRunsThereIsNoComparison) {
  EXPECT_TRUE(says(refusal_of_runs({}, runs({1})), "there is no run of A"));
}

Slower slower_by(const std::vector<double>& a, const std::vector<double>& b, double slower_max) {
  return compare_runs(runs(a), runs(b), {false, slower_max}).slower.at(2).second;  // The entry of p99.
}

TEST(Compare, SlowerIsWhatTheIntervalIsSureOf) {
  const std::vector<double> a = {10, 10.1, 10.2, 10.3, 10.4};
  EXPECT_EQ(slower_by(a, {11.5, 11.6, 11.7, 11.8, 11.9}, 0.05), Slower::kYes);
  EXPECT_EQ(slower_by(a, {11.5, 11.6, 11.7, 11.8, 11.9}, 0.3), Slower::kNo);
  EXPECT_EQ(slower_by(a, {9, 9.1, 9.2, 9.3, 9.4}, 0.05), Slower::kNo);
  EXPECT_EQ(slower_by(a, {8, 9.5, 10, 11, 14}, 0.05), Slower::kCannotTell);
  EXPECT_EQ(slower_by({10, 10.1, 10.2}, {10, 10.1, 10.2}, 0.05), Slower::kNotJudged) << "too few runs";
}

TEST(Compare, ARateThatFallsIsSlower) {
  std::vector<RunResult> a, b;
  for (int i = 0; i < 5; ++i) {
    a.push_back(run(10, 5000 + i));
    b.push_back(run(10, 4000 + i));
  }
  const Comparison fallen = compare_runs(a, b, {false, 0.05});
  EXPECT_EQ(fallen.slower.back(), (std::pair<std::string, Slower>{"rate", Slower::kYes}));
  EXPECT_TRUE(fallen.is_slower());
  EXPECT_TRUE(says(to_text(fallen), "rate: B is SLOWER by more than 5 %")) << to_text(fallen);
  EXPECT_TRUE(says(to_text(fallen), "FAILED: B may be slower"));
  EXPECT_FALSE(compare_runs(b, a, {false, 0.05}).is_slower());
}

TEST(Compare, TooFewRunsAreNoPass) {
  const Comparison few = compare_runs(runs({10}), runs({10}), {false, 0.05});
  EXPECT_TRUE(few.is_slower());
  EXPECT_TRUE(says(to_text(few), "p99: NOT JUDGED")) << to_text(few);
  EXPECT_EQ(nlohmann::json::parse(to_json(few))["exit_code"], 1);
  EXPECT_EQ(nlohmann::json::parse(to_json(few))["slower"]["metrics"]["p99"], "not judged");
}

TEST(Compare, WhatNeverCameIsNoPass) {
  auto a = runs({10, 11, 12, 13}), b = runs({10, 11, 12, 13});
  for (RunResult& one : b) {
    one.latency.record_never(500);
    one.account.sent = 1500, one.account.delivered = 1000, one.account.lost = 500;
    one.allowed = {"lost<50%"};
  }
  const Comparison comparison = compare_runs(a, b, {false, 0.05});
  EXPECT_EQ(comparison.slower.at(2).second, Slower::kNotJudged);
  EXPECT_TRUE(comparison.is_slower());
}

TEST(Compare, SlowerNeedsTheSameLoad) {
  auto a = runs({10, 11, 12, 13}), b = runs({10, 11, 12, 13});
  for (RunResult& one : b) one.settings["rate"] = "100";
  EXPECT_EQ(refusal_of_runs(a, b), "none") << "it is named";
  EXPECT_TRUE(says(refusal_of_runs(a, b, {false, 0.05}), "they differ in setting rate: 5000 in A, 100 in B"));
  for (RunResult& one : b) one.settings["rate"] = "5000", one.settings["threads"] = "2", one.version = "2";
  EXPECT_EQ(refusal_of_runs(a, b, {false, 0.05}), "none");
}

TEST(Compare, AMetricThatLagHasSpoiledIsNotCompared) {
  auto a = runs({10, 11, 12, 13}), b = runs({10, 11, 12, 13});
  b[1].generator.lag.record(0, 995);
  b[1].generator.lag.record(8'000'000, 5);
  const Comparison comparison = compare_runs(a, b, {false, 0.05});
  EXPECT_EQ(comparison.metrics[2].verdict, Verdict::kNoDifference);
  EXPECT_EQ(comparison.metrics[3].verdict, Verdict::kSpoiled);
  EXPECT_EQ(comparison.slower.at(3).second, Slower::kCannotTell);
  EXPECT_TRUE(says(to_text(comparison), "p99.9  spoiled by the generator's own lag")) << to_text(comparison);
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
  const nlohmann::json json = nlohmann::json::parse(to_json(compare_runs(a, b)));
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
