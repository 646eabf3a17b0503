// See the header. Here are the rules with their figures.
#include "loadgen/run/void_reasons.h"

#include <cmath>
#include <utility>

#include "loadgen/measure/quantity.h"
#include "loadgen/report/spoiled.h"

namespace onehop::loadgen {
namespace {

constexpr double kBusyMax = 0.95;
constexpr double kMissedMax = 0.001;
constexpr uint64_t kLagShare = 4;
constexpr const char* kAdvice = "; give it more threads or processors of its own, or lower the rate";

std::string per_cent(double part) {
  return std::to_string(std::lround(part * 100)) + " %";
}

}  // namespace

std::vector<std::string> spoiled_reasons(const RunResult& result) {
  std::vector<std::string> reasons;
  const Latency timed = timed_of(result);
  for (const auto& [name, quantile] : {std::pair{"99th", 0.99}, {"90th", 0.9}, {"50th", 0.5}}) {
    if (!is_spoiled(result, timed, quantile)) continue;
    const auto lag = static_cast<double>(lag_in(result, timed, quantile));
    const auto latency = static_cast<double>((result.*timed).quantile(quantile));
    reasons.push_back(std::string("the generator was late by itself: the ") + name + " percentile of its lag is " +
                      print_duration(lag) + ", of latencies of " + print_duration(latency) + kAdvice);
    break;
  }
  for (const ThresholdResult& threshold : result.thresholds) {
    if (!threshold.spoiled) continue;
    reasons.push_back("'" + threshold.text + "' cannot be judged: too much of it is the generator's own lag" + kAdvice);
  }
  return reasons;
}

std::vector<std::string> void_reasons(const RunResult& result, bool spins) {
  std::vector<std::string> reasons = spoiled_reasons(result);
  const Generator& generator = result.generator;
  const bool too_busy = !result.open_loop || generator.lag.quantile(0.99) > generator.lag_allowed / kLagShare;
  if (generator.busiest_thread > kBusyMax && too_busy && !spins) {
    std::string reason = "a thread of the generator ran, or waited for a processor, for " +
                         per_cent(generator.busiest_thread) + " of the run";
    if (generator.waiting_for_cpu > 0.05) reason += " (waited: " + per_cent(generator.waiting_for_cpu) + ")";
    reasons.push_back(reason + kAdvice);
  }
  const auto due = static_cast<double>(generator.missed_arrivals + generator.lag.count());
  if (static_cast<double>(generator.missed_arrivals) > kMissedMax * due) {
    reasons.push_back(print_count(generator.missed_arrivals) + " messages were due and never issued");
  }
  return reasons;
}

}  // namespace onehop::loadgen
