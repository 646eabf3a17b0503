// The generator's own random numbers: the same from the same seed with every compiler and library, which <random>'s
// distributions are not.
#pragma once

#include <cmath>
#include <cstdint>

namespace onehop::loadgen {

// SplitMix64.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}

  uint64_t next() {
    uint64_t z = (state_ += 0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
    return z ^ (z >> 31);
  }
  // 0 to 1, without 1.
  double part() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }
  // 0 to bound - 1; `bound` is not 0.
  uint32_t below(uint32_t bound) { return static_cast<uint32_t>((next() >> 32) * bound >> 32); }
  // The time to the next event where they come independently, with this mean.
  double exponential(double mean) { return -std::log1p(-part()) * mean; }

 private:
  uint64_t state_;
};

}  // namespace onehop::loadgen
