// What is known about a run while it goes on. All counts are of the whole run so far.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "loadgen/measure/result.h"
#include "loadgen/measure/stages.h"

namespace onehop::loadgen {

// The counts of one thread or of several.
struct LiveCounts {
  // The outcomes that the system told. It may tell that a message was lost although the recipient had it.
  uint64_t rejected = 0, expired = 0, lost = 0, unknown = 0;
  uint64_t not_sent = 0;
  uint64_t duplicates = 0, corrupted = 0, misdirected = 0;
  uint64_t connects_failed = 0, connections_broken = 0;

  // Adds counts by reason, such as "REJECTED QUEUE_FULL" → 12, to the outcome that is the first word.
  void add_reasons(const std::map<std::string, uint64_t>& reasons);
  void add(const LiveCounts& other);
  uint64_t undelivered() const { return rejected + expired + lost + unknown + not_sent; }
};

struct Live {
  double at_s = 0;  // The end of the last second that all threads have reported, since the start.
  uint64_t sent = 0, delivered = 0;
  double latency_sum_ns = 0;  // The sum of all latencies of the seconds so far.
  uint64_t latency_count = 0;
  const Second& last;  // The last second.
  const LiveCounts& counts;
  // One entry for each stage, or one for the whole run if it has no stages. Empty unless somebody asked for it.
  const std::vector<StageFigures>& stages;
};

}  // namespace onehop::loadgen
