// Two sets of runs, compared: found by compare.cc, put into words and JSON by compare_report.cc.
#pragma once

#include <string>
#include <vector>

#include "loadgen/result.h"

namespace onehop::loadgen {

// How sure one has to be before two sets are called different.
inline constexpr double kLevel = 0.95;

enum class Verdict : uint8_t { kLower, kHigher, kNoDifference, kTooFewRuns, kNotMeasured };

struct MetricComparison {
  std::string name;                         // "p99", "rate".
  bool is_rate = false;                     // Else nanoseconds.
  std::vector<double> a, b;                 // One value for each run.
  double ratio = 0;                         // B/A; this and the rest only if it was measured in every run.
  double low = 0, high = 0;                 // The interval of the ratio …
  double level = 0;                         // … and how sure it is.
  Verdict verdict = Verdict::kNotMeasured;  // Of B against A.
};

struct Comparison {
  size_t a_runs = 0, b_runs = 0;       // That count as evidence.
  std::vector<std::string> left_out;   // Runs that do not, and why.
  std::vector<std::string> different;  // In what else the sets, or the runs of one set, differ.
  std::vector<MetricComparison> metrics;
};

// Throws std::runtime_error with a line if one of the sets holds no evidence.
Comparison compare_runs(const std::vector<RunResult>& a, const std::vector<RunResult>& b);

std::string to_text(const Comparison& comparison);
std::string to_json(const Comparison& comparison);

}  // namespace onehop::loadgen
