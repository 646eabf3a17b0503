// What makes a shard the shard it is. The same for all shards of a process but for `index`.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "core/base/ids.h"
#include "core/base/instant.h"
#include "core/base/limits.h"
#include "core/base/memory_ledger.h"
#include "core/base/name_hash.h"

namespace onehop::core {

// Key of the resume tokens.
using TokenKey = std::array<unsigned char, 32>;

struct ShardConfig {
  ShardIndex index = 0;
  ShardIndex count = 1;  // 1 to kShardsMax.
  Limits limits;
  // Shared by all shards of the process, and outlives them. Nothing: the shard has one of its own.
  MemoryLedger* ledger = nullptr;
  HashKey hash_key{};
  TokenKey token_key{};
  // Sessions are numbered upwards from here in steps of `count`, so that no two shards use one number. Taken from the
  // wall clock at start, so that a restarted broker does not use a number again.
  uint64_t first_session = 1;
  // Whether the host is asked who may send to whom; see Question::Kind::kSend.
  bool asks_permission = false;
  // Whether the host is asked after a change of the policy who may stay; see Question::Kind::kStay.
  bool asks_who_stays = false;
  std::string server = "onehop";  // Connected.server.
  // When the broker started, by the host's clock.
  Instant started;
  // What the wall clock says at Instant 0, in milliseconds since 1970. Told in Change.since_unix_ms.
  uint64_t unix_ms_at_zero = 0;
};

}  // namespace onehop::core
