// One seed: see the header.
#include "sim/run.h"

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

}  // namespace onehop::sim
