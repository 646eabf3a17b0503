// Which figures of a run show the generator and not the target.
//
// A percentile is spoiled if the generator's lag at the same percentile is more than a tenth of it and more than
// --lag-max. A generator that stands still for 100 ms in 30 s spoils the 99.9th percentile and leaves the 99th alone.
// The mean is spoiled if the mean lag is more than a tenth of it and the longest lag is more than --lag-max.
#pragma once

#include <string>
#include <vector>

#include "loadgen/measure/result.h"

namespace onehop::loadgen {

using Latency = Histogram RunResult::*;

// The latencies that the run times: those of its messages, or of its connects if it has no messages.
Latency timed_of(const RunResult& result);

// The lag in this percentile of `latency`, in nanoseconds: the lag of taking messages up or of reading them, whichever
// is longer.
uint64_t lag_in(const RunResult& result, Latency latency, double quantile);

bool is_spoiled(const RunResult& result, Latency latency, double quantile);
bool is_mean_spoiled(const RunResult& result, Latency latency);

// The names of the spoiled figures among those that are printed: "p99_9", "max", "mean".
std::vector<std::string> spoiled_figures(const RunResult& result, Latency latency);

}  // namespace onehop::loadgen
