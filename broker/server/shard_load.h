// How quickly a shard's loop gets round: samples of how long messages are in the broker, and the longest recent stretch
// without a look for events. The loop's thread only.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>

#include "onehop/inspection.h"

namespace onehop::server {

class ShardLoad {
 public:
  // At each flush, before it: `delivered` messages so far, and when the first event since the last flush came. True if
  // this one is to be measured: then `flushed` follows.
  bool measures(uint64_t delivered) {
    const bool routed = std::exchange(delivered_, delivered) != delivered;
    return routed && ++flushes_ % kSampled == 0;
  }
  void flushed(uint64_t since_ns, uint64_t now_ns) {
    const uint64_t us = (now_ns - since_ns) / 1'000;
    const auto& bounds = RouteLatency::kBoundsUs;
    const auto bucket = std::lower_bound(bounds.begin(), bounds.end(), us) - bounds.begin();
    ++latency_.counts[static_cast<size_t>(bucket)];
    latency_.sum_us += us;
  }

  // Before the loop sleeps. It woke up at `woke_ms` of its clock, and took its first event at `first_ns`, or none: 0.
  void sleeps(uint64_t woke_ms, uint64_t first_ns, uint64_t now_ns) {
    // Milliseconds are cut off: this is not before it woke up.
    uint64_t since_ns = (woke_ms + 1) * 1'000'000;
    if (first_ns != 0) since_ns = std::min(since_ns, first_ns);
    forget_old_lag(now_ns);
    if (now_ns > since_ns) lag_ns_max_ = std::max(lag_ns_max_, now_ns - since_ns);
  }

  const RouteLatency& route_latency() const { return latency_; }
  // Of the last 30 to 60 s, so that each of several readers finds it.
  uint64_t lag_us_max(uint64_t now_ns) {
    forget_old_lag(now_ns);
    return std::max(lag_ns_max_, lag_ns_max_before_) / 1'000;
  }

 private:
  static constexpr uint64_t kSampled = 16;
  static constexpr uint64_t kLagPeriodNs = 30'000'000'000;

  void forget_old_lag(uint64_t now_ns) {
    const uint64_t period = now_ns / kLagPeriodNs;
    if (period == lag_period_) return;
    lag_ns_max_before_ = period == lag_period_ + 1 ? lag_ns_max_ : 0;
    lag_ns_max_ = 0;
    lag_period_ = period;
  }

  RouteLatency latency_;
  uint64_t delivered_ = 0;
  uint64_t flushes_ = 0;
  uint64_t lag_period_ = 0;
  uint64_t lag_ns_max_ = 0;
  uint64_t lag_ns_max_before_ = 0;  // Of the period before.
};

}  // namespace onehop::server
