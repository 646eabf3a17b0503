// What one source address may do: how many connections it may have, how many it may begin in a second, and how many
// sessions it may have, those that are away included. One object for all shards; it is touched when a connection or a
// session begins and when it ends, and only if there is a limit at all.
//
// Memory is bounded: an address is remembered while it has connections or sessions, or until it could begin as many
// connections at once as it ever may; and of those that have neither no more than kIdleMax, so that a flood from very
// many addresses makes it forget what they have begun, not grow.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string_view>

#include <absl/container/flat_hash_map.h>

#include "reactor/cidr.h"

namespace onehop::server {

class AddressLimits {
 public:
  static constexpr size_t kIdleMax = 16'384;

  // 0: no limit; a burst of 0: as many as in one second.
  struct Limits {
    uint32_t connections_max = 0;
    uint32_t connects_per_second = 0;
    uint32_t connects_burst = 0;
    uint32_t sessions_max = 0;
  };
  struct Refusal {
    std::string_view text;  // Empty: none, the connection is counted in.
    uint32_t retry_after_ms = 0;
  };

  explicit AddressLimits(const Limits& limits) { set(limits); }

  // All methods: any thread.
  void set(const Limits& limits);
  // Whether there is a limit of connections.
  bool any() const { return any_.load(std::memory_order_relaxed); }
  bool limits_sessions() const { return limits_sessions_.load(std::memory_order_relaxed); }
  // A connection begins. If it is not refused, its end is told by give_back.
  Refusal take(const reactor::IpAddress& address, uint64_t now_ms);
  void give_back(const reactor::IpAddress& address, uint64_t now_ms);
  // Whether one more session of this address is refused. Shards that ask at the same moment may be told the same, so
  // that an address has at the most one session for each other shard beyond its limit.
  Refusal refuse_session(const reactor::IpAddress& address);
  void begin_session(const reactor::IpAddress& address);
  void end_session(const reactor::IpAddress& address, uint64_t now_ms);
  // Of a session: whether it was one more is known only after refuse_session.
  void count_refusal() { refusals_.fetch_add(1, std::memory_order_relaxed); }
  uint64_t refusals() const { return refusals_.load(std::memory_order_relaxed); }
  // How many addresses are remembered.
  size_t size() const;

 private:
  struct Entry {
    uint32_t connections = 0;
    uint32_t sessions = 0;
    bool is_idle() const { return connections == 0 && sessions == 0; }
    // When, in nanoseconds, all that was begun will have been paid for at the rate allowed. In the past: full.
    uint64_t paid_ns = 0;
  };
  using Key = std::array<uint8_t, 16>;
  static constexpr size_t kEndsToLookMin = 64;

  Refusal judge(Entry& entry, uint64_t now_ns) const;
  // Of an address that has one connection or session less.
  void leave(absl::flat_hash_map<Key, Entry>::iterator entry, uint64_t now_ns);
  void forget_idle(uint64_t now_ns);

  mutable std::mutex mutex_;
  Limits limits_;
  absl::flat_hash_map<Key, Entry> entries_;
  size_t idle_ = 0;  // Entries without a connection or a session.
  // Ends of these since the idle ones were last looked at, and how many make another look worth it.
  size_t ends_ = 0;
  size_t ends_to_look_ = kEndsToLookMin;
  std::atomic<bool> any_{false};
  std::atomic<bool> limits_sessions_{false};
  std::atomic<uint64_t> refusals_{0};
};

}  // namespace onehop::server
