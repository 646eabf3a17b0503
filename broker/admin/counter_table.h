// The names of the broker's counters: one row for each number that the JSON of the API shows as it is. The metrics are
// made from the same rows. docs/admin.md explains them.
#pragma once

#include <cstdint>
#include <span>

#include "onehop/inspection.h"

namespace onehop::admin {

struct CounterRow {
  uint64_t BrokerCounters::*value;
  const char* json;              // Its key.
  const char* metric = nullptr;  // Its name; null: it is in the JSON only, or part of another metric.
  const char* metric_help = nullptr;
};

// Whether the metric is a counter: its name ends with "_total".
bool is_counter(const char* metric);

std::span<const CounterRow> counter_table();

}  // namespace onehop::admin
