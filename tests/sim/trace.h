// The fingerprint of a run: a hash of every call between the shards and their host, with its bytes, in order. Two runs
// of one seed that differ anywhere differ here.
#pragma once

#include <cstdint>
#include <cstring>

#include "core/bytes.h"

namespace onehop::sim {

// Not for hostile input, only fast: four lanes, so that one multiplication need not wait for the one before.
inline uint64_t hash_bytes(core::Bytes bytes, uint64_t seed = 0) {
  constexpr uint64_t kMultiplier = 0x9E3779B97F4A7C15;
  constexpr size_t kLanes = 4;
  uint64_t lanes[kLanes] = {seed ^ (bytes.size() * kMultiplier), seed + 1, seed + 2, seed + 3};
  const char* at = bytes.data();
  size_t left = bytes.size();
  uint64_t words[kLanes];
  for (; left >= sizeof words; left -= sizeof words, at += sizeof words) {
    std::memcpy(words, at, sizeof words);
    for (size_t i = 0; i < kLanes; ++i) {
      lanes[i] = (lanes[i] ^ words[i]) * kMultiplier;
      lanes[i] ^= lanes[i] >> 32;
    }
  }
  if (left != 0) {
    std::memset(words, 0, sizeof words);
    std::memcpy(words, at, left);
    for (size_t i = 0; i < kLanes; ++i) {
      lanes[i] = (lanes[i] ^ words[i]) * kMultiplier;
      lanes[i] ^= lanes[i] >> 32;
    }
  }
  uint64_t hash = lanes[0];
  for (size_t i = 1; i < kLanes; ++i) {
    hash = (hash ^ lanes[i]) * kMultiplier;
    hash ^= hash >> 29;
  }
  return hash;
}

class Trace {
 public:
  void add(uint64_t value) {
    hash_ = (hash_ ^ value) * 0x9E3779B97F4A7C15;
    hash_ ^= hash_ >> 29;
  }
  void add(core::Bytes bytes) { add(hash_bytes(bytes)); }
  uint64_t value() const { return hash_; }

 private:
  uint64_t hash_ = 0x6F6E65686F70;
};

}  // namespace onehop::sim
