// Live figures in the text format of Prometheus, version 0.0.4. All of it is of this run; a search has one run after
// the other, so that its counters begin again with each step.
#pragma once

#include <string>

#include "loadgen/run/live.h"
#include "loadgen/run/settings.h"

namespace onehop::loadgen {

// Before the first second is over.
std::string metrics_before(const Settings& settings);
std::string to_metrics(const Live& live, const Settings& settings);

}  // namespace onehop::loadgen
