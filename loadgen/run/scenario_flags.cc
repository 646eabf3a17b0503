// The table of the scenario's flags.
#include <algorithm>

#include "loadgen/measure/quantity.h"
#include "loadgen/run/flag.h"

namespace onehop::loadgen {
namespace {

constexpr const char* kMessages = "Messages";
constexpr const char* kVerdict = "Verdict";
constexpr const char* kOutput = "Output";

[[noreturn]] void refuse_value(const std::string& text, const char* what) {
  throw std::invalid_argument("'" + text + "' is not " + what);
}

uint64_t duration_of(const std::string& text) {
  const auto ns = parse_duration(text);
  if (!ns) refuse_value(text, "a duration");
  return *ns;
}

Flag text_flag(const char* name, const char* group, const char* type, const char* what, std::string& into) {
  return {name, group, type, "", what, 1, false, [&into](const auto& values) { into = values.front(); }};
}

void read_stages(Scenario& scenario, const std::vector<std::string>& texts) {
  for (const std::string& text : texts) {
    const auto stage = parse_stage(text);
    if (!stage) refuse_value(text, "a time and a rate, as 30s:1000");
    scenario.stages.push_back(*stage);
  }
}

void read_commands(Scenario& scenario, const std::vector<std::string>& texts) {
  for (size_t i = 0; i + 1 < texts.size(); i += 2) {
    if (texts[i + 1].empty()) throw std::invalid_argument("the command is empty");
    scenario.commands.push_back({duration_of(texts[i]), texts[i + 1]});
  }
}

void read_headers(Scenario& scenario, const std::vector<std::string>& texts) {
  for (const std::string& text : texts) {
    auto header = parse_header(text);
    if (!header) refuse_value(text, "a key and a value, as key:value");
    scenario.headers.push_back(std::move(*header));
  }
}

void read_count(Scenario& scenario, const std::string& text) {
  const bool is_number = !text.empty() && text.size() <= 18 &&
                         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
  scenario.count = is_number ? std::stoull(text) : 0;
  if (scenario.count == 0) refuse_value(text, "a number of messages, 1 at least");
}

}  // namespace

std::vector<Flag> scenario_flags(Scenario& scenario) {
  std::vector<Flag> flags = {
      {"--count", kMessages, "N", "", "Send N messages in all, instead of sending for --duration", 1, false,
       [&](const auto& values) { read_count(scenario, values.front()); }},
      {"--stage", kMessages, "TIME:RATE", "",
       "Instead of --duration: within TIME the rate changes evenly from that of the stage before\nto RATE; 0s:RATE "
       "jumps. "
       "May be given again. The first stage begins at --rate, or at 0",
       1, true, [&](const auto& values) { read_stages(scenario, values); }},
      text_flag("--payload", kMessages, "FILE",
                "Each message carries 24 bytes of the generator, then the bytes of this file", scenario.payload_file),
      {"--header,-H", kMessages, "KEY:VALUE", "", "A header of each message; may be given again; only for onehop", 1,
       true, [&](const auto& values) { read_headers(scenario, values); }},
      {"--at", kVerdict, "TIME COMMAND", "",
       "Run COMMAND by /bin/sh at that time of the run, and report what was lost or doubled from\nthen on, and how "
       "long recovery took. May be given again",
       2, true, [&](const auto& values) { read_commands(scenario, values); }},
      {"--on-time", kVerdict, "TIME", "100ms", "For --at: a message that arrives within TIME is on time", 1, false,
       [&](const auto& values) { scenario.on_time_ns = duration_of(values.front()); }},
      {"--abort-on-fail", kVerdict, "", "", "End the run as soon as a --threshold can no longer be met", 0, false,
       [&](const auto&) { scenario.abort_on_fail = true; }},
      text_flag("--metrics", kOutput, "URL",
                "Serve live figures for Prometheus at tcp://host:port; port 0 takes a free one", scenario.metrics),
  };
  for (Flag& flag : report_flags(scenario)) flags.push_back(std::move(flag));
  return flags;
}

std::vector<Flag> report_flags(Scenario& scenario) {
  return {
      text_flag("--markdown", kOutput, "FILE", "Write the report as Markdown, for the summary of a CI run",
                scenario.markdown_file),
      text_flag("--junit", kOutput, "FILE", "Write the verdict as JUnit's XML, with a case for each condition",
                scenario.junit_file),
  };
}

}  // namespace onehop::loadgen
