// The words that the summary and the page have in common. What comes from elsewhere (names, reasons) is in them as it
// came: the summary makes it visible(), the page escapes it.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "loadgen/result.h"

namespace onehop::loadgen {

// Without what would move the cursor of a terminal, or begin a line of its own.
std::string visible(std::string_view text);

// "9,500/s"; a decimal below 100.
std::string print_rate(double rate);
// "pairs, clients 100, rate 5000, size 128, duration 8s": the settings that shape a run, as far as it has them.
std::string describe_work(const RunResult& result);
// "p99<5ms: 1.23 ms".
std::string describe_threshold(const ThresholdResult& threshold);
// The outcome of the search in a sentence.
std::string describe_knee(const Capacity& capacity);

using NamedCounts = std::vector<std::pair<const char*, uint64_t>>;
// All outcomes but delivered, and what no good run has.
NamedCounts other_outcomes(const Account& account);
NamedCounts faults(const Account& account);

}  // namespace onehop::loadgen
