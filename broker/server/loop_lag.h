// The longest recent stretch in which a shard's loop did not look for events, the one that lasts included. The loop's
// thread writes; any thread reads, so that a loop that is stuck shows while it is.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

namespace onehop::server {

class LoopLag {
 public:
  // The loop's thread, before each event. `clock_ns` is asked for the first since the loop looked for events.
  template <typename Clock>
  void event_begins(Clock clock_ns) {
    if (busy_since_ns_.load(std::memory_order_relaxed) == 0) {
      busy_since_ns_.store(clock_ns(), std::memory_order_relaxed);
    }
  }
  // The loop's thread, before it looks for events.
  void looks(uint64_t now_ns) {
    begin_period(now_ns / kPeriodNs);
    const uint64_t since_ns = busy_since_ns_.load(std::memory_order_relaxed);
    const uint64_t longest_ns = longest_ns_.load(std::memory_order_relaxed);
    if (since_ns != 0 && now_ns > since_ns + longest_ns) longest_ns_.store(now_ns - since_ns);
    busy_since_ns_.store(0);
  }

  // ANY THREAD: how long it has been busy since it last looked for events; 0: it looks.
  uint64_t lasting_us(uint64_t now_ns) const {
    const uint64_t since_ns = busy_since_ns_.load();
    return since_ns != 0 && now_ns > since_ns ? (now_ns - since_ns) / 1'000 : 0;
  }
  // ANY THREAD: of the last 30 to 60 s, so that each of several readers finds it.
  uint64_t us_max(uint64_t now_ns) const {
    // First: a stretch that ends meanwhile is among the ended ones then.
    const uint64_t since_ns = busy_since_ns_.load();
    const uint64_t lasting_ns = since_ns != 0 && now_ns > since_ns ? now_ns - since_ns : 0;
    const uint64_t age = now_ns / kPeriodNs - period_.load();
    const uint64_t ended_ns = age == 0   ? std::max(longest_ns_.load(), longest_ns_before_.load())
                              : age == 1 ? longest_ns_.load()
                                         : 0;
    return std::max(lasting_ns, ended_ns) / 1'000;
  }

 private:
  static constexpr uint64_t kPeriodNs = 30'000'000'000;

  void begin_period(uint64_t period) {
    const uint64_t present = period_.load(std::memory_order_relaxed);
    if (period == present) return;
    // In this order a reader finds the longest in one place or the other.
    longest_ns_before_.store(period == present + 1 ? longest_ns_.load() : 0);
    longest_ns_.store(0);
    period_.store(period);
  }

  std::atomic<uint64_t> busy_since_ns_{0};  // 0: it looks for events.
  std::atomic<uint64_t> period_{0};
  std::atomic<uint64_t> longest_ns_{0};         // That has ended in this period,
  std::atomic<uint64_t> longest_ns_before_{0};  // and in the one before.
};

}  // namespace onehop::server
