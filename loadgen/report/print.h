// The words that the summary and the page have in common. What comes from elsewhere (names, reasons) is in them as it
// came: the summary makes it visible(), the page escapes it.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "loadgen/measure/result.h"
#include "loadgen/report/spoiled.h"

namespace onehop::loadgen {

// "9,500/s"; a decimal below 100.
std::string print_rate(double rate);
// A figure of a latency: "1.23 ms", "never", "spoiled" (by the generator's own lag), "–" (nothing was measured).
std::string print_percentile(const RunResult& result, Latency latency, double quantile);
std::string print_mean(const RunResult& result, Latency latency);
// The same of a step of a search, whose figures are judged with the step.
std::string print_percentile(const Histogram& histogram, double quantile);
// Messages delivered a second; "–": the workload has no rate.
std::string print_achieved(const RunResult& result);
// What the figures that are printed as spoiled have in them: "p99.9 70.1 ms"; empty: none of them is spoiled.
std::string describe_spoiled(const RunResult& result);
// "pairs, clients 100, rate 5000, size 128, duration 8s": the settings that shape a run, as far as it has them.
std::string describe_work(const RunResult& result);
// "kept", "NOT KEPT" or "SPOILED".
const char* describe_verdict(const ThresholdResult& threshold);
// "p99<5ms: 1.23 ms".
std::string describe_threshold(const ThresholdResult& threshold);
// The outcome of the search in a sentence.
std::string describe_knee(const Capacity& capacity);

using NamedCounts = std::vector<std::pair<const char*, uint64_t>>;
// All outcomes but delivered, and what no good run has.
NamedCounts other_outcomes(const Account& account);
NamedCounts faults(const Account& account);

}  // namespace onehop::loadgen
