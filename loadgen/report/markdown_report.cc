// The report as Markdown for the summary of a CI run: first the verdict, then tables. Text from a run, a server or a
// file enters it only through cell(), so that it cannot make a table or a tag of its own.
#include "loadgen/measure/quantity.h"
#include "loadgen/measure/text.h"
#include "loadgen/report/foreign_text.h"
#include "loadgen/report/json_keys.h"
#include "loadgen/report/print.h"
#include "loadgen/report/report.h"
#include "loadgen/report/scenario_report.h"
#include "loadgen/report/verdict.h"

namespace onehop::loadgen {
namespace {

std::string cell(std::string_view text) {
  std::string out;
  for (const char c : as_utf8(visible(text))) {
    if (c == '<') {
      out += "&lt;";
    } else if (c == '&') {
      out += "&amp;";
    } else {
      if (std::string_view("\\`*_[]|#~>!$").find(c) != std::string_view::npos) out += '\\';
      out += c;
    }
  }
  return out;
}

void add_row(std::string& out, const std::vector<std::string>& cells) {
  out += concat("| ", joined(cells, " | "), " |\n");
}

// Aligns all columns to the right except the first.
void add_table_head(std::string& out, const std::vector<std::string>& names) {
  add_row(out, names);
  out += "| ---";
  for (size_t i = 1; i < names.size(); ++i) out += " | ---:";
  out += " |\n";
}

void add_latencies(std::string& out, const RunResult& result) {
  add_table_head(out, {"", "p50", "p90", "p95", "p99", "p99.9", "max"});
  for (const NamedLatency& named : kLatencies) {
    if ((result.*named.histogram).empty()) continue;
    std::vector<std::string> cells{named.label};
    for (const double quantile : {0.5, 0.9, 0.95, 0.99, 0.999, 1.0}) {
      cells.push_back(print_percentile(result, named.histogram, quantile));
    }
    add_row(out, cells);
  }
}

void add_messages(std::string& out, const RunResult& result) {
  out += "\n";
  add_table_head(out, {"messages", "how many"});
  add_row(out, {"sent", print_count(result.account.sent)});
  add_row(out, {"delivered", print_count(result.account.delivered)});
  for (const NamedCounts& counts : {other_outcomes(result.account), faults(result.account)}) {
    for (const auto& [name, count] : counts) {
      if (count != 0) add_row(out, {name, print_count(count)});
    }
  }
  add_row(out, {"delivered a second", print_rate(result.achieved_rate)});
}

void add_thresholds(std::string& out, const RunResult& result) {
  if (result.thresholds.empty()) return;
  out += "\n| | threshold |\n| --- | --- |\n";
  for (const ThresholdResult& threshold : result.thresholds) {
    add_row(out, {threshold.kept ? "kept" : "**NOT KEPT**", cell(describe_threshold(threshold))});
  }
}

void add_stages(std::string& out, const RunResult& result) {
  if (result.stages.empty()) return;
  out += "\n";
  add_table_head(out, {"", "stage", "sent", "delivered", "rate", "p50", "p95", "p99", "max"});
  for (const auto& row : stage_table(result)) add_row(out, row);
}

void add_commands(std::string& out, const RunResult& result) {
  if (result.commands.empty()) return;
  out += "\n| at | command | |\n| --- | --- | --- |\n";
  for (const CommandResult& command : result.commands) {
    add_row(out, {print_seconds(command.at_s), cell(command.command),
                  concat(cell(describe_end(command)), "; ", cell(describe_aftermath(command)))});
  }
}

}  // namespace

std::string to_markdown(const RunResult& result) {
  std::string out = concat("## onehop-loadgen: ", describe_verdict(result), "\n\n");
  out +=
      concat(cell(describe_work(result)), "  \n", cell(result.target), ", ", iso_time(result.started_unix_s), "\n\n");
  for (const std::string& reason : result.void_reasons) out += concat("* void: ", cell(reason), "\n");
  for (const std::string& failure : failures(result)) out += concat("* failed: ", cell(failure), "\n");
  if (result.interrupted) out += "* interrupted\n";
  if (result.capacity) out += concat("* ", cell(describe_knee(*result.capacity)), "\n");
  out += "\n";
  add_latencies(out, result);
  add_messages(out, result);
  add_thresholds(out, result);
  add_stages(out, result);
  add_commands(out, result);
  return out;
}

}  // namespace onehop::loadgen
