// What every part of a shard sees: its configuration, its host, what it counts, the pools its bytes live in, and the
// time.
#pragma once

#include <algorithm>
#include <cassert>
#include <cstdint>
#include <memory>
#include <utility>

#include "core/base/block_pool.h"
#include "core/base/bytes.h"
#include "core/base/counters.h"
#include "core/base/ids.h"
#include "core/base/instant.h"
#include "core/base/memory_ledger.h"
#include "core/base/rate_limit.h"
#include "core/session/session.h"
#include "core/shard/seam.h"
#include "core/shard/shard_config.h"
#include "core/wire/output_queue.h"
#include "onehop/v1/onehop.pb.h"

namespace onehop::core {

class ShardCommon {
 public:
  ShardCommon(const ShardConfig& shard_config, Host& shard_host)
      : config(shard_config),
        host(shard_host),
        rates(shard_config.limits),
        own_ledger_(shard_config.ledger != nullptr
                        ? nullptr
                        : std::make_unique<MemoryLedger>(shard_config.limits.memory_bytes_max, shard_config.count)),
        ledger(shard_config.ledger != nullptr ? *shard_config.ledger : *own_ledger_) {
    assert(config.count >= 1 && config.count <= kShardsMax && config.index < config.count);
  }
  ShardCommon(const ShardCommon&) = delete;
  ShardCommon& operator=(const ShardCommon&) = delete;

  // Sets the time for the length of one input. Only inputs that need the time set it. An assertion fails if now() is
  // called at any other moment.
  class Now {
   public:
    Now(ShardCommon& shard, Instant now) : shard_(shard) {
      assert(shard.now_ == Instant::never());
      shard.now_ = now;
    }
    Now(const Now&) = delete;
    Now& operator=(const Now&) = delete;
    ~Now() { shard_.now_ = Instant::never(); }

   private:
    ShardCommon& shard_;
  };
  Instant now() const {
    assert(now_ != Instant::never());
    return now_;
  }

  // How other shards name a session of this shard. A link that has no session is spread by its own id.
  Origin origin_of(SessionId session) const { return {Origin::Kind::kSession, 0, config.index, 0, session}; }
  Origin origin_of(LinkId link) const { return origin_of(SessionId{link.index, link.generation}); }
  // How long this sender is told to wait: the lease, a quarter up or down, so that senders that are refused together do
  // not come back together. One session always gets the same, so that its receipts make ranges.
  uint32_t jittered_lease(const Origin& sender) const {
    const uint64_t lease_ms = config.limits.pause_lease_ms;
    return static_cast<uint32_t>(lease_ms * 3 / 4 + lease_ms * spread_of(sender) / 2048);
  }
  // 0 to 1023, evenly spread over the clients and always the same for one of them.
  static uint64_t spread_of(const Origin& origin) {
    const uint64_t key =
        uint64_t{origin.session.generation} << 32 ^ origin.session.index ^ uint64_t { origin.shard } << 48;
    return (key * 0x9E3779B97F4A7C15) >> 54;
  }
  // How much longer the clients of an earlier broker are expected to come back.
  uint32_t start_grace_left() const {
    const Instant end = config.started + config.limits.start_grace_ms;
    return static_cast<uint32_t>(end - std::max(now(), config.started));
  }
  void note(Event::Kind kind, const Link& link, Bytes name, uint64_t session, v1::Code code, Bytes text) {
    host.note({kind, link.host, name, session, static_cast<uint32_t>(code), text});
  }

  ShardConfig config;
  Host& host;
  RateLimits rates;  // Of config.limits.

 private:
  // The shard's own ledger, if the configuration names none. It is declared before `ledger`, which may refer to it.
  std::unique_ptr<MemoryLedger> own_ledger_;

 public:
  MemoryLedger& ledger;
  Counters counters;
  BlockPool blocks;  // Outlives the links and queues that hold its blocks, as segments does.
  SegmentPool segments;

 private:
  Instant now_ = Instant::never();
};

}  // namespace onehop::core
