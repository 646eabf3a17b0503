// What is known of a run while it goes on, for whoever has to act on it before its end. All counts are of the whole run
// so far.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "loadgen/measure/result.h"
#include "loadgen/measure/stages.h"

namespace onehop::loadgen {

// Of one thread or of several.
struct LiveCounts {
  // Told so by the system. It may tell that a message was lost which the recipient has had.
  uint64_t rejected = 0, expired = 0, lost = 0, unknown = 0;
  uint64_t not_sent = 0;
  uint64_t duplicates = 0, corrupted = 0, misdirected = 0;
  uint64_t connects_failed = 0, connections_broken = 0;

  // Counts "REJECTED QUEUE_FULL" → how many, by its first word.
  void add_reasons(const std::map<std::string, uint64_t>& reasons);
  void add(const LiveCounts& other);
  uint64_t undelivered() const { return rejected + expired + lost + unknown + not_sent; }
};

struct Live {
  double at_s = 0;  // Since the start: the end of the last second that all threads have told of.
  uint64_t sent = 0, delivered = 0;
  double latency_sum_ns = 0;  // Of all latencies that the seconds so far have, and their count.
  uint64_t latency_count = 0;
  const Second& last;  // That second.
  const LiveCounts& counts;
  // One for each stage, or one for the whole run where it has no stages. Empty unless somebody asked for it.
  const std::vector<StageFigures>& stages;
};

}  // namespace onehop::loadgen
