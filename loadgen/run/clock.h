// The two clocks of the generator.
#pragma once

#include <cstdint>

namespace onehop::loadgen {

// Nanoseconds of the monotonic clock, which all threads and processes of this machine share.
uint64_t now_ns();

// Seconds since 1970, on which machines agree about a start.
double unix_now_s();

}  // namespace onehop::loadgen
