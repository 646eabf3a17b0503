// Where a name lives is arithmetic: a keyed hash of it, the same on every shard of a process. Keyed, so that nobody can
// craft names that collide; an input, so that a simulated run repeats.
#pragma once

#include <sodium/crypto_shorthash.h>

#include <array>
#include <cstdint>

#include "core/base/bytes.h"
#include "core/base/ids.h"

namespace onehop::core {

// Key of the hash that places names on shards and in directories. Secret, so that nobody can craft names that collide.
using HashKey = std::array<unsigned char, 16>;

inline uint64_t name_hash(Bytes name, const HashKey& key) {
  static_assert(crypto_shorthash_BYTES == sizeof(uint64_t) && crypto_shorthash_KEYBYTES == sizeof(HashKey));
  unsigned char out[crypto_shorthash_BYTES];
  crypto_shorthash(out, reinterpret_cast<const unsigned char*>(name.data()), name.size(), key.data());
  return read_fixed64(reinterpret_cast<const char*>(out));
}

// The shard a name with this hash lives on. From the high bits: the directory's table uses the low ones.
inline ShardIndex home_shard(uint64_t hash, ShardIndex shards) {
  return static_cast<ShardIndex>(((hash >> 32) * shards) >> 32);
}

}  // namespace onehop::core
