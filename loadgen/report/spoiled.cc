// See the header.
#include "loadgen/report/spoiled.h"

#include <algorithm>

#include "loadgen/report/json_keys.h"

namespace onehop::loadgen {
namespace {

constexpr uint64_t kShareMax = 10;  // Lag may be up to a tenth of a figure.

// Whether the schedule decides when these latencies begin. Clients that stay connect before the schedule begins.
bool is_scheduled(const RunResult& result, Latency latency) {
  if (latency == &RunResult::uncorrected) return false;  // These latencies begin with the write.
  if (latency != &RunResult::connect_latency) return true;
  return !result.has_rate() || result.counts_connects() || result.has_workload("churn");
}

bool is_read_in_the_run(const RunResult& result, Latency latency) {
  return latency != &RunResult::connect_latency || is_scheduled(result, latency);
}

}  // namespace

Latency timed_of(const RunResult& result) {
  return result.latency.empty() ? &RunResult::connect_latency : &RunResult::latency;
}

uint64_t lag_in(const RunResult& result, Latency latency, double quantile) {
  const uint64_t taking_up = is_scheduled(result, latency) ? result.generator.lag.quantile(quantile) : 0;
  const uint64_t reading = is_read_in_the_run(result, latency) ? result.generator.read_lag.quantile(quantile) : 0;
  return std::max(taking_up, reading);
}

bool is_spoiled(const RunResult& result, Latency latency, double quantile) {
  if ((result.*latency).empty()) return false;
  const uint64_t lag = lag_in(result, latency, quantile);
  return lag > result.generator.lag_allowed &&
         (lag == Histogram::kNever || lag > (result.*latency).quantile(quantile) / kShareMax);
}

bool is_mean_spoiled(const RunResult& result, Latency latency) {
  if ((result.*latency).empty() || lag_in(result, latency, 1) <= result.generator.lag_allowed) return false;
  const double taking_up = is_scheduled(result, latency) ? result.generator.lag.mean() : 0;
  const double reading = is_read_in_the_run(result, latency) ? result.generator.read_lag.mean() : 0;
  return std::max(taking_up, reading) * kShareMax > (result.*latency).mean();
}

std::vector<std::string> spoiled_figures(const RunResult& result, Latency latency) {
  std::vector<std::string> figures;
  for (const auto& [key, quantile] : kPercentileKeys) {
    if (is_spoiled(result, latency, quantile)) figures.emplace_back(key);
  }
  if (is_spoiled(result, latency, 1)) figures.emplace_back("max");
  if (is_mean_spoiled(result, latency)) figures.emplace_back("mean");
  return figures;
}

}  // namespace onehop::loadgen
