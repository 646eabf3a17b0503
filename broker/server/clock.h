// A monotonic clock, finer than the loop's, and the wall clock.
#pragma once

#include <time.h>

#include <cstdint>

namespace onehop::server {

inline uint64_t clock_ns() {
  timespec at;
  clock_gettime(CLOCK_MONOTONIC, &at);
  return static_cast<uint64_t>(at.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(at.tv_nsec);
}

// Since 1970.
inline uint64_t unix_ms() {
  timespec at;
  clock_gettime(CLOCK_REALTIME, &at);
  return static_cast<uint64_t>(at.tv_sec) * 1'000 + static_cast<uint64_t>(at.tv_nsec) / 1'000'000;
}

}  // namespace onehop::server
