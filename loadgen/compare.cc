// What counts as evidence, which values of the runs are compared, and what their intervals allow to say.
#include <algorithm>
#include <cmath>
#include <set>

#include "loadgen/comparison.h"
#include "loadgen/rank_statistics.h"
#include "loadgen/report.h"
#include "loadgen/text.h"

namespace onehop::loadgen {
namespace {

using Runs = std::vector<const RunResult*>;

// Settings that say nothing about the work.
const std::set<std::string> kNotWork = {"json", "html", "hgrm", "quiet", "seed", "prefix", "start-at", "part"};

// A run given twice would count as two that agree.
using Seen = std::set<std::string>;

Runs evidence(const std::vector<RunResult>& runs, std::string_view set, Seen& seen, Comparison& comparison) {
  Runs kept;
  for (size_t i = 0; i < runs.size(); ++i) {
    std::string why;
    if (!seen.insert(runs[i].id).second) {
      why = "the same run as one before it";
    } else if (runs[i].is_void()) {
      why = "void: " + joined(runs[i].void_reasons, "; ");
    } else if (!runs[i].account.sound()) {
      why = "its accounts do not come out";
    } else if (runs[i].interrupted) {
      why = "interrupted";
    }
    if (why.empty()) {
      kept.push_back(&runs[i]);
    } else {
      comparison.left_out.push_back(concat(set, i + 1, ", started ", iso_time(runs[i].started_unix_s), ": ", why));
    }
  }
  if (kept.empty()) {
    throw std::runtime_error(
        concat("no run of ", set, " can count as evidence",
               comparison.left_out.empty() ? "" : "; left out: " + joined(comparison.left_out, "; ")));
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
    // The target is named above, and would be named twice.
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

struct Metric {
  const char* name;
  bool is_rate;
  double (*of)(const RunResult&);
};

constexpr Metric kMetrics[] = {
    {"p50", false, [](const RunResult& run) { return static_cast<double>(run.latency.quantile(0.5)); }},
    {"p90", false, [](const RunResult& run) { return static_cast<double>(run.latency.quantile(0.9)); }},
    {"p99", false, [](const RunResult& run) { return static_cast<double>(run.latency.quantile(0.99)); }},
    {"p99.9", false, [](const RunResult& run) { return static_cast<double>(run.latency.quantile(0.999)); }},
    {"mean", false, [](const RunResult& run) { return run.latency.mean(); }},
    {"rate", true, [](const RunResult& run) { return run.achieved_rate; }},
};

std::vector<double> logarithms(const std::vector<double>& values) {
  std::vector<double> logs;
  logs.reserve(values.size());
  for (const double value : values) logs.push_back(std::log(value));
  return logs;
}

MetricComparison compare_metric(const Metric& metric, const Runs& a, const Runs& b) {
  MetricComparison found;
  found.name = metric.name;
  found.is_rate = metric.is_rate;
  for (const RunResult* run : a) found.a.push_back(metric.of(*run));
  for (const RunResult* run : b) found.b.push_back(metric.of(*run));
  const auto measured = [](double value) { return value > 0; };
  if (!std::all_of(found.a.begin(), found.a.end(), measured) ||
      !std::all_of(found.b.begin(), found.b.end(), measured)) {
    return found;
  }
  const Shift shift = estimate_shift(logarithms(found.a), logarithms(found.b), kLevel);
  found.ratio = std::exp(shift.estimate);
  found.low = std::exp(shift.low);
  found.high = std::exp(shift.high);
  found.level = shift.level;
  found.verdict = shift.level < kLevel ? Verdict::kTooFewRuns
                  : shift.high < 0     ? Verdict::kLower
                  : shift.low > 0      ? Verdict::kHigher
                                       : Verdict::kNoDifference;
  return found;
}

}  // namespace

Comparison compare_runs(const std::vector<RunResult>& a, const std::vector<RunResult>& b) {
  Comparison comparison;
  Seen seen;
  const Runs of_a = evidence(a, "A", seen, comparison);
  const Runs of_b = evidence(b, "B", seen, comparison);
  comparison.a_runs = of_a.size();
  comparison.b_runs = of_b.size();
  comparison.different = differences(of_a, of_b);
  for (const Metric& metric : kMetrics) comparison.metrics.push_back(compare_metric(metric, of_a, of_b));
  return comparison;
}

std::string compare(const std::vector<RunResult>& a, const std::vector<RunResult>& b, bool json) {
  const Comparison comparison = compare_runs(a, b);
  return json ? to_json(comparison) : to_text(comparison);
}

}  // namespace onehop::loadgen
