// A comparison in words, and as JSON.
#include <cmath>
#include <nlohmann/json.hpp>

#include "loadgen/comparison.h"
#include "loadgen/print.h"
#include "loadgen/quantity.h"
#include "loadgen/rank_statistics.h"
#include "loadgen/text.h"

namespace onehop::loadgen {
namespace {

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
    case Verdict::kNotMeasured:
      return "not measured";
  }
  return "";
}

double per_cent(double ratio) {
  return 100 * (ratio - 1);
}

// 97.14 becomes "97.1": rounded down, so that no more is claimed than is true.
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
    case Verdict::kNotMeasured:
      break;
  }
  return "not measured in every run";
}

std::string print_values(const MetricComparison& metric, const std::vector<double>& values) {
  return joined(values, "  ", [&](double value) { return metric.is_rate ? print_rate(value) : print_duration(value); });
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
  for (const std::string& different : comparison.different) text += concat("they differ in ", visible(different), "\n");
  for (const MetricComparison& metric : comparison.metrics) {
    text += concat("\n", printed("%-6s ", metric.name.c_str()), sentence(metric), "\n");
    text += concat("       A  ", print_values(metric, metric.a), "\n");
    text += concat("       B  ", print_values(metric, metric.b), "\n");
  }
  if (too_few(comparison)) {
    text += concat("\nToo few runs to say: ", smallest_sample(kLevel), " of each give ", print_level(kLevel), ".\n");
  }
  return text;
}

std::string to_json(const Comparison& comparison) {
  using Json = nlohmann::ordered_json;
  Json metrics = Json::object();
  for (const MetricComparison& metric : comparison.metrics) {
    // Latencies in microseconds, as in a run's own file.
    std::vector<double> values[2] = {metric.a, metric.b};
    for (auto& set : values) {
      for (double& value : set) value = metric.is_rate ? value : std::round(value) / 1000;
    }
    Json one = {{metric.is_rate ? "a" : "a_us", values[0]}, {metric.is_rate ? "b" : "b_us", values[1]}};
    if (metric.verdict != Verdict::kNotMeasured) {
      one["ratio"] = metric.ratio;
      one["ratio_low"] = metric.low;
      one["ratio_high"] = metric.high;
      one["level"] = metric.level;
    }
    one["verdict"] = word_for(metric.verdict);
    metrics[metric.name] = std::move(one);
  }
  const Json json = {
      {"a_runs", comparison.a_runs},     {"b_runs", comparison.b_runs},       {"wanted_level", kLevel},
      {"left_out", comparison.left_out}, {"different", comparison.different}, {"metrics", std::move(metrics)}};
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace onehop::loadgen
