// The forms in which a result leaves the program, and the form in which it comes back.
#pragma once

#include <stdexcept>
#include <string>
#include <vector>

#include "loadgen/measure/result.h"

namespace onehop::loadgen {

// One JSON object that holds everything needed to make the same RunResult again, and derived figures for scripts.
// docs/loadgen-json.md lists the keys.
std::string to_json(const RunResult& result);
// Throws std::runtime_error with a line that says what is wrong with the text.
RunResult from_json(const std::string& text);

// The text that people read at the end of a run.
std::string to_summary(const RunResult& result);
// The percentile distribution in milliseconds, in the form that HdrHistogram's tools print and its plotter reads.
std::string to_hgrm(const Histogram& histogram);
// Tables in GitHub's Markdown, for the summary of a CI run.
std::string to_markdown(const RunResult& result);
// JUnit's XML with a case for each thing that can fail. A case has failed or is in error exactly if the exit code is
// not 0.
std::string to_junit(const RunResult& result);
// One HTML page that needs nothing else, not even a network.
std::string to_html(const RunResult& result);

// The reasons to doubt a sum of runs.
struct MergeDoubts {
  // The sum would not stand for one run of all parts: a part is missing or there more than once, or the parts ran at
  // different times, loaded different systems, or did different work.
  std::vector<std::string> serious;
  // Settings other than the number of clients or the rate differ, or the starts lie more than a second apart.
  std::vector<std::string> others;
};

// Adds up runs that were made at the same time against the same system: histograms bucket by bucket, series second by
// second, accounts and generators. The sum is void if one part is. All doubts are in its `warnings` too.
RunResult merge(const std::vector<RunResult>& parts, MergeDoubts& doubts);

}  // namespace onehop::loadgen
