// The simulator's own random source: the same numbers for the same seed under every compiler and library.
//
// Never draw twice within one expression: the order of evaluation is the compiler's choice.
#pragma once

#include <cstddef>
#include <cstdint>

namespace onehop::sim {

class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}

  // splitmix64.
  uint64_t next() {
    state_ += 0x9E3779B97F4A7C15;
    uint64_t value = state_;
    value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9;
    value = (value ^ (value >> 27)) * 0x94D049BB133111EB;
    return value ^ (value >> 31);
  }

  // 0 to bound - 1; 0 for a bound of 0.
  uint32_t below(uint64_t bound) { return static_cast<uint32_t>(((next() >> 32) * bound) >> 32); }
  // Both ends included.
  uint32_t between(uint32_t low, uint32_t high) { return low + below(uint64_t{high} - low + 1); }
  bool chance(uint32_t permille) { return below(1000) < permille; }

  // Another source, whose numbers do not depend on how many are drawn here later.
  Random fork() { return Random(next()); }

 private:
  uint64_t state_;
};

}  // namespace onehop::sim
