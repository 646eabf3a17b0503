// Two sets of runs, compared: found by compare.cc, put into words and JSON by compare_report.cc.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "loadgen/measure/result.h"

namespace onehop::loadgen {

// How sure one has to be before two sets are called different.
inline constexpr double kLevel = 0.95;

enum class Verdict : uint8_t { kLower, kHigher, kNoDifference, kTooFewRuns, kSpoiled, kNotMeasured };

struct MetricComparison {
  std::string name;      // "p99", "rate".
  bool is_rate = false;  // Else nanoseconds.
  // One value for each run: 0 if it was not measured, infinite if it never came.
  std::vector<double> a, b;
  double ratio = 0;                         // B/A; this and the rest only if it was measured in every run.
  double low = 0, high = 0;                 // The interval of the ratio …
  double level = 0;                         // … and how sure it is.
  Verdict verdict = Verdict::kNotMeasured;  // Of B against A.

  bool is_estimated() const { return verdict != Verdict::kNotMeasured && verdict != Verdict::kSpoiled; }
};

struct CompareRules {
  bool force = false;                // Takes runs that are no evidence, and compares what cannot be compared.
  std::optional<double> slower_max;  // By how much B may be slower, as a part: 0.05. Nothing: it is not asked.
};

// Whether B is slower than A by more than slower_max, by one metric.
enum class Slower : uint8_t {
  kNo,          // Even the worst end of the interval is not.
  kYes,         // It is slower, the interval is sure of that, and the estimate is more than slower_max.
  kCannotTell,  // The interval holds both; or the metric is spoiled in a run.
  kNotJudged,   // Too few runs, or it was not measured in every run: that is no pass.
};

struct Comparison {
  size_t a_runs = 0, b_runs = 0;       // That are compared.
  std::vector<std::string> left_out;   // Runs that are there more than once.
  std::vector<std::string> doubtful;   // What is no evidence and was taken all the same: with force only.
  std::vector<std::string> different;  // In what else the sets, or the runs of one set, differ.
  std::vector<MetricComparison> metrics;

  // With slower_max only.
  std::optional<double> slower_max;
  std::vector<std::pair<std::string, Slower>> slower;  // By metric; without those that nobody measured.
  bool is_slower() const;                              // Or it cannot be said that it is not.
};

// Throws std::runtime_error with a line that says why, if one of the sets holds no evidence, if a run is none, if the
// runs did other work, or if slower_max is asked for and they differ in their load.
Comparison compare_runs(const std::vector<RunResult>& a, const std::vector<RunResult>& b,
                        const CompareRules& rules = {});

std::string to_text(const Comparison& comparison);
std::string to_json(const Comparison& comparison);

}  // namespace onehop::loadgen
