// One seed, played from beginning to end.
#pragma once

#include <cstdint>
#include <string>

#include "sim/coverage.h"

namespace onehop::sim {

struct RunResult {
  uint64_t trace = 0;
  uint64_t messages = 0;
  uint64_t simulated_us = 0;
  Coverage coverage;
  std::string failure;  // Empty if every promise was kept.
};

RunResult run_seed(uint64_t seed, bool verbose);
// The line that two programs have in common if they simulate alike.
void print_run(uint64_t seed, const RunResult& result);

}  // namespace onehop::sim
