// How long to wait before the next attempt to connect: doubled with each that fails, jittered, so that many clients
// that lost the same broker do not all come back at once.
#pragma once

#include <algorithm>
#include <cstdint>

namespace onehop::client {

class Backoff {
 public:
  Backoff(uint32_t ms_min, uint32_t ms_max, uint64_t seed)
      : ms_min_(std::max<uint64_t>(ms_min, 1)), ms_max_(std::max<uint64_t>(ms_max, ms_min_)), state_(seed) {}

  // The wait after one more attempt that failed: in the upper half of min × 2^failures, at most max.
  uint64_t next() {
    const uint64_t full = std::min(ms_min_ << std::min(failures_, 32U), ms_max_);
    ++failures_;
    const uint64_t half = full / 2;
    return full - (half == 0 ? 0 : random() % (half + 1));
  }
  // A time between `ms` and half as much again, whatever has failed.
  uint64_t spread(uint64_t ms) { return ms + random() % (ms / 2 + 1); }
  // An attempt was worth it: begins anew.
  void reset() { failures_ = 0; }

 private:
  // splitmix64: a step and a finalizer; spread is all that is asked of it.
  uint64_t random() {
    state_ += 0x9E3779B97F4A7C15;
    uint64_t value = state_;
    value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9;
    value = (value ^ (value >> 27)) * 0x94D049BB133111EB;
    return value ^ (value >> 31);
  }

  uint64_t ms_min_;
  uint64_t ms_max_;
  uint64_t state_;
  unsigned failures_ = 0;
};

}  // namespace onehop::client
