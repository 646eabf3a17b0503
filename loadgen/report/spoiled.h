// Which figures of a run are the generator's own and not the target's.
//
// A percentile is spoiled when the generator's lag at the same percentile is more than a tenth of it, and more than
// --lag-max. A generator that stood still for 100 ms in 30 s spoils the 99.9th percentile and leaves the 99th alone.
// The mean is spoiled when the mean of the lag is more than a tenth of it, and the longest lag more than --lag-max.
#pragma once

#include <string>
#include <vector>

#include "loadgen/measure/result.h"

namespace onehop::loadgen {

using Latency = Histogram RunResult::*;

// What the run times: the latencies of its messages, or of its connects if it has no messages.
Latency timed_of(const RunResult& result);

// The lag that is in this percentile of `latency`, in ns: of taking messages up, or of reading them, whichever is the
// longer.
uint64_t lag_in(const RunResult& result, Latency latency, double quantile);

bool is_spoiled(const RunResult& result, Latency latency, double quantile);
bool is_mean_spoiled(const RunResult& result, Latency latency);

// Of the figures that are printed: "p99_9", "max", "mean".
std::vector<std::string> spoiled_figures(const RunResult& result, Latency latency);

}  // namespace onehop::loadgen
