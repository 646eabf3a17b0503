// See the header.
#include "loadgen/report/scenario_report.h"

#include "loadgen/measure/quantity.h"
#include "loadgen/measure/text.h"
#include "loadgen/report/foreign_text.h"
#include "loadgen/report/print.h"
#include "loadgen/report/verdict.h"

namespace onehop::loadgen {
namespace {

constexpr const char* kNothing = "–";

}  // namespace

std::string describe_verdict(const RunResult& result) {
  switch (exit_code_of(result)) {
    case kGood:
      return "passed";
    case kVoid:
      return "void: the generator was the limit";
    case kInterrupted:
      return "interrupted";
    default:
      return "failed";
  }
}

std::string print_seconds(const std::optional<double>& seconds) {
  if (!seconds) return kNothing;
  return *seconds < 1e-9 ? "0 s" : print_duration(*seconds * 1e9);
}

std::string describe_stage(const StageResult& stage) {
  return concat(print_seconds(stage.duration_s), ", ", print_rate(stage.from_rate), " to ", print_rate(stage.to_rate));
}

std::string describe_end(const CommandResult& command) {
  if (!command.problem.empty()) return concat("could not be started: ", command.problem);
  if (!command.started_s) return "was not started: the run ended before";
  if (command.ended_with_run) return "still ran at the run's end, and was ended";
  const std::string after =
      command.ended_s ? concat(" after ", print_seconds(*command.ended_s - *command.started_s)) : "";
  if (command.signal) return concat("was ended by signal ", *command.signal, after);
  return concat("ended with ", command.exit_status.value_or(0), after);
}

std::string describe_aftermath(const CommandResult& command) {
  if (!command.started_s) return "nothing was counted";
  const std::string recovery = !command.recovery_s ? "NOT RECOVERED by the end"
                               : *command.recovery_s < 1e-9
                                   ? "kept up with the plan all along"
                                   : concat("recovered after ", print_seconds(command.recovery_s));
  return concat("lost ", print_count(command.lost), ", doubled ", print_count(command.doubled), ", ", recovery);
}

std::vector<std::vector<std::string>> stage_table(const RunResult& result) {
  std::vector<std::vector<std::string>> rows;
  for (size_t i = 0; i < result.stages.size(); ++i) {
    const StageResult& stage = result.stages[i];
    const Histogram& latency = stage.figures.latency;
    rows.push_back({std::to_string(i + 1), describe_stage(stage), print_count(stage.figures.due),
                    print_count(stage.figures.delivered), stage.duration_s > 0 ? print_rate(stage.rate()) : kNothing,
                    print_percentile(latency, 0.5), print_percentile(latency, 0.95), print_percentile(latency, 0.99),
                    print_percentile(latency, 1)});
  }
  return rows;
}

std::string scenario_summary(const RunResult& result) {
  std::string out;
  for (const auto& row : stage_table(result)) {
    out += concat(printed("%-15s ", concat("stage ", row[0]).c_str()), row[1], ": ", row[2], " sent, ", row[3],
                  " delivered, ", row[4], ", p50 ", row[5], ", p95 ", row[6], ", p99 ", row[7], ", max ", row[8], "\n");
  }
  for (const CommandResult& command : result.commands) {
    const std::string label = concat("at ", print_seconds(command.at_s));
    out += concat(printed("%-15s ", label.c_str()), visible(command.command), ": ", visible(describe_end(command)),
                  "\n", std::string(16, ' '), describe_aftermath(command), "\n");
  }
  return out.empty() ? out : concat("\n", out);
}

std::string scenario_page(const RunResult& result) {
  std::string page;
  if (!result.stages.empty()) {
    page +=
        "<section><h2>Stages</h2>\n<div class=wide><table class=figures><tr><th></th><th>stage</th><th>sent</th>"
        "<th>delivered</th><th>rate</th><th>p50</th><th>p95</th><th>p99</th><th>max</th></tr>\n";
    for (const auto& row : stage_table(result)) {
      page += "<tr>";
      for (const std::string& cell : row) page += concat("<td>", escaped(cell), "</td>");
      page += "</tr>\n";
    }
    page += "</table></div></section>\n";
  }
  if (!result.commands.empty()) page += "<section><h2>Commands</h2>\n<table>\n";
  for (const CommandResult& command : result.commands) {
    page += concat("<tr class=\"", command.is_good() ? "" : "bad", "\"><th>", escaped(print_seconds(command.at_s)),
                   "</th><td><code>", escaped(command.command), "</code> ", escaped(describe_end(command)), "<br>",
                   escaped(describe_aftermath(command)), "</td></tr>\n");
  }
  if (!result.commands.empty()) page += "</table></section>\n";
  return page;
}

}  // namespace onehop::loadgen
