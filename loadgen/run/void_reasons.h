// Whether a run says anything about the system, or only about the generator.
//
// A run is void if
//   * the generator was late by itself: its lag spoils the 50th, 90th or 99th percentile (spoiled.h);
//   * a --threshold is about a figure that its lag has spoiled;
//   * one of its threads was never idle: it ran, or waited for a processor, for more than 95 % of the run, and does not
//     spin. In an open loop the 99th percentile of the lag must also be above a quarter of --lag-max, because a busy
//     thread handles more messages at once there, at less cost for each;
//   * more than 0.1 % of the arrivals that were due were not issued by the end of the run.
#pragma once

#include <string>
#include <vector>

#include "loadgen/measure/result.h"

namespace onehop::loadgen {

// The first two reasons, which apply to a sum of runs as well. One line for each, with the figures and advice; no line
// means that the run is good.
std::vector<std::string> spoiled_reasons(const RunResult& result);

// All reasons for one run. `spins` says that its threads never sleep.
std::vector<std::string> void_reasons(const RunResult& result, bool spins);

}  // namespace onehop::loadgen
