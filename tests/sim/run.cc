// One seed: see the header.
#include "sim/run.h"

#include <cstdio>

#include "sim/client.h"
#include "sim/shard_host.h"
#include "sim/world.h"

namespace onehop::sim {

RunResult run_seed(uint64_t seed, bool verbose) {
  World world(seed, verbose);
  world.run();
  RunResult result;
  result.trace = world.trace.value();
  result.messages = world.oracle.messages();
  result.simulated_us = world.now_us();
  result.coverage = world.coverage;
  result.failure = world.oracle.failure();
  return result;
}

void print_run(uint64_t seed, const RunResult& result) {
  std::printf("seed %llu trace %016llx messages %llu simulated %.3f s\n", static_cast<unsigned long long>(seed),
              static_cast<unsigned long long>(result.trace), static_cast<unsigned long long>(result.messages),
              static_cast<double>(result.simulated_us) / 1e6);
}

}  // namespace onehop::sim
