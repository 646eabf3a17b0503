// The rules of the header, with their figures.
#include "loadgen/void_reasons.h"

#include <cmath>

#include "loadgen/quantity.h"

namespace onehop::loadgen {
namespace {

constexpr double kBusyMax = 0.95;
constexpr double kMissedMax = 0.001;
constexpr uint64_t kLagShare = 4;

std::string per_cent(double part) {
  return std::to_string(std::lround(part * 100)) + " %";
}

}  // namespace

std::vector<std::string> void_reasons(const RunResult& result, const VoidRules& rules) {
  std::vector<std::string> reasons;
  const Generator& generator = result.generator;
  const uint64_t lag = generator.lag.quantile(0.99);
  // Of a storm, connecting is what is timed.
  const Histogram& timed = result.latency.empty() ? result.connect_latency : result.latency;
  if (lag > rules.lag_max_ns && lag > timed.quantile(0.99) / kLagShare) {
    reasons.push_back("the generator was late by itself: the 99th percentile of its lag is " +
                      print_duration(static_cast<double>(lag)) +
                      "; give it more threads or processors of its own, or lower the rate");
  }
  const bool too_busy = !result.open_loop || lag > rules.lag_max_ns / kLagShare;
  if (generator.busiest_thread > kBusyMax && too_busy && !rules.spins) {
    std::string reason = "a thread of the generator ran, or waited for a processor, for " +
                         per_cent(generator.busiest_thread) + " of the run";
    if (generator.waiting_for_cpu > 0.05) reason += " (waited: " + per_cent(generator.waiting_for_cpu) + ")";
    reasons.push_back(reason + "; give it more threads or processors of its own, or lower the rate");
  }
  const auto due = static_cast<double>(generator.missed_arrivals + generator.lag.count());
  if (static_cast<double>(generator.missed_arrivals) > kMissedMax * due) {
    reasons.push_back(print_count(generator.missed_arrivals) + " messages were due and never issued");
  }
  return reasons;
}

}  // namespace onehop::loadgen
