// Reports: see the header.
#include "figures_report.h"

#include <cstdarg>

#include "measured_process.h"

namespace onehop::bench {
namespace {

[[gnu::format(printf, 1, 2)]] std::string text(const char* format, ...) {
  char out[512];
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(out, sizeof out, format, arguments);
  va_end(arguments);
  return out;
}

std::vector<double> column(const CaseResult& one, double Figures::*field) {
  std::vector<double> values;
  for (const Figures& figures : one.work) values.push_back(figures.*field);
  return values;
}

// Of each repetition on its own: systems that take turns share what disturbs them.
std::vector<double> ratios(const CaseResult& one, const CaseResult& base) {
  std::vector<double> values;
  for (size_t i = 0; i < one.work.size(); ++i) values.push_back(one.work[i].cpu_us / base.work[i].cpu_us);
  return values;
}

std::string with_spread(const std::vector<double>& values, int digits) {
  const Spread s = spread(values);
  return text("%.*f (%.*f–%.*f)", digits, s.median, digits, s.lowest, digits, s.highest);
}

void add_work_rows(std::string& out, const ComparisonResult& result) {
  for (size_t i = 0; i < result.cases.size(); ++i) {
    const CaseResult& one = result.cases[i];
    if (one.work.empty()) continue;
    const bool last = i + 1 == result.cases.size();
    out += text("| %s | %s | %s | %s | %s | %.3f | %.1f | %s | %.0f %% |\n", i == 0 ? result.title.c_str() : "",
                one.label.c_str(), with_spread(column(one, &Figures::cpu_us), 3).c_str(),
                i == 0 ? "1" : with_spread(ratios(one, result.cases[0]), 2).c_str(),
                last && result.target != 0 ? text("≤ %.2f", result.target).c_str() : "",
                spread(column(one, &Figures::messages_per_second)).median / 1e6,
                spread(column(one, &Figures::p50_us)).median, with_spread(column(one, &Figures::p99_us), 1).c_str(),
                100 * spread(column(one, &Figures::generator_share)).median);
  }
}

void add_idle_rows(std::string& out, const ComparisonResult& result) {
  for (size_t i = 0; i < result.cases.size(); ++i) {
    const CaseResult& one = result.cases[i];
    if (one.idle_bytes.empty()) continue;
    const bool last = i + 1 == result.cases.size();
    out += text("| %s | %s | %s | %s |\n", i == 0 ? result.title.c_str() : "", one.label.c_str(),
                with_spread(one.idle_bytes, 0).c_str(),
                last && result.target != 0 ? text("≤ %.0f", result.target).c_str() : "");
  }
}

std::string quoted(const std::string& plain) {
  std::string out = "\"";
  for (const char c : plain) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

std::string array(const std::vector<double>& values) {
  std::string out = "[";
  for (const double value : values) out += text("%s%.6g", out.size() == 1 ? "" : ", ", value);
  return out + "]";
}

std::string case_json(const CaseResult& one) {
  std::string out = "{\"label\": " + quoted(one.label);
  if (!one.idle_bytes.empty()) out += ", \"bytes_per_connection\": " + array(one.idle_bytes);
  if (!one.work.empty()) {
    out += ", \"cpu_us_per_message\": " + array(column(one, &Figures::cpu_us));
    out += ", \"messages_per_second\": " + array(column(one, &Figures::messages_per_second));
    out += ", \"p50_us\": " + array(column(one, &Figures::p50_us));
    out += ", \"p99_us\": " + array(column(one, &Figures::p99_us));
    out += ", \"generator_share\": " + array(column(one, &Figures::generator_share));
  }
  return out + "}";
}

}  // namespace

std::string markdown(const Origins& origins, const std::vector<ComparisonResult>& results) {
  std::string work, idle;
  for (const ComparisonResult& result : results) {
    add_work_rows(work, result);
    add_idle_rows(idle, result);
  }
  std::string out = text("`%s` on %s, %s. Medians (lowest–highest).\n", origins.command.c_str(),
                         origins.machine.c_str(), origins.compiler.c_str());
  if (!work.empty()) {
    out +=
        "\n| work | system | CPU per message, µs | ratio | target | messages/s, million | p50, µs | p99, µs | "
        "generator busy |\n| --- | --- | --- | --- | --- | --- | --- | --- | --- |\n" +
        work;
  }
  if (!idle.empty()) {
    out += "\n| idle connections | system | private bytes each | target |\n| --- | --- | --- | --- |\n" + idle;
  }
  return out;
}

std::string json(const Origins& origins, const std::vector<ComparisonResult>& results) {
  std::string out = "{\"machine\": " + quoted(origins.machine) + ", \"compiler\": " + quoted(origins.compiler) +
                    ", \"command\": " + quoted(origins.command) + ", \"comparisons\": [";
  for (size_t i = 0; i < results.size(); ++i) {
    const ComparisonResult& result = results[i];
    out += text("%s\n  {\"name\": %s, \"target\": %g, \"cases\": [", i == 0 ? "" : ",", quoted(result.name).c_str(),
                result.target);
    for (size_t k = 0; k < result.cases.size(); ++k)
      out += (k == 0 ? "\n    " : ",\n    ") + case_json(result.cases[k]);
    out += "]}";
  }
  return out + "\n]}\n";
}

}  // namespace onehop::bench
