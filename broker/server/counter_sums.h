// What the shards have counted, added up for operators. Pure.
#pragma once

#include <cstdint>
#include <vector>

#include "core/base/counters.h"
#include "onehop/inspection.h"
#include "server/end_counts.h"

namespace onehop::server {

struct CountersOfShard {
  unsigned index = 0;
  core::Counters counters;
  uint64_t paused_senders = 0;
  uint64_t transport_bytes = 0;
  RouteLatency route_latency;
  uint64_t loop_lag_us_max = 0;
  EndCounts ends;
};

BrokerCounters sum_of(const std::vector<CountersOfShard>& shards);

}  // namespace onehop::server
