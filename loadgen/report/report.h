// The forms in which a result leaves the program, and the one in which it comes back.
#pragma once

#include <stdexcept>
#include <string>
#include <vector>

#include "loadgen/measure/result.h"

namespace onehop::loadgen {

// One JSON object, with everything in it: what is needed to make the same RunResult again, and beside that, for
// scripts, what follows from it. docs/loadgen-json.md lists the keys.
std::string to_json(const RunResult& result);
// Throws std::runtime_error with a line that says what is wrong with the text.
RunResult from_json(const std::string& text);

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

// What makes a sum of runs doubtful.
struct MergeDoubts {
  // The sum would be another thing than one run of all parts: a part is missing or there more than once, or they did
  // not run together, or loaded different systems, or did different work.
  std::vector<std::string> serious;
  // Other settings than the count of clients or the rate differ, or the starts lie more than a second apart.
  std::vector<std::string> others;
};

// Adds up runs that were made at the same time against the same system: histograms bucket by bucket, series second by
// second of the clock, accounts and generators. Void if one part is. All doubts are in the sum's `warnings`, too.
RunResult merge(const std::vector<RunResult>& parts, MergeDoubts& doubts);

}  // namespace onehop::loadgen
