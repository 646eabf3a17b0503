// Invented runs for the tests of the reports.
#pragma once

#include <cstdint>

#include "loadgen/measure/result.h"

namespace onehop::loadgen {

// A run of 20 seconds at 5,000/s, in which the target stood still for 300 ms in the tenth second. Every field is
// filled. The same seed gives the same run.
RunResult sample_run(uint64_t seed);

// A search that found the knee at 60,000/s.
Capacity sample_capacity(uint64_t seed);

}  // namespace onehop::loadgen
