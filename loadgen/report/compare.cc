// Decides which runs count as evidence, which of their values are compared, and what the intervals allow to say.
#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "loadgen/measure/quantity.h"
#include "loadgen/measure/text.h"
#include "loadgen/report/comparison.h"
#include "loadgen/report/rank_statistics.h"
#include "loadgen/report/report.h"
#include "loadgen/report/spoiled.h"
#include "loadgen/report/verdict.h"

namespace onehop::loadgen {
namespace {

using Runs = std::vector<const RunResult*>;

// These settings say nothing about the work.
const std::set<std::string> kNotWork = {"json", "html", "hgrm", "quiet", "seed", "prefix", "start-at", "part"};
// These settings do not change the load.
const std::set<std::string> kNotLoad = {"threads", "spin",      "source", "connect-rate", "lag-max",
                                        "allow",   "threshold", "drain",  "keepalive"};

// The ids of runs so far. A run that is given twice would count as two runs that agree.
using Seen = std::set<std::string>;

// Everything that speaks against a run as evidence; empty if nothing does. A threshold that was not kept is no reason,
// since the figures are complete.
std::string doubts_about(const RunResult& run) {
  std::vector<std::string> doubts;
  if (run.capacity) doubts.emplace_back("a search for the capacity, whose steps have other rates");
  if (run.interrupted) doubts.emplace_back("interrupted");
  if (const auto failed = failures(run); !failed.empty()) doubts.push_back("failed: " + joined(failed, "; "));
  const auto without_advice = [](const std::string& reason) { return reason.substr(0, reason.find(';')); };
  if (run.is_void()) doubts.push_back("void: " + joined(run.void_reasons, "; ", without_advice));
  if (!run.warnings.empty()) doubts.push_back("doubtful: " + joined(run.warnings, "; "));
  return joined(doubts, "; ");
}

Runs evidence(const std::vector<RunResult>& runs, std::string_view set, Seen& seen, Comparison& comparison) {
  Runs kept;
  for (size_t i = 0; i < runs.size(); ++i) {
    const std::string name = concat(set, i + 1, ", started ", iso_time(runs[i].started_unix_s), ": ");
    bool is_new = true;
    for (const std::string& id : runs[i].ids()) is_new = seen.insert(id).second && is_new;
    if (!is_new) {
      comparison.left_out.push_back(name + "the same run as one before it");
      continue;
    }
    if (const std::string doubt = doubts_about(runs[i]); !doubt.empty()) comparison.doubtful.push_back(name + doubt);
    kept.push_back(&runs[i]);
  }
  return kept;
}

// The circumstances of a run, by name.
std::map<std::string, std::string> circumstances(const RunResult& run) {
  std::map<std::string, std::string> found = {{"version", run.version},
                                              {"target", run.target},
                                              {"server", run.server},
                                              {"host", run.host.name},
                                              {"kernel", run.host.kernel},
                                              {"processor", run.host.cpu},
                                              {"loop", run.open_loop ? "open" : "closed"},
                                              {"parts", concat(run.parts)}};
  for (const auto& [key, value] : run.settings) {
    // The target is above already.
    if (kNotWork.count(key) == 0 && key != "target") found["setting " + key] = value;
  }
  return found;
}

std::string values_of(const Runs& runs, const std::string& key) {
  std::set<std::string> values;
  for (const RunResult* run : runs) {
    const auto all = circumstances(*run);
    const auto found = all.find(key);
    values.insert(found == all.end() || found->second.empty() ? "(none)" : found->second);
  }
  return joined(values, " and ");
}

std::vector<std::string> differences(const Runs& a, const Runs& b) {
  std::set<std::string> keys;
  for (const Runs* runs : {&a, &b}) {
    for (const RunResult* run : *runs) {
      for (const auto& [key, value] : circumstances(*run)) keys.insert(key);
    }
  }
  std::vector<std::string> found;
  for (const std::string& key : keys) {
    const std::string of_a = values_of(a, key), of_b = values_of(b, key);
    if (of_a != of_b) {
      found.push_back(concat(key, ": ", of_a, " in A, ", of_b, " in B"));
    } else if (of_a.find(" and ") != std::string::npos) {
      found.push_back(concat(key, ": ", of_a, " within each set"));
    }
  }
  return found;
}

// Refuses runs that did different work.
void check_work(const Runs& a, const Runs& b) {
  for (const char* key : {"loop", "setting workload"}) {
    Runs all = a;
    all.insert(all.end(), b.begin(), b.end());
    const std::string values = values_of(all, key);
    if (values.find(" and ") == std::string::npos) continue;
    throw std::runtime_error(concat("runs of different work cannot be compared: ", key, " ", values,
                                    "; --force compares them all the same"));
  }
}

// Refuses runs with different loads, since only equal loads show whether one set is slower.
void check_load(const Comparison& comparison) {
  constexpr std::string_view kSetting = "setting ";
  for (const std::string& difference : comparison.different) {
    if (difference.compare(0, kSetting.size(), kSetting) != 0) continue;
    const std::string name = difference.substr(kSetting.size(), difference.find(':') - kSetting.size());
    if (kNotLoad.count(name) != 0) continue;
    throw std::runtime_error(concat("--fail-if-slower needs the same load in all runs, and they differ in ", difference,
                                    "; --force compares them all the same"));
  }
}

struct Metric {
  const char* name;
  double quantile;  // kMean or kRate for the two metrics that are no percentile.
};

constexpr double kMean = -1, kRate = -2;
constexpr Metric kMetrics[] = {{"p50", 0.5},     {"p90", 0.9},    {"p99", 0.99},
                               {"p99.9", 0.999}, {"mean", kMean}, {"rate", kRate}};

double value_of(const Metric& metric, const RunResult& run) {
  if (metric.quantile == kRate) return run.has_rate() ? run.achieved_rate : 0;
  const Histogram& timed = run.*timed_of(run);
  if (metric.quantile == kMean) return timed.mean();
  const uint64_t value = timed.quantile(metric.quantile);
  return value == Histogram::kNever ? std::numeric_limits<double>::infinity() : static_cast<double>(value);
}

bool is_spoiled_in(const Metric& metric, const RunResult& run) {
  if (metric.quantile == kRate) return false;
  return metric.quantile == kMean ? is_mean_spoiled(run, timed_of(run))
                                  : is_spoiled(run, timed_of(run), metric.quantile);
}

std::vector<double> logarithms(const std::vector<double>& values) {
  std::vector<double> logs;
  logs.reserve(values.size());
  for (const double value : values) logs.push_back(std::log(value));
  return logs;
}

MetricComparison compare_metric(const Metric& metric, const Runs& a, const Runs& b) {
  MetricComparison found;
  found.name = metric.name;
  found.is_rate = metric.quantile == kRate;
  bool spoiled = false;
  for (const RunResult* run : a) found.a.push_back(value_of(metric, *run)), spoiled |= is_spoiled_in(metric, *run);
  for (const RunResult* run : b) found.b.push_back(value_of(metric, *run)), spoiled |= is_spoiled_in(metric, *run);
  const auto measured = [](double value) { return value > 0 && std::isfinite(value); };
  if (!std::all_of(found.a.begin(), found.a.end(), measured) ||
      !std::all_of(found.b.begin(), found.b.end(), measured)) {
    return found;
  }
  const Shift shift = estimate_shift(logarithms(found.a), logarithms(found.b), kLevel);
  found.ratio = std::exp(shift.estimate);
  found.low = std::exp(shift.low);
  found.high = std::exp(shift.high);
  found.level = shift.level;
  found.verdict = spoiled                ? Verdict::kSpoiled
                  : shift.level < kLevel ? Verdict::kTooFewRuns
                  : shift.high < 0       ? Verdict::kLower
                  : shift.low > 0        ? Verdict::kHigher
                                         : Verdict::kNoDifference;
  return found;
}

Slower judge(const MetricComparison& metric, double slower_max) {
  if (metric.verdict == Verdict::kTooFewRuns || metric.verdict == Verdict::kNotMeasured) return Slower::kNotJudged;
  if (metric.verdict == Verdict::kSpoiled) return Slower::kCannotTell;
  // How many times slower B is. A rate that falls to one half counts as much as a latency that doubles.
  const double ratio = metric.is_rate ? 1 / metric.ratio : metric.ratio;
  const double low = metric.is_rate ? 1 / metric.high : metric.low;
  const double high = metric.is_rate ? 1 / metric.low : metric.high;
  if (low > 1 && ratio > 1 + slower_max) return Slower::kYes;
  // A slowdown that is certain but small enough counts as none.
  return high <= 1 + slower_max || low > 1 ? Slower::kNo : Slower::kCannotTell;
}

void judge_all(Comparison& comparison, double slower_max) {
  comparison.slower_max = slower_max;
  const auto is_nothing = [](double value) { return value <= 0; };
  for (const MetricComparison& metric : comparison.metrics) {
    const bool unmeasured = std::all_of(metric.a.begin(), metric.a.end(), is_nothing) &&
                            std::all_of(metric.b.begin(), metric.b.end(), is_nothing);
    if (!unmeasured) comparison.slower.emplace_back(metric.name, judge(metric, slower_max));
  }
}

}  // namespace

bool Comparison::is_slower() const {
  const auto fails = [](const auto& one) { return one.second == Slower::kYes || one.second == Slower::kNotJudged; };
  return slower_max && (slower.empty() || std::any_of(slower.begin(), slower.end(), fails));
}

Comparison compare_runs(const std::vector<RunResult>& a, const std::vector<RunResult>& b, const CompareRules& rules) {
  Comparison comparison;
  Seen seen;
  const Runs of_a = evidence(a, "A", seen, comparison);
  const Runs of_b = evidence(b, "B", seen, comparison);
  if (!rules.force) {
    std::vector<std::string> refused = comparison.doubtful;
    refused.insert(refused.end(), comparison.left_out.begin(), comparison.left_out.end());
    if (!refused.empty()) {
      throw std::runtime_error(
          concat("not all of these runs are evidence; --force compares them all the same: ", joined(refused, "; ")));
    }
    check_work(of_a, of_b);
  }
  if (of_a.empty() || of_b.empty()) {
    throw std::runtime_error(concat("there is no run of ", of_a.empty() ? "A" : "B", " to compare"));
  }
  comparison.a_runs = of_a.size();
  comparison.b_runs = of_b.size();
  comparison.different = differences(of_a, of_b);
  if (rules.slower_max && !rules.force) check_load(comparison);
  for (const Metric& metric : kMetrics) comparison.metrics.push_back(compare_metric(metric, of_a, of_b));
  if (rules.slower_max) judge_all(comparison, *rules.slower_max);
  return comparison;
}

}  // namespace onehop::loadgen
