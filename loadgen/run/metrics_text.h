// Live figures in Prometheus' text format, version 0.0.4. They are of the present run, so the counters of a search
// begin again with each step.
#pragma once

#include <string>

#include "loadgen/run/live.h"
#include "loadgen/run/settings.h"

namespace onehop::loadgen {

// The text before the first second is over.
std::string metrics_before(const Settings& settings);
std::string to_metrics(const Live& live, const Settings& settings);

}  // namespace onehop::loadgen
