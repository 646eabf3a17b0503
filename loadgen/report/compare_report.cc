// Prints a comparison as text and as JSON.
#include <cmath>

#include "loadgen/measure/quantity.h"
#include "loadgen/measure/text.h"
#include "loadgen/report/comparison.h"
#include "loadgen/report/foreign_text.h"
#include "loadgen/report/json.h"
#include "loadgen/report/json_keys.h"
#include "loadgen/report/print.h"
#include "loadgen/report/rank_statistics.h"
#include "loadgen/report/verdict.h"

namespace onehop::loadgen {
namespace {

const char* word_for(Slower slower) {
  switch (slower) {
    case Slower::kNo:
      return "not slower";
    case Slower::kYes:
      return "slower";
    case Slower::kCannotTell:
      return "cannot tell";
    case Slower::kNotJudged:
      return "not judged";
  }
  return "";
}

const char* word_for(Verdict verdict) {
  switch (verdict) {
    case Verdict::kLower:
      return "lower";
    case Verdict::kHigher:
      return "higher";
    case Verdict::kNoDifference:
      return "no difference seen";
    case Verdict::kTooFewRuns:
      return "too few runs";
    case Verdict::kSpoiled:
      return "spoiled";
    case Verdict::kNotMeasured:
      return "not measured";
  }
  return "";
}

double per_cent(double ratio) {
  return 100 * (ratio - 1);
}

// 97.14 becomes "97.1". Rounding down claims no more than is true.
std::string print_level(double level) {
  return printed("%.4g %%", std::floor(level * 1000 + 1e-9) / 10);
}

// "-3.1 to +0.4 %"
std::string print_interval(const MetricComparison& metric) {
  return printed("%+.1f to %+.1f %%", per_cent(metric.low), per_cent(metric.high));
}

std::string sentence(const MetricComparison& metric) {
  const std::string level = print_level(metric.level);
  switch (metric.verdict) {
    case Verdict::kLower:
      return printed("B is lower by %.1f %% (%s interval %.1f to %.1f %%)", -per_cent(metric.ratio), level.c_str(),
                     -per_cent(metric.high), -per_cent(metric.low));
    case Verdict::kHigher:
      return printed("B is higher by %.1f %% (%s interval %.1f to %.1f %%)", per_cent(metric.ratio), level.c_str(),
                     per_cent(metric.low), per_cent(metric.high));
    case Verdict::kNoDifference:
      return concat("no difference seen (", level, " interval ", print_interval(metric), ")");
    case Verdict::kTooFewRuns:
      return concat("too few runs to say (", level, " interval ", print_interval(metric), ")");
    case Verdict::kSpoiled:
      return "spoiled by the generator's own lag in at least one run";
    case Verdict::kNotMeasured:
      break;
  }
  return "not measured in every run, or some never came";
}

std::string print_values(const MetricComparison& metric, const std::vector<double>& values) {
  return joined(values, "  ", [&](double value) -> std::string {
    if (value <= 0) return "–";
    return metric.is_rate ? print_rate(value) : print_duration(value);
  });
}

// The metrics that fail or cannot be judged, and then the verdict.
std::string print_slower(const Comparison& comparison) {
  std::string text = "\n";
  const std::string allowed = printed("%.4g %%", 100 * *comparison.slower_max);
  for (const auto& [name, slower] : comparison.slower) {
    if (slower == Slower::kNo) continue;
    text += concat(name,
                   slower == Slower::kYes          ? ": B is SLOWER by more than "
                   : slower == Slower::kCannotTell ? ": CANNOT TELL whether B is slower by more than "
                                                   : ": NOT JUDGED whether B is slower by more than ",
                   allowed, "\n");
  }
  if (comparison.slower.empty()) text += "nothing was measured that could be slower\n";
  return text + (comparison.is_slower() ? "FAILED: B may be slower than A by more than " + allowed + "\n"
                                        : "passed: B is not seen to be slower than A by more than " + allowed + "\n");
}

// A value is null if it was not measured or never came.
Json json_of(const MetricComparison& metric, const std::vector<double>& values) {
  Json list = Json::array();
  for (const double value : values) {
    // Latencies are in microseconds, as in the file of a run.
    if (value > 0 && std::isfinite(value)) {
      list.push_back(metric.is_rate ? value : std::round(value) / 1000);
    } else {
      list.push_back(nullptr);
    }
  }
  return list;
}

bool too_few(const Comparison& comparison) {
  for (const MetricComparison& metric : comparison.metrics) {
    if (metric.verdict == Verdict::kTooFewRuns) return true;
  }
  return false;
}

}  // namespace

std::string to_text(const Comparison& comparison) {
  std::string text = concat("B against A: ", comparison.a_runs, comparison.a_runs == 1 ? " run" : " runs", " of A, ",
                            comparison.b_runs, " of B\n");
  for (const std::string& left_out : comparison.left_out) text += concat("LEFT OUT ", visible(left_out), "\n");
  for (const std::string& doubt : comparison.doubtful) text += concat("DOUBTFUL ", visible(doubt), "\n");
  for (const std::string& different : comparison.different) text += concat("they differ in ", visible(different), "\n");
  for (const MetricComparison& metric : comparison.metrics) {
    text += concat("\n", printed("%-6s ", metric.name.c_str()), sentence(metric), "\n");
    text += concat("       A  ", print_values(metric, metric.a), "\n");
    text += concat("       B  ", print_values(metric, metric.b), "\n");
  }
  if (too_few(comparison)) {
    text += concat("\nToo few runs to say: ", smallest_sample(kLevel), " of each give ", print_level(kLevel), ".\n");
  }
  return comparison.slower_max ? text + print_slower(comparison) : text;
}

std::string to_json(const Comparison& comparison) {
  Json metrics = Json::object();
  for (const MetricComparison& metric : comparison.metrics) {
    Json one = {{metric.is_rate ? "a" : "a_us", json_of(metric, metric.a)},
                {metric.is_rate ? "b" : "b_us", json_of(metric, metric.b)}};
    const bool known = metric.is_estimated();
    one["ratio"] = known ? Json(metric.ratio) : Json(nullptr);
    one["ratio_low"] = known ? Json(metric.low) : Json(nullptr);
    one["ratio_high"] = known ? Json(metric.high) : Json(nullptr);
    one["level"] = known ? Json(metric.level) : Json(nullptr);
    one["verdict"] = word_for(metric.verdict);
    metrics[metric.name] = std::move(one);
  }
  Json slower = nullptr;
  if (comparison.slower_max) {
    Json judged = Json::object();
    for (const auto& [name, verdict] : comparison.slower) judged[name] = word_for(verdict);
    slower = {{"allowed_part", *comparison.slower_max}, {"failed", comparison.is_slower()}, {"metrics", judged}};
  }
  const Json json = {{"format", kJsonFormat},
                     {"kind", "comparison"},
                     {"exit_code", static_cast<int>(comparison.is_slower() ? kFailed : kGood)},
                     {"a_runs", comparison.a_runs},
                     {"b_runs", comparison.b_runs},
                     {"wanted_level", kLevel},
                     {"left_out", comparison.left_out},
                     {"doubtful", comparison.doubtful},
                     {"different", comparison.different},
                     {"metrics", std::move(metrics)},
                     {"slower", std::move(slower)}};
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace onehop::loadgen
