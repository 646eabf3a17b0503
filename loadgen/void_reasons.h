// Whether a run says anything about the system, or only about the generator.
//
// It is void if
//   * the generator was late by itself: the 99th percentile of its lag (from a message's intended time to when a thread
//     took it up) is above `lag_max_ns` and above a quarter of the 99th percentile of the latencies. Lag is part of the
//     corrected latencies; below that it does not change what they say;
//   * a thread of it was never idle: it ran, or waited for a processor, for more than 95 % of the run (unless it
//   spins). In
//     an open loop that alone is no reason: the busier a thread, the more it does at once, at less cost for each
//     message. There its lag must also be above a quarter of `lag_max_ns`;
//   spins);
//   * more than 0.1 % of the arrivals that were due were not issued by the end of the run.
#pragma once

#include <string>
#include <vector>

#include "loadgen/result.h"

namespace onehop::loadgen {

struct VoidRules {
  uint64_t lag_max_ns = 1'000'000;
  bool spins = false;
};

// One line for each, with the figures and what to do; none: the run is good.
std::vector<std::string> void_reasons(const RunResult& result, const VoidRules& rules);

}  // namespace onehop::loadgen
