// The keys on which json_report.cc and json_reader.cc agree.
#pragma once

#include <array>
#include <utility>

#include "loadgen/measure/result.h"

namespace onehop::loadgen {

// The number grows with every change that an older reader would misread.
inline constexpr int kJsonFormat = 2;

inline constexpr std::array<std::pair<const char*, double>, 6> kPercentileKeys = {
    {{"p50", 0.5}, {"p90", 0.9}, {"p95", 0.95}, {"p99", 0.99}, {"p99_9", 0.999}, {"p99_99", 0.9999}}};

struct NamedLatency {
  const char* key;     // The key in `histograms`.
  const char* prefix;  // The text before latency_us.
  const char* label;   // The name for people.
  Histogram RunResult::*histogram;
};

inline constexpr std::array<NamedLatency, 6> kLatencies = {{
    {"latency", "", "latency", &RunResult::latency},
    {"uncorrected", "uncorrected_", "uncorrected", &RunResult::uncorrected},
    {"confirm", "confirm_", "confirm", &RunResult::confirm_latency},
    {"connect", "connect_", "connect", &RunResult::connect_latency},
    {"handshake", "handshake_", "handshake", &RunResult::handshake_latency},
    {"slow", "slow_", "slow readers", &RunResult::slow_latency},
}};

}  // namespace onehop::loadgen
