// What all shards of a process hold together, and what follows when that is too much.
//
//   0 …… 3/4 …… 7/8 …… 15/16 …… the limit
//   kFree        kRefusing from 7/8 on, until it is below 3/4 again: newcomers are refused, and messages to recipients
//                that hold more than a modest amount; from 15/16 on all messages
//                                    kEnding from the limit on: the largest clients are ended, one by one
//
// Sessions that are away may hold half of the limit. At that point the largest of them end until all of them hold less
// than 3/8. So nobody can use them to keep everybody's messages out.
//
// It is the only object of core that several threads change: every shard publishes what it holds, and reads what all
// hold. All of it is counters that may be read a moment late, so the order of memory is relaxed throughout.
//
// Invariant: `total_` is the sum of `used_`, except while a shard publishes. At the limit only the shard that could
// free most ends clients; sessions that are away are ended by each shard that holds its share of their memory. A shard
// publishes what each end has freed before the next one.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <optional>

#include "core/base/ids.h"
#include "core/base/instant.h"
#include "core/base/limits.h"

namespace onehop::core {

enum class MemoryStage : uint8_t { kFree, kRefusing, kEnding };

class MemoryLedger {
 public:
  // How often it is looked at while memory is short and nothing else happens.
  static constexpr uint64_t kTurnMs = 2;
  // When memory has been short for this time, clients are ended until less than 5/8 is held, because memory that some
  // never free must not keep out everybody's messages.
  static constexpr uint64_t kRefusingMsMax = 5'000;

  MemoryLedger(uint64_t bytes_max, ShardIndex shards) : bytes_max_(bytes_max), shards_(shards) {}
  MemoryLedger(const MemoryLedger&) = delete;
  MemoryLedger& operator=(const MemoryLedger&) = delete;

  void set_bytes_max(uint64_t bytes_max) { bytes_max_.store(bytes_max, kRelaxed); }
  uint64_t bytes_max() const { return bytes_max_.load(kRelaxed); }
  MemoryStage stage() const { return stage_.load(kRelaxed); }
  uint64_t total() const { return total_.load(kRelaxed); }
  // A recipient that holds at most this is served while memory is short.
  uint64_t modest_bytes() const { return std::min(kModestBytesMax, bytes_max() / 256); }
  // Whether recipients that hold little are still served. From 15/16 of the limit on nobody is.
  bool has_reserve() const { return total() < bytes_max() / 16 * 15; }
  // Whether the share of sessions that are away is used up; and whether enough of it is free again.
  bool away_is_full() const { return away_total_.load(kRelaxed) >= bytes_max() / 2; }
  bool away_has_freed_enough() const { return away_total_.load(kRelaxed) < bytes_max() / 8 * 3; }
  // Whether a shard with this many bytes in sessions that are away has to end some of them.
  bool holds_much_for_away(uint64_t away) const { return away * shards_ >= away_total_.load(kRelaxed); }

  struct Look {
    MemoryStage stage = MemoryStage::kFree;
    bool began = false;  // To refuse, by this call: nobody else sees that.
    bool ended = false;  // The same.
    uint64_t share = 0;  // What this shard may add until it looks again.
  };
  // Shard `index` holds so much now, could free so much of it by ending clients, and so much of that by ending those
  // that are away.
  Look publish(ShardIndex index, uint64_t used, uint64_t endable, uint64_t away) {
    used_[index].endable.store(endable, kRelaxed);
    if (const uint64_t away_before = used_[index].away.load(kRelaxed); away != away_before) {
      used_[index].away.store(away, kRelaxed);
      away_total_.fetch_add(away - away_before, kRelaxed);
    }
    std::atomic<uint64_t>& mine = used_[index].bytes;
    const uint64_t before = mine.load(kRelaxed);
    uint64_t total = total_.load(kRelaxed);
    if (used != before) {
      mine.store(used, kRelaxed);
      total = total_.fetch_add(used - before, kRelaxed) + used - before;
    }
    const uint64_t refuse_from = bytes_max() / 8 * 7;
    Look look;
    look.stage = stage();
    const MemoryStage next = stage_after(look.stage, total);
    if (next != look.stage && stage_.compare_exchange_strong(look.stage, next, kRelaxed)) {
      look.began = look.stage == MemoryStage::kFree;
      look.ended = next == MemoryStage::kFree;
      look.stage = next;
    }
    // Ever less as it fills, so that all shards together do not add more than there is room for.
    if (look.stage == MemoryStage::kFree) look.share = (refuse_from - std::min(refuse_from, total)) / shards_ + 1;
    return look;
  }

  // Each shard, as it looks: what time it is. One that sleeps would not know how long it has been.
  void watch(Instant now) {
    uint64_t since_ms = refusing_since_ms_.load(kRelaxed);
    if (stage() == MemoryStage::kFree) {
      if (since_ms != kNotRefusing) refusing_since_ms_.store(kNotRefusing, kRelaxed);
    } else if (since_ms == kNotRefusing) {
      refusing_since_ms_.compare_exchange_strong(since_ms, now.ms, kRelaxed);
    }
  }
  // Whether clients are to be ended: the limit is reached, or memory has been short for too long.
  bool must_end(Instant now) const { return stage() == MemoryStage::kEnding || refuses_too_long(now); }

  // Which shard is to be told to look, so that it ends clients: the one that could free most. None if that is not
  // called for, if it has been told and has not looked yet, or has just now.
  std::optional<ShardIndex> take_turn(Instant now) {
    if (!must_end(now)) return std::nullopt;
    uint64_t next_ms = next_turn_ms_.load(kRelaxed);
    if (now.ms < next_ms || !next_turn_ms_.compare_exchange_strong(next_ms, kUnderWay, kRelaxed)) return std::nullopt;
    return largest();
  }
  // The shard that could free most.
  ShardIndex largest() const {
    ShardIndex largest = 0;
    for (ShardIndex shard = 1; shard < shards_; ++shard) {
      if (used_[shard].endable.load(kRelaxed) > used_[largest].endable.load(kRelaxed)) largest = shard;
    }
    return largest;
  }
  // Whether enough has been freed: a little more than was over the limit, so that turns do not follow each other
  // closely.
  bool has_freed_enough(Instant now) const {
    return total() < (refuses_too_long(now) ? bytes_max() / 8 * 5 : bytes_max() / 16 * 15);
  }
  void end_turn(Instant now) { next_turn_ms_.store(now.ms + kTurnMs, kRelaxed); }

 private:
  static constexpr std::memory_order kRelaxed = std::memory_order_relaxed;
  static constexpr uint64_t kNotRefusing = UINT64_MAX;
  static constexpr uint64_t kUnderWay = UINT64_MAX;

  // On a cache line of its own: one shard writes it at each flush.
  struct alignas(64) Used {
    std::atomic<uint64_t> bytes{0};
    std::atomic<uint64_t> endable{0};
    std::atomic<uint64_t> away{0};
  };

  bool refuses_too_long(Instant now) const {
    const uint64_t since_ms = refusing_since_ms_.load(kRelaxed);
    return since_ms != kNotRefusing && now.ms >= since_ms + kRefusingMsMax;
  }

  MemoryStage stage_after(MemoryStage stage, uint64_t total) const {
    const uint64_t bytes_max_now = bytes_max();
    if (total >= bytes_max_now) return MemoryStage::kEnding;
    if (total >= bytes_max_now / 8 * 7) return MemoryStage::kRefusing;
    return total >= bytes_max_now / 4 * 3 ? std::min(stage, MemoryStage::kRefusing) : MemoryStage::kFree;
  }

  std::atomic<uint64_t> bytes_max_;
  const ShardIndex shards_;
  std::atomic<MemoryStage> stage_{MemoryStage::kFree};
  std::atomic<uint64_t> next_turn_ms_{0};
  std::atomic<uint64_t> refusing_since_ms_{kNotRefusing};
  alignas(64) std::atomic<uint64_t> total_{0};
  std::atomic<uint64_t> away_total_{0};
  std::array<Used, kShardsMax> used_{};
};

}  // namespace onehop::core
