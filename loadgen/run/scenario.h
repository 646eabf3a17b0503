// What a run does beside sending at one rate for one time: stages, a number of messages, commands at times, an early
// end; what its messages carry; and what else it writes. Each has its flag, see scenario_flags.cc.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "loadgen/measure/rate_curve.h"

namespace onehop::loadgen {

struct Settings;
struct DriverOptions;

// One --at: a command that is started at that time of the run.
struct TimedCommand {
  uint64_t at_ns = 0;
  std::string command;
};

struct Scenario {
  std::vector<Stage> stages;
  RateCurve curve;                     // Made from them; empty: there are none.
  uint64_t count = 0;                  // Messages in all, instead of a duration; 0: the duration says.
  std::vector<TimedCommand> commands;  // In the order of their times.
  uint64_t on_time_ns = 100'000'000;   // What arrives within it keeps up with the plan: see aftermath.h.
  bool abort_on_fail = false;

  std::string payload_file;
  std::string payload;  // What follows the stamp in each message; empty: filling.
  std::vector<std::pair<std::string, std::string>> headers;

  std::string metrics;                    // The address to serve live figures on; empty: none.
  std::string markdown_file, junit_file;  // Empty: none; "-": standard output.
};

// "30s:1000" → a stage; a rate of 0 is one too. Nothing if it is not like that.
std::optional<Stage> parse_stage(std::string_view text);
// "key:value" → both; the key must not be empty.
std::optional<std::pair<std::string, std::string>> parse_header(std::string_view text);

// Which of the flags that exclude each other were given.
struct GivenFlags {
  bool rate = false, duration = false, size = false;
};

// Puts into force what the stages and the count say of the rate and of the duration, and reads the payload file. One
// line that begins with the flag, if something is wrong; empty: nothing is.
std::string apply_scenario(Settings& settings, const GivenFlags& given);
// What the driver is asked for. It names parts of the settings, which must outlive it.
DriverOptions driver_options(const Settings& settings);
// Takes out of the settings' flags those that stages and count have replaced.
void keep_scenario_flags(Settings& settings);

}  // namespace onehop::loadgen
