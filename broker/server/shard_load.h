// Samples of how long messages are in the broker. The loop's thread only.
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

  const RouteLatency& route_latency() const { return latency_; }

 private:
  static constexpr uint64_t kSampled = 16;

  RouteLatency latency_;
  uint64_t delivered_ = 0;
  uint64_t flushes_ = 0;
};

}  // namespace onehop::server
