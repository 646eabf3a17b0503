// Runs as they might have been, for the tests of the reports.
#pragma once

#include <cstdint>

#include "loadgen/measure/result.h"

namespace onehop::loadgen {

// 20 seconds at 5,000/s in which the target stood still for 300 ms in the tenth; every field is filled. The same for
// the same seed.
RunResult sample_run(uint64_t seed);

// A search that found the knee at 60,000/s.
Capacity sample_capacity(uint64_t seed);

}  // namespace onehop::loadgen
