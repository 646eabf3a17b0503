// Whether a run has done what was planned, and what the program ends with.
//
// A run succeeds if every planned message was issued, sent and delivered, nobody's connection broke, and nothing
// happened that cannot be; unless --allow permits it in so many words. Messages for slow readers may be refused, expire
// or wait, since a workload with slow readers means them to. A step of a capacity search is judged by its --slo instead
// (capacity.h), and a search has failed if it found nothing.
#pragma once

#include <string>
#include <vector>

#include "loadgen/measure/result.h"

namespace onehop::loadgen {

enum ExitCode : int {
  kGood = 0,
  kFailed = 1,  // Not all that was planned was done, a threshold was not kept, or there is something that cannot be.
  kUsage = 2,
  kCannotConnect = 3,  // Or the preflight found that it cannot work.
  kVoid = 4,           // The generator was the limit: the figures say nothing about the system.
  kInterrupted = 130,  // By SIGINT or SIGTERM; what shells say of a program that SIGINT has ended.
};

// What was planned and was not done, and what happened that must not: a line for each. None: the run has done it all.
std::vector<std::string> failures(const RunResult& result);

// In this order: what cannot be (that is true of every run), an interruption, what the target did not do, void, what
// the generator did not issue, and thresholds.
ExitCode exit_code_of(const RunResult& result);

}  // namespace onehop::loadgen
