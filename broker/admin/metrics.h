// The broker's figures in Prometheus' text format. Pure. What each means is in docs/admin.md; none has a client's name,
// so that their number does not grow with the clients.
#pragma once

#include <string>
#include <string_view>

#include "admin/process_figures.h"
#include "onehop/inspection.h"

namespace onehop::admin {

constexpr std::string_view kMetricsType = "text/plain; version=0.0.4; charset=utf-8";

struct MetricsState {
  std::string_view version;
  bool ready = false;
  bool draining = false;
};

std::string metrics_text(const BrokerCounters& counters, const ProcessFigures& process, const MetricsState& state);

}  // namespace onehop::admin
