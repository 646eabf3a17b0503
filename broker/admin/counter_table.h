// What the broker counts, as it is told: one row for each number of BrokerCounters, from which the JSON of the API and
// the metrics are made. docs/admin.md explains the metrics.
#pragma once

#include <cstdint>
#include <span>

#include "onehop/inspection.h"

namespace onehop::admin {

struct CounterRow {
  uint64_t BrokerCounters::*value;
  const char* json;              // Its key.
  const char* metric = nullptr;  // Its name; null: it is told as JSON only, or as part of another metric.
  const char* metric_help = nullptr;
};

// Whether a metric with this name only rises, by the convention of its ending.
bool is_counter(const char* metric);

std::span<const CounterRow> counter_table();

}  // namespace onehop::admin
