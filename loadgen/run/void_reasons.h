// Whether a run says anything about the system, or only about the generator.
//
// It is void if
//   * the generator was late by itself: its lag has spoiled the 50th, 90th or 99th percentile (spoiled.h);
//   * a --threshold is about a figure that its lag has spoiled;
//   * a thread of it was never idle: it ran, or waited for a processor, for more than 95 % of the run (unless it
//     spins). In an open loop that alone is no reason: the busier a thread, the more it does at once, at less cost for
//     each message. There the 99th percentile of its lag must also be above a quarter of --lag-max;
//   * more than 0.1 % of the arrivals that were due were not issued by the end of the run.
#pragma once

#include <string>
#include <vector>

#include "loadgen/measure/result.h"

namespace onehop::loadgen {

// The first two, which can be said of a sum of runs as well. One line for each, with the figures and what to do; none:
// the run is good.
std::vector<std::string> spoiled_reasons(const RunResult& result);

// All of them, of one run. `spins`: its threads never sleep.
std::vector<std::string> void_reasons(const RunResult& result, bool spins);

}  // namespace onehop::loadgen
