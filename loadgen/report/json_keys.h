// What json_report.cc writes and json_reader.cc reads: the two agree here.
#pragma once

#include <array>
#include <utility>

#include "loadgen/measure/result.h"

namespace onehop::loadgen {

// Grows with every change that an older reader would misread.
inline constexpr int kJsonFormat = 2;

inline constexpr std::array<std::pair<const char*, double>, 6> kPercentileKeys = {
    {{"p50", 0.5}, {"p90", 0.9}, {"p95", 0.95}, {"p99", 0.99}, {"p99_9", 0.999}, {"p99_99", 0.9999}}};

struct NamedLatency {
  const char* key;   // In `histograms`.
  const char* name;  // Before latency_us.
  Histogram RunResult::*histogram;
};

inline constexpr std::array<NamedLatency, 5> kLatencies = {{
    {"latency", "", &RunResult::latency},
    {"uncorrected", "uncorrected_", &RunResult::uncorrected},
    {"confirm", "confirm_", &RunResult::confirm_latency},
    {"connect", "connect_", &RunResult::connect_latency},
    {"slow", "slow_", &RunResult::slow_latency},
}};

}  // namespace onehop::loadgen
