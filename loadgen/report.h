// The forms in which a result leaves the program, and the one in which it comes back.
#pragma once

#include <stdexcept>
#include <string>
#include <vector>

#include "loadgen/result.h"

namespace onehop::loadgen {

// One JSON object, with everything in it. Beside what is needed to make the same RunResult again it has, for scripts:
// `latency_us` and `uncorrected_latency_us` (p50, p90, p99, p99_9, p99_99, max, mean, min, count; microseconds, with
// three decimals), `outcomes`, `unexplained`, `achieved_rate`, `void` (false, or an object with `reasons`), `series`.
// docs/capacity.md lists the keys.
std::string to_json(const RunResult& result);
// Throws std::runtime_error with a line that says what is wrong with the text.
RunResult from_json(const std::string& text);

// "2026-01-31T12:34:56.789Z".
std::string iso_time(double unix_s);

// What people read at the end of a run.
std::string to_summary(const RunResult& result);
// The percentile distribution as HdrHistogram's own tools print it, in milliseconds: what its plotter reads.
std::string to_hgrm(const Histogram& histogram);
// For the summary of a CI run: tables of GitHub's Markdown.
std::string to_markdown(const RunResult& result);
// A case for each thing that can fail; one has failed or is in error exactly if the exit code is not 0.
std::string to_junit(const RunResult& result);
// One page that needs nothing else, not even a network.
std::string to_html(const RunResult& result);

// Adds up runs that were made at the same time against the same system: histograms bucket by bucket, series second by
// second of the clock, accounts and generators. `parts` is the sum. What makes it doubtful that they belong together
// (other settings than the count of clients or the rate, starts more than a second apart, runs that did not overlap)
// is in `warnings`. Void if one part is.
RunResult merge(const std::vector<RunResult>& parts, std::vector<std::string>& warnings);

// Whether two sets of runs differ: for each of p50, p90, p99, p99.9, mean, delivered rate, the ratio B/A with its
// confidence interval. See docs/capacity.md for the method. `json`: one object instead of text.
std::string compare(const std::vector<RunResult>& a, const std::vector<RunResult>& b, bool json);

}  // namespace onehop::loadgen
