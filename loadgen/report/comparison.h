// The comparison of two sets of runs. compare.cc makes it, and compare_report.cc turns it into text and JSON.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "loadgen/measure/result.h"

namespace onehop::loadgen {

// The certainty that is needed before two sets are called different.
inline constexpr double kLevel = 0.95;

enum class Verdict : uint8_t { kLower, kHigher, kNoDifference, kTooFewRuns, kSpoiled, kNotMeasured };

struct MetricComparison {
  std::string name;      // "p99", "rate".
  bool is_rate = false;  // Otherwise the values are nanoseconds.
  // One value for each run. It is 0 if it was not measured, and infinite if it never came.
  std::vector<double> a, b;
  double ratio = 0;                         // B/A. This and the rest are set only if every run measured the metric.
  double low = 0, high = 0;                 // The interval of the ratio.
  double level = 0;                         // The certainty of the interval.
  Verdict verdict = Verdict::kNotMeasured;  // Of B against A.

  bool is_estimated() const { return verdict != Verdict::kNotMeasured && verdict != Verdict::kSpoiled; }
};

struct CompareRules {
  bool force = false;                // Also compares runs that are no evidence, and runs of different work.
  std::optional<double> slower_max;  // The part by which B may be slower, such as 0.05. Absent if nobody asks.
};

// Whether B is slower than A by more than slower_max, in one metric.
enum class Slower : uint8_t {
  kNo,          // Not even the worst end of the interval is.
  kYes,         // The interval is certain that B is slower, and the estimate is above slower_max.
  kCannotTell,  // The interval allows both answers, or the metric is spoiled in a run.
  kNotJudged,   // There are too few runs, or not every run measured it. This is no pass.
};

struct Comparison {
  size_t a_runs = 0, b_runs = 0;       // The runs that are compared.
  std::vector<std::string> left_out;   // Runs that were given more than once.
  std::vector<std::string> doubtful;   // Runs that are no evidence and were compared with `force`.
  std::vector<std::string> different;  // Circumstances in which the sets, or the runs of one set, differ.
  std::vector<MetricComparison> metrics;

  // These are set only with slower_max.
  std::optional<double> slower_max;
  std::vector<std::pair<std::string, Slower>> slower;  // By metric, without metrics that no run measured.
  bool is_slower() const;                              // Also true if nobody can say that B is not slower.
};

// Throws std::runtime_error, with a line that says why, if a set has no evidence, if a run is no evidence, if the runs
// did different work, or if slower_max is given and the runs have different loads.
Comparison compare_runs(const std::vector<RunResult>& a, const std::vector<RunResult>& b,
                        const CompareRules& rules = {});

std::string to_text(const Comparison& comparison);
std::string to_json(const Comparison& comparison);

}  // namespace onehop::loadgen
