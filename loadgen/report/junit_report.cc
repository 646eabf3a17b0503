// The verdict as JUnit's XML, which every CI shows: one case for each thing that can fail. Invariant: a case has failed
// or is in error exactly if the program does not end with 0, because the first case is the exit code itself.
#include "loadgen/measure/quantity.h"
#include "loadgen/measure/text.h"
#include "loadgen/report/foreign_text.h"
#include "loadgen/report/print.h"
#include "loadgen/report/report.h"
#include "loadgen/report/scenario_report.h"
#include "loadgen/report/verdict.h"

namespace onehop::loadgen {
namespace {

std::string escaped_xml(std::string_view text) {
  return escaped(as_utf8(std::string(text)));
}

struct Case {
  std::string name;
  std::string wrong;  // Empty if the case has passed.
  bool is_error = false;
};

std::vector<Case> cases_of(const RunResult& result) {
  const ExitCode code = exit_code_of(result);
  std::vector<Case> cases;
  cases.push_back({"the run", code == kGood ? "" : describe_verdict(result), code == kVoid});
  cases.push_back({"everything planned was done", joined(failures(result), "; ")});
  cases.push_back({"the generator was not the limit", joined(result.void_reasons, "; "), true});
  for (const ThresholdResult& threshold : result.thresholds) {
    cases.push_back({threshold.text, threshold.kept ? "" : describe_threshold(threshold)});
  }
  for (const CommandResult& command : result.commands) {
    cases.push_back({concat("at ", print_seconds(command.at_s), ": ", command.command),
                     command.is_good() ? "" : describe_end(command)});
  }
  return cases;
}

}  // namespace

std::string to_junit(const RunResult& result) {
  const std::vector<Case> cases = cases_of(result);
  size_t failures = 0, errors = 0;
  std::string body;
  for (const Case& one : cases) {
    body += concat("    <testcase classname=\"onehop-loadgen\" name=\"", escaped_xml(one.name), "\"");
    if (one.wrong.empty()) {
      body += "/>\n";
      continue;
    }
    ++(one.is_error ? errors : failures);
    const std::string_view element = one.is_error ? "error" : "failure";
    body += concat(">\n      <", element, " message=\"", escaped_xml(one.wrong), "\"/>\n    </testcase>\n");
  }
  const std::string counts = concat("tests=\"", cases.size(), "\" failures=\"", failures, "\" errors=\"", errors,
                                    "\" time=\"", printed("%.3f", result.duration_s), "\"");
  return concat("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites ", counts,
                ">\n  <testsuite name=\"onehop-loadgen ", escaped_xml(result.target), "\" ", counts, " timestamp=\"",
                iso_time(result.started_unix_s), "\">\n", body, "  </testsuite>\n</testsuites>\n");
}

}  // namespace onehop::loadgen
