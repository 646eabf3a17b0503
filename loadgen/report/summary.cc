// The text that people read at the end of a run: first what was run, then the figures, and last what is wrong, which
// stays on the screen.
#include <algorithm>

#include "loadgen/measure/quantity.h"
#include "loadgen/measure/text.h"
#include "loadgen/report/foreign_text.h"
#include "loadgen/report/json_keys.h"
#include "loadgen/report/print.h"
#include "loadgen/report/report.h"
#include "loadgen/report/scenario_report.h"
#include "loadgen/report/threshold.h"
#include "loadgen/report/verdict.h"

namespace onehop::loadgen {
namespace {

constexpr size_t kLabelWidth = 15;
constexpr size_t kColumnWidth = 10;

// Counts characters and not bytes, since "µ" has two bytes and takes one place.
size_t places(std::string_view text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

std::string padding(size_t width, std::string_view text) {
  return std::string(width > places(text) ? width - places(text) : 0, ' ');
}

// Adds a line that begins with its subject.
void add_line(std::string& out, std::string_view label, std::string_view text) {
  out += concat(label, padding(kLabelWidth, label), " ", visible(text), "\n");
}

void add_row(std::string& out, std::string_view label, const std::vector<std::string>& cells) {
  out += concat(label, padding(kLabelWidth, label));
  for (const std::string& cell : cells) out += concat(" ", padding(kColumnWidth, cell), cell);
  out += "\n";
}

void add_head(std::string& out, const RunResult& result) {
  add_line(out, "run", describe_work(result));
  std::string target = result.target;
  if (!result.server.empty()) target += concat(" (", result.server, ")");
  add_line(out, "target", target);
  add_line(out, "started",
           concat(iso_time(result.started_unix_s), " on ", result.host.name, ", onehop-loadgen ", result.version));
  if (result.parts > 1) add_line(out, "parts", concat("the sum of ", result.parts, " runs"));
  if (!result.open_loop) {
    add_line(out, "closed loop", "latencies leave out what waiting senders did not send");
  }
  if (result.interrupted && !result.capacity) {
    add_line(out, "INTERRUPTED", printed("after %.1f of %.1f s", result.duration_s, result.planned_s));
  }
}

void add_latency_rows(std::string& out, const RunResult& result) {
  const auto is_empty = [&](const NamedLatency& named) { return (result.*named.histogram).empty(); };
  if (std::all_of(kLatencies.begin(), kLatencies.end(), is_empty)) return;
  out += "\n";
  add_row(out, "", {"p50", "p90", "p95", "p99", "p99.9", "p99.99", "max", "mean"});
  for (const NamedLatency& named : kLatencies) {
    if (is_empty(named)) continue;
    std::vector<std::string> cells;
    for (const double quantile : {0.5, 0.9, 0.95, 0.99, 0.999, 0.9999, 1.0}) {
      cells.push_back(print_percentile(result, named.histogram, quantile));
    }
    cells.push_back(print_mean(result, named.histogram));
    add_row(out, named.label, cells);
  }
  if (const std::string lag = describe_spoiled(result); !lag.empty()) {
    add_line(out, "spoiled", concat("what the generator's own lag has made (", lag, "), and not the target"));
  }
}

void add_accounts(std::string& out, const RunResult& result) {
  const Account& account = result.account;
  out += "\n";
  const std::string duration = printed("%.1f s", result.duration_s);
  const char* const counted = result.counts_connects() ? " connected, " : " delivered, ";
  add_line(out, "rate",
           result.has_rate() ? concat(result.wanted_rate > 0 ? print_rate(result.wanted_rate) + " wanted, " : "",
                                      print_achieved(result), counted, duration)
                             : concat("–, ", duration));
  std::vector<std::string> outcomes = {print_count(account.sent) + " sent",
                                       print_count(account.delivered) + " delivered"};
  for (const auto& [name, count] : other_outcomes(account)) {
    if (count > 0) outcomes.push_back(concat(print_count(count), " ", name));
  }
  add_line(out, "messages", joined(outcomes, ", "));
  for (const auto& [reason, count] : result.reasons) {
    add_line(out, "", concat(print_count(count), " ", reason));
  }
  for (const auto& [name, count] : faults(account)) {
    if (count > 0) add_line(out, "FAULT", concat(print_count(count), " ", name));
  }
  if (account.not_told > 0) {
    add_line(out, "", concat(print_count(account.not_told), " delivered, and the outcome not told within --drain"));
  }
  if (const uint64_t provoked = account.provoked.all(); provoked > 0) {
    add_line(out, "", concat(print_count(provoked), " of those not delivered were for slow readers"));
  }
  const Connections& connections = result.connections;
  std::string line = print_count(connections.opened) + " opened";
  if (connections.failed > 0) line += concat(", ", print_count(connections.failed), " FAILED");
  if (connections.unopened > 0) line += concat(", ", print_count(connections.unopened), " NEVER OPEN");
  if (connections.broken > 0) line += concat(", ", print_count(connections.broken), " BROKEN");
  if (connections.silent > 0) line += concat(", ", print_count(connections.silent), " SILENT at the end");
  if (!connections.last_problem.empty()) line += concat(" (last: ", connections.last_problem, ")");
  add_line(out, "connections", line);
}

void add_generator(std::string& out, const Generator& generator) {
  std::string line = printed("%d thread%s, %.1f s of CPU, busiest %.0f %%", generator.threads,
                             generator.threads == 1 ? "" : "s", generator.cpu_s, 100 * generator.busiest_thread);
  if (generator.waiting_for_cpu >= 0.005) {
    line += printed(" (waiting for a processor %.0f %%)", 100 * generator.waiting_for_cpu);
  }
  if (!generator.lag.empty()) {
    line += concat(", lag p99 ", print_duration(static_cast<double>(generator.lag.quantile(0.99))), ", p99.9 ",
                   print_duration(static_cast<double>(generator.lag.quantile(0.999))));
  }
  if (generator.missed_arrivals > 0) {
    line += concat(", ", print_count(generator.missed_arrivals), " arrivals MISSED");
  }
  add_line(out, "generator", line);
}

void add_system(std::string& out, const RunResult& result) {
  std::string line = printed("%.1f s of CPU", result.system->cpu_s);
  if (const double each_us = result.cpu_us_each(); each_us > 0) {
    line += printed(", %.3f \u00b5s a %s", each_us, result.counts_connects() ? "connect" : "message");
  }
  if (result.system->memory_bytes > 0) line += ", " + print_bytes(result.system->memory_bytes) + " of its own memory";
  add_line(out, "system", line);
}

void add_capacity(std::string& out, const Capacity& capacity) {
  out += "\n";
  add_row(out, "capacity", {"asked", "delivered", "p50", "p99"});
  std::vector<const CapacityStep*> steps;
  for (const CapacityStep& step : capacity.steps) steps.push_back(&step);
  std::stable_sort(steps.begin(), steps.end(), [](const auto* a, const auto* b) { return a->rate < b->rate; });
  for (const CapacityStep* step : steps) {
    std::string row;
    add_row(row, "",
            {print_rate(step->rate), print_rate(step->achieved_rate), print_percentile(step->latency, 0.5),
             print_percentile(step->latency, 0.99)});
    row.pop_back();
    out += concat(row, "  ", step->held ? "held" : "NOT: " + visible(step->why_not), "\n");
  }
  add_line(out, "knee", describe_knee(capacity));
}

// The last lines are those that nobody must overlook.
void add_verdicts(std::string& out, const RunResult& result) {
  if (!result.thresholds.empty()) out += "\n";
  for (const ThresholdResult& threshold : result.thresholds) {
    add_line(out, describe_verdict(threshold), describe_threshold(threshold));
  }
  if (!result.warnings.empty()) out += "\n";
  for (const std::string& warning : result.warnings) out += concat("DOUBTFUL: ", visible(warning), "\n");
  const std::vector<std::string> failed = failures(result);
  if (!failed.empty()) out += "\n";
  for (const std::string& failure : failed) out += concat("FAILED: ", visible(failure), "\n");
  if (!result.account.sound()) out += "A target must not do such things, however slow it is.\n";
  if (result.interrupted) out += "\nINTERRUPTED: these figures cover only a part of what was planned.\n";
  if (!result.is_void()) return;
  out += "\nVOID: the generator was the limit. These figures say nothing about the target.\n";
  for (const std::string& reason : result.void_reasons) out += concat("  ", visible(reason), "\n");
}

}  // namespace

std::string to_summary(const RunResult& result) {
  std::string out;
  add_head(out, result);
  add_latency_rows(out, result);
  add_accounts(out, result);
  add_generator(out, result.generator);
  if (result.system) add_system(out, result);
  if (result.capacity) add_capacity(out, *result.capacity);
  out += scenario_summary(result);
  add_verdicts(out, result);
  return out;
}

}  // namespace onehop::loadgen
