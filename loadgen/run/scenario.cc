// Applies the flags of the scenario, and checks them against the other flags.
#include "loadgen/run/scenario.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <sstream>

#include "core/base/utf8.h"
#include "core/wire/message_scan.h"
#include "loadgen/measure/quantity.h"
#include "loadgen/measure/stamp.h"
#include "loadgen/run/settings.h"
#include "reactor/address.h"
#include "reactor/file_text.h"

namespace onehop::loadgen {
namespace {

constexpr size_t kStagesMax = 1000;

std::string apply_stages(Settings& settings, const GivenFlags& given) {
  Scenario& scenario = settings.scenario;
  if (scenario.stages.empty()) return "";
  if (!is_of_messages(settings.workload)) return "--stage: only for workloads that send";
  if (given.duration) return "--stage: the stages say how long it takes, so there is no --duration";
  if (settings.window != 0) return "--stage: a closed loop (--window) has no rate";
  if (settings.find_capacity) return "--stage: --find-capacity has steps of its own";
  if (scenario.count != 0) return "--count: the stages say how many messages there are";
  if (scenario.stages.size() > kStagesMax) return "--stage: at most 1000 stages";
  scenario.curve = RateCurve(given.rate ? settings.rate : 0, scenario.stages);
  if (scenario.curve.total() < 1) return "--stage: all stages together send no message";
  settings.duration_ns = scenario.curve.duration_ns();
  settings.rate =
      scenario.curve.total() / (static_cast<double>(settings.duration_ns) * 1e-9);  // This is the mean rate.
  return "";
}

std::string apply_count(Settings& settings, const GivenFlags& given) {
  const uint64_t count = settings.scenario.count;
  if (count == 0) return "";
  if (settings.workload == Workload::kStorm || settings.workload == Workload::kIdle) {
    return "--count: for storm and idle, --clients says how many";
  }
  if (given.duration) return "--count: cannot be given together with --duration";
  if (settings.find_capacity) return "--count: a search is made of --step";
  const double seconds = static_cast<double>(count) / settings.rate;
  if (seconds > 1e9) return "--count: takes more than a thousand million seconds at that --rate";
  // In a closed loop the target decides how long it takes.
  settings.duration_ns = settings.window != 0 ? 1 : static_cast<uint64_t>(std::ceil(seconds * 1e9));
  if (settings.window != 0 && settings.warm_up_ns != 0)
    return "--count: in a closed loop there is no --warmup beside it";
  return "";
}

std::string check_commands(Settings& settings) {
  std::vector<TimedCommand>& commands = settings.scenario.commands;
  if (commands.empty()) return "";
  if (!is_of_messages(settings.workload)) return "--at: only for workloads that send";
  if (settings.window != 0)
    return "--at: recovery is measured against a schedule, and a closed loop (--window) has none";
  if (settings.find_capacity) return "--at: cannot be given together with --find-capacity";
  std::stable_sort(commands.begin(), commands.end(),
                   [](const TimedCommand& a, const TimedCommand& b) { return a.at_ns < b.at_ns; });
  if (commands.back().at_ns < settings.duration_ns) return "";
  return "--at: " + print_duration(static_cast<double>(commands.back().at_ns)) +
         " is not within the run, which takes " + print_duration(static_cast<double>(settings.duration_ns));
}

std::string check_headers(const Scenario& scenario) {
  if (scenario.headers.size() > core::kHeadersMax) return "--header: more headers than a message may have";
  size_t bytes = 0;
  for (const auto& [key, value] : scenario.headers) {
    if (!core::is_valid_utf8(key)) return "--header: the key must be UTF-8";
    bytes += key.size() + value.size() + 16;
  }
  return bytes > core::kHeaderBytesMax ? "--header: more bytes than a message may have in headers" : "";
}

std::string check_metrics(const std::string& address) {
  std::string error;
  return address.empty() || reactor::Address::parse(address, error) ? "" : "--metrics: " + error;
}

std::string read_payload(Settings& settings, const GivenFlags& given) {
  Scenario& scenario = settings.scenario;
  if (scenario.payload_file.empty()) return "";
  if (given.size) return "--payload: the file says how large messages are, so there is no --size";
  std::ifstream file(scenario.payload_file, std::ios::binary);
  std::ostringstream bytes;
  bytes << file.rdbuf();
  scenario.payload = bytes.str();
  if (!file || scenario.payload.empty()) return "--payload: cannot read " + scenario.payload_file + ", or it is empty";
  std::string error;
  settings.sizes = PayloadSizes::parse(std::to_string(kStampBytes + scenario.payload.size()), kStampBytes, error);
  return settings.sizes ? "" : "--payload: " + error;
}

std::string check_stage_numbers(const Settings& settings) {
  for (const Threshold& threshold : settings.slo) {
    if (threshold.stage() != 0) return "--slo: '" + threshold.text() + "' names a stage, and a search has none";
  }
  const std::vector<Stage>& stages = settings.scenario.stages;
  for (const Threshold& threshold : settings.thresholds) {
    const size_t stage = threshold.stage();
    if (stage == 0) continue;
    if (stage > stages.size()) {
      return "--threshold: '" + threshold.text() + "': there are " + std::to_string(stages.size()) + " stages";
    }
    if (stages[stage - 1].duration_ns == 0) {
      return "--threshold: '" + threshold.text() + "': that stage takes no time, so nothing is measured in it";
    }
  }
  return "";
}

}  // namespace

std::optional<Stage> parse_stage(std::string_view text) {
  const size_t colon = text.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const auto duration = parse_duration(text.substr(0, colon));
  const std::string_view rate = text.substr(colon + 1);
  const auto to = rate == "0" ? std::optional(0.0) : parse_rate(rate);
  if (!duration || !to) return std::nullopt;
  return Stage{*duration, *to};
}

std::optional<std::pair<std::string, std::string>> parse_header(std::string_view text) {
  const size_t colon = text.find(':');
  if (colon == std::string_view::npos || colon == 0) return std::nullopt;
  return std::pair(std::string(text.substr(0, colon)), std::string(text.substr(colon + 1)));
}

std::string apply_scenario(Settings& settings, const GivenFlags& given) {
  std::string wrong = apply_stages(settings, given);
  if (wrong.empty()) wrong = apply_count(settings, given);
  if (wrong.empty()) wrong = check_commands(settings);
  if (wrong.empty()) wrong = check_headers(settings.scenario);
  if (wrong.empty()) wrong = read_payload(settings, given);
  if (wrong.empty()) wrong = check_stage_numbers(settings);
  if (wrong.empty()) wrong = check_metrics(settings.scenario.metrics);
  if (wrong.empty() && settings.scenario.abort_on_fail && settings.find_capacity) {
    wrong = "--abort-on-fail: a search ends its steps by itself";
  }
  return wrong;
}

std::optional<std::string> read_token(const std::string& path) {
  constexpr size_t kTokenBytesMax = 14 << 10;  // What a client library sends at most.
  const reactor::FileText file = reactor::read_file(path, kTokenBytesMax + 2);
  if (!file.text) return std::nullopt;
  std::string token = file.text->substr(0, file.text->find('\n'));
  if (token.ends_with('\r')) token.pop_back();
  return token.empty() ? std::nullopt : std::optional(token);
}

DriverOptions driver_options(const Settings& settings) {
  DriverOptions options{settings.confirm, settings.keepalive_ms, settings.sizes->bytes_max()};
  options.token = settings.token;
  for (const auto& [key, value] : settings.scenario.headers) options.headers.push_back({key, value});
  return options;
}

void keep_scenario_flags(Settings& settings) {
  const Scenario& scenario = settings.scenario;
  const bool is_staged = !scenario.stages.empty();
  if (is_staged && scenario.curve.from(0) <= 0) settings.flags.erase("rate");
  if (is_staged || scenario.count != 0) settings.flags.erase("duration");
  if (!scenario.payload.empty()) settings.flags.erase("size");
  if (scenario.commands.empty()) settings.flags.erase("on-time");
}

}  // namespace onehop::loadgen
