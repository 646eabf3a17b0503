// The generator's random numbers. The same seed gives the same numbers with every compiler and library, which the
// distributions of <random> do not.
#pragma once

#include <cmath>
#include <cstdint>

namespace onehop::loadgen {

// The algorithm is SplitMix64.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}

  uint64_t next() {
    uint64_t z = (state_ += 0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
    return z ^ (z >> 31);
  }
  // A number from 0 to 1, but never 1.
  double part() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }
  // A number from 0 to bound - 1. `bound` must not be 0.
  uint32_t below(uint32_t bound) { return static_cast<uint32_t>((next() >> 32) * bound >> 32); }
  // The time until the next event if events come independently of each other, with this mean.
  double exponential(double mean) { return -std::log1p(-part()) * mean; }

 private:
  uint64_t state_;
};

}  // namespace onehop::loadgen
