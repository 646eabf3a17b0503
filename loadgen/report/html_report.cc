// The HTML report: one file with its style, scripts and numbers. This file writes the text and the tables, which need
// no scripts. The browser draws the charts from chart_data(). The page forbids itself every request.
#include <algorithm>

#include "loadgen/measure/quantity.h"
#include "loadgen/measure/text.h"
#include "loadgen/report/foreign_text.h"
#include "loadgen/report/html.h"
#include "loadgen/report/json_keys.h"
#include "loadgen/report/print.h"
#include "loadgen/report/report.h"
#include "loadgen/report/scenario_report.h"
#include "loadgen/report/verdict.h"

namespace onehop::loadgen {
namespace {

void add_card(std::string& page, std::string_view name, std::string_view value, std::string_view note = "") {
  page += concat("<div class=card><div class=name>", escaped(name), "</div><div class=value>", escaped(value),
                 "</div><div class=note>", escaped(note), "</div></div>\n");
}

// A row of a table of names and values.
void add_fact(std::string& page, std::string_view name, std::string_view value) {
  page += concat("<tr><th>", escaped(name), "</th><td>", escaped(value), "</td></tr>\n");
}

// A place in which report_page.js draws the chart of this name.
void add_chart(std::string& page, std::string_view name, std::string_view title, std::string_view note = "") {
  page += concat("<figure class=chart data-chart=\"", escaped(name), "\"><figcaption><b>", escaped(title),
                 "</b> <span>", escaped(note), "</span></figcaption></figure>\n");
}

void add_bad_banner(std::string& page, std::string_view title, std::string_view words) {
  page += concat("<div class=\"banner bad\"><b>", title, "</b> ", escaped(words), "</div>\n");
}

void add_banner(std::string& page, const RunResult& result) {
  for (const std::string& failure : failures(result)) add_bad_banner(page, "FAILED:", failure);
  if (!result.account.sound()) add_bad_banner(page, "FAILED:", "a target must not do such things, however slow it is");
  if (result.interrupted) {
    add_bad_banner(page, "INTERRUPTED:",
                   result.capacity ? std::string("these figures cover only a part of what was planned")
                                   : printed("after %.1f of %.1f s", result.duration_s, result.planned_s));
  }
  for (const std::string& warning : result.warnings) add_bad_banner(page, "DOUBTFUL:", warning);
  if (result.is_void()) {
    page += "<div class=\"banner bad\"><b>VOID: the generator was the limit.</b> ";
    page += "These figures say nothing about the target.<ul>";
    for (const std::string& reason : result.void_reasons) page += concat("<li>", escaped(reason), "</li>");
    page += "</ul></div>\n";
  }
  const bool kept = std::all_of(result.thresholds.begin(), result.thresholds.end(),
                                [](const ThresholdResult& threshold) { return threshold.kept || threshold.spoiled; });
  if (!kept) page += "<div class=\"banner bad\"><b>FAILED: not every threshold was kept.</b></div>\n";
  if (const std::string lag = describe_spoiled(result); !lag.empty()) {
    add_bad_banner(page, "SPOILED:", concat("what the generator's own lag has made (", lag, "), and not the target"));
  }
  if (!result.open_loop) {
    page += "<div class=banner><b>Closed loop.</b> Latencies leave out what waiting senders did not send.</div>\n";
  }
}

std::string print_knee(const Capacity& capacity) {
  return capacity.unfinished.empty() && capacity.rate > 0 ? print_rate(capacity.rate) : "–";
}

void add_page_head(std::string& page, const RunResult& result) {
  const std::string server = result.server.empty() ? "" : concat(" (", result.server, ")");
  const std::string parts = result.parts > 1 ? concat(", the sum of ", result.parts, " runs") : "";
  page += concat("<header><div class=program>onehop-loadgen ", escaped(result.version), "</div>\n<h1>",
                 escaped(result.target), "</h1>\n<p>", escaped(describe_work(result)), "<br>",
                 escaped(concat(iso_time(result.started_unix_s), " on ", result.host.name, server, parts)),
                 "</p></header>\n");
  add_banner(page, result);
  const Account& account = result.account;
  const uint64_t planned = result.planned();
  const double part = planned == 0 ? 0 : 100 * static_cast<double>(account.delivered) / static_cast<double>(planned);
  const Latency timed = timed_of(result);
  page += "<div class=cards>\n";
  add_card(page, "delivered", print_achieved(result),
           result.wanted_rate > 0 ? "of " + print_rate(result.wanted_rate) + " wanted" : "");
  add_card(page, "p50", print_percentile(result, timed, 0.5));
  add_card(page, "p99", print_percentile(result, timed, 0.99));
  add_card(page, "p99.9", print_percentile(result, timed, 0.999));
  add_card(page, "max", print_percentile(result, timed, 1));
  add_card(page, "messages", print_count(planned),
           account.delivered == planned ? "all delivered" : printed("%.4g %% delivered", part));
  if (result.capacity) add_card(page, "knee", print_knee(*result.capacity), result.capacity->slo);
  page += "</div>\n";
}

void add_latency_table(std::string& page, const RunResult& result) {
  page +=
      "<div class=wide><table class=figures><tr><th></th><th>p50</th><th>p90</th><th>p95</th><th>p99</th><th>p99.9</th>"
      "<th>p99.99</th><th>max</th><th>mean</th><th>count</th><th>never</th></tr>\n";
  const auto cell = [&](const std::string& figure) {
    page += concat(figure == "spoiled" || figure == "never" ? "<td class=bad>" : "<td>", escaped(figure), "</td>");
  };
  for (const NamedLatency& named : kLatencies) {
    const Latency latency = named.histogram;
    const Histogram& histogram = result.*latency;
    if (histogram.empty()) continue;
    const char* const name = latency == &RunResult::latency ? "from the intended time" : named.label;
    page += concat("<tr><th>", name, "</th>");
    for (const double quantile : {0.5, 0.9, 0.95, 0.99, 0.999, 0.9999, 1.0}) {
      cell(print_percentile(result, latency, quantile));
    }
    cell(print_mean(result, latency));
    page += concat("<td>", print_count(histogram.count()), "</td><td>", print_count(histogram.never()), "</td></tr>\n");
  }
  page += "</table></div>\n";
}

void add_charts(std::string& page, const RunResult& result) {
  if (result.capacity) {
    page += "<section><h2>Capacity</h2>\n";
    page += concat("<p>", escaped(describe_knee(*result.capacity)), ".</p>\n");
    add_chart(page, "capacity-latency", "Latency", "over the rate asked for");
    add_chart(page, "capacity-rate", "Delivered", "over the rate asked for");
    page += "</section>\n";
  }
  if (!result.latency.empty()) {
    page += "<section><h2>Latency</h2>\n";
    add_chart(page, "spectrum", "Percentiles",
              "from the intended time; beside it what one who waits for each answer would have seen");
    add_latency_table(page, result);
    page += "</section>\n";
  }
  if (!result.confirm_latency.empty() || !result.connect_latency.empty() || !result.slow_latency.empty()) {
    page += "<section><h2>Confirming, connecting</h2>\n";
    if (result.latency.empty()) add_latency_table(page, result);
    add_chart(page, "other-spectrum", "Percentiles", "of what else was timed");
    page += "</section>\n";
  }
  if (!result.series.empty()) {
    page += "<section><h2>Second by second</h2>\n";
    add_chart(page, "rate", "Messages a second");
    add_chart(page, "latency", "Latency", "of what arrived in each second");
    page += "<div class=pair>\n";
    add_chart(page, "in-flight", "In flight", "at the end of each second");
    add_chart(page, "lag", "Lag of the generator", "the longest in each second");
    page += "</div></section>\n";
  }
}

void add_outcomes(std::string& page, const RunResult& result) {
  const Account& account = result.account;
  const auto row = [&](std::string_view name, uint64_t count, std::string_view style) {
    const double part = account.sent == 0 ? 0 : 100 * static_cast<double>(count) / static_cast<double>(account.sent);
    page += concat("<tr class=\"", style, "\"><th>", escaped(name), "</th><td>", print_count(count), "</td><td>",
                   printed("%.4g %%", part), "</td></tr>\n");
  };
  page += "<section><h2>Outcomes</h2>\n<div class=pair><table class=figures>\n";
  row("sent", account.sent, "");
  row("delivered", account.delivered, "");
  if (result.sends()) {
    row("never issued", result.generator.missed_arrivals, result.generator.missed_arrivals == 0 ? "none" : "bad");
  }
  for (const auto& [name, count] : other_outcomes(account)) {
    row(name, count, count == 0 ? "none" : (name == std::string_view("UNEXPLAINED") ? "bad" : ""));
  }
  page += "</table>\n<table class=figures>\n";
  row("outcome not told within --drain", account.not_told, account.not_told == 0 ? "none" : "bad");
  for (const auto& [name, count] : faults(account)) row(name, count, count == 0 ? "none" : "bad");
  page += "</table></div>\n";
  if (!result.reasons.empty()) {
    page += "<h3>Reasons</h3><table class=figures>\n";
    for (const auto& [reason, count] : result.reasons) row(reason, count, "");
    page += "</table>\n";
  }
  page += "</section>\n";
}

void add_threshold_table(std::string& page, const RunResult& result) {
  if (result.thresholds.empty()) return;
  page += "<section><h2>Thresholds</h2>\n<table>\n";
  for (const ThresholdResult& threshold : result.thresholds) {
    page += concat("<tr class=\"", threshold.kept ? "" : "bad", "\"><th>", describe_verdict(threshold), "</th><td>",
                   escaped(describe_threshold(threshold)), "</td></tr>\n");
  }
  page += "</table></section>\n";
}

void add_capacity_steps(std::string& page, const Capacity& capacity) {
  page +=
      "<section><h2>Steps of the search</h2>\n<div class=wide><table class=figures>"
      "<tr><th></th><th>asked</th><th>delivered</th><th>p50</th><th>p99</th><th></th></tr>\n";
  for (const CapacityStep& step : capacity.steps) {
    page += concat("<tr><th></th><td>", print_rate(step.rate), "</td><td>", print_rate(step.achieved_rate), "</td><td>",
                   print_percentile(step.latency, 0.5), "</td><td>", print_percentile(step.latency, 0.99),
                   "</td><td class=words>", step.held ? "held" : escaped(step.why_not), "</td></tr>\n");
  }
  page += "</table></div></section>\n";
}

void add_circumstances(std::string& page, const RunResult& result) {
  page += "<section class=pair><div><h2>Settings</h2>\n<table>\n";
  for (const auto& [name, value] : result.settings) add_fact(page, name, value);
  page += "</table></div>\n<div><h2>Host</h2>\n<table>\n";
  add_fact(page, "name", result.host.name);
  add_fact(page, "kernel", result.host.kernel);
  add_fact(page, "processor", concat(result.host.cores, " × ", result.host.cpu));
  add_fact(page, "memory", print_bytes(result.host.memory_bytes));
  page += "</table>\n<h2>Generator</h2>\n<table>\n";
  const Generator& generator = result.generator;
  add_fact(page, "threads", print_count(generator.threads));
  add_fact(page, "processor time", printed("%.2f s in %.1f s", generator.cpu_s, result.duration_s));
  add_fact(page, "busiest thread", printed("%.0f %%", 100 * generator.busiest_thread));
  add_fact(page, "waiting for a processor", printed("%.1f %%", 100 * generator.waiting_for_cpu));
  add_fact(page, "missed arrivals", print_count(generator.missed_arrivals));
  if (!generator.lag.empty()) {
    add_fact(page, "lag p50, p99, max",
             concat(print_duration(static_cast<double>(generator.lag.quantile(0.5))), ", ",
                    print_duration(static_cast<double>(generator.lag.quantile(0.99))), ", ",
                    print_duration(static_cast<double>(generator.lag.max()))));
  }
  page += "</table>\n<h2>Connections</h2>\n<table>\n";
  add_fact(page, "opened", print_count(result.connections.opened));
  add_fact(page, "failed", print_count(result.connections.failed));
  add_fact(page, "never open", print_count(result.connections.unopened));
  add_fact(page, "broken", print_count(result.connections.broken));
  add_fact(page, "silent at the end", print_count(result.connections.silent));
  if (!result.connections.last_problem.empty()) add_fact(page, "last problem", result.connections.last_problem);
  page += "</table></div></section>\n";
}

}  // namespace

std::string to_html(const RunResult& result) {
  std::string page = "<!DOCTYPE html>\n<html lang=en>\n<head>\n<meta charset=\"utf-8\">\n";
  page +=
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; "
      "script-src 'unsafe-inline'\">\n";
  page += "<meta name=viewport content=\"width=device-width, initial-scale=1\">\n";
  page += concat("<title>", escaped(concat("Load on ", result.target)), "</title>\n<style>\n", kPageParts.style,
                 "</style>\n</head>\n<body>\n<main>\n");
  add_page_head(page, result);
  add_threshold_table(page, result);
  page += scenario_page(result);
  add_charts(page, result);
  add_outcomes(page, result);
  if (result.capacity) add_capacity_steps(page, *result.capacity);
  add_circumstances(page, result);
  page += "<noscript><p>The charts need scripts; all else is here without them.</p></noscript>\n</main>\n";
  page +=
      concat("<script type=\"application/json\" id=data>", chart_data(result), "</script>\n<script>\n",
             kPageParts.chart_script, "</script>\n<script>\n", kPageParts.page_script, "</script>\n</body>\n</html>\n");
  return page;
}

}  // namespace onehop::loadgen
