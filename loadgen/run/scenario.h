// What a run does beside sending at one rate for one time: stages, a number of messages, commands at times, an early
// end, the content of its messages, and further outputs. scenario_flags.cc has a flag for each.
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

// One --at: a command and the time of the run at which it starts.
struct TimedCommand {
  uint64_t at_ns = 0;
  std::string command;
};

struct Scenario {
  std::vector<Stage> stages;
  RateCurve curve;                     // Made from the stages; empty if there are none.
  uint64_t count = 0;                  // The number of messages instead of a duration; 0 if there is a duration.
  std::vector<TimedCommand> commands;  // Sorted by time.
  uint64_t on_time_ns = 100'000'000;   // Messages that arrive within this time keep up with the plan: see aftermath.h.
  bool abort_on_fail = false;

  std::string payload_file;
  std::string payload;  // The bytes behind the stamp of each message; empty if they are filling.
  std::vector<std::pair<std::string, std::string>> headers;

  std::string metrics;                    // The address at which live figures are served; empty if none are.
  std::string markdown_file, junit_file;  // Empty for none, "-" for standard output.
};

// "30s:1000" → a stage, whose rate may be 0. Nothing if the text is no stage.
std::optional<Stage> parse_stage(std::string_view text);
// "key:value" → both parts. The key must not be empty.
std::optional<std::pair<std::string, std::string>> parse_header(std::string_view text);

// Which of the flags were given that exclude others.
struct GivenFlags {
  bool rate = false, duration = false, size = false;
};

// Applies what the stages and the count say about rate and duration, and reads the payload file. Returns a line that
// begins with the flag that is wrong, or an empty text.
std::string apply_scenario(Settings& settings, const GivenFlags& given);
// The options for the driver. They refer to parts of the settings, which must outlive them.
// The first line of the file; nothing: there is none.
std::optional<std::string> read_token(const std::string& path);

DriverOptions driver_options(const Settings& settings);
// Removes the flags that stages and count have replaced.
void keep_scenario_flags(Settings& settings);

}  // namespace onehop::loadgen
