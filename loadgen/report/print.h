// Words that the summary and the page share. Text from elsewhere (names, reasons) is unchanged in them: the summary
// calls visible(), and the page calls escaped().
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "loadgen/measure/result.h"
#include "loadgen/report/spoiled.h"

namespace onehop::loadgen {

// "9,500/s", with one decimal below 100.
std::string print_rate(double rate);
// A figure of a latency: "1.23 ms"; "never"; "spoiled" by the generator's own lag; "–" if nothing was measured.
std::string print_percentile(const RunResult& result, Latency latency, double quantile);
std::string print_mean(const RunResult& result, Latency latency);
// The same for a step of a search. Its figures are judged with the step, so they are never "spoiled".
std::string print_percentile(const Histogram& histogram, double quantile);
// Messages delivered a second, or "–" if the workload has no rate.
std::string print_achieved(const RunResult& result);
// The lag in the figures that are printed as spoiled: "p99.9 70.1 ms". Empty if no figure is spoiled.
std::string describe_spoiled(const RunResult& result);
// "pairs, clients 100, rate 5000, size 128, duration 8s": the settings that shape the run.
std::string describe_work(const RunResult& result);
// "kept", "NOT KEPT" or "SPOILED".
const char* describe_verdict(const ThresholdResult& threshold);
// "p99<5ms: 1.23 ms".
std::string describe_threshold(const ThresholdResult& threshold);
// One sentence about the outcome of the search.
std::string describe_knee(const Capacity& capacity);

using NamedCounts = std::vector<std::pair<const char*, uint64_t>>;
// The outcomes other than delivered, and the faults that no good run has.
NamedCounts other_outcomes(const Account& account);
NamedCounts faults(const Account& account);

}  // namespace onehop::loadgen
