// Whether a run did what was planned, and the exit code of the program.
//
// A run succeeds if every planned message was issued, sent and delivered, no connection broke, and no fault occurred.
// --allow can permit each of these by name. Messages for slow readers may be refused, expire or wait, because a
// workload with slow readers intends that. The --slo judges a step of a capacity search instead (capacity.h), and a
// search fails if it finds nothing.
#pragma once

#include <string>
#include <vector>

#include "loadgen/measure/result.h"

namespace onehop::loadgen {

enum ExitCode : int {
  kGood = 0,
  kFailed = 1,  // Something planned was not done, a threshold was not kept, or a fault occurred.
  kUsage = 2,
  kCannotConnect = 3,  // Also if the checks before the run fail.
  kVoid = 4,           // The generator was the limit, so the figures say nothing about the system.
  kInterrupted = 130,  // Ended by SIGINT or SIGTERM. Shells use this code for SIGINT.
};

// One line for each planned thing that was not done and each fault. No line means success.
std::vector<std::string> failures(const RunResult& result);

// The first of these decides: faults (which are true of every run), an interruption, what the target did not do, void,
// what the generator did not issue, and thresholds.
ExitCode exit_code_of(const RunResult& result);

}  // namespace onehop::loadgen
