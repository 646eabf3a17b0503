// The fingerprint of a run: a hash of every call between the shards and their host, with its bytes, in order. Two runs
// of one seed that differ anywhere differ here.
#pragma once

#include <cstdint>
#include <cstring>

#include "core/base/bytes.h"

namespace onehop::sim {

// Not for hostile input, only fast.
inline uint64_t hash_bytes(core::Bytes bytes, uint64_t seed = 0) {
  constexpr uint64_t kMultiplier = 0x9E3779B97F4A7C15;
  uint64_t hash = seed ^ (bytes.size() * kMultiplier);
  const char* at = bytes.data();
  size_t left = bytes.size();
  uint64_t word = 0;
  for (; left >= sizeof word; left -= sizeof word, at += sizeof word) {
    std::memcpy(&word, at, sizeof word);
    hash = (hash ^ word) * kMultiplier;
    hash ^= hash >> 32;
  }
  if (left != 0) {
    word = 0;
    std::memcpy(&word, at, left);
    hash = (hash ^ word) * kMultiplier;
    hash ^= hash >> 32;
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
