// What a seeded test draws its choices from: the same seed makes the same choices.
#pragma once

#include <cstdint>
#include <random>

namespace onehop::client {

class Random {
 public:
  explicit Random(uint64_t seed) : engine_(seed) {}
  uint64_t below(uint64_t bound) { return engine_() % bound; }
  bool one_in(uint64_t n) { return below(n) == 0; }

 private:
  std::mt19937_64 engine_;
};

}  // namespace onehop::client
