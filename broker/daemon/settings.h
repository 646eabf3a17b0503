// The declared table of what can be set. Flags, environment, file, help, --print-config, the admin port's JSON and
// docs/configuration.md are all made from it, so that they cannot say different things.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "daemon/options.h"

namespace onehop::daemon {

// A setting's value, in one of the four types there are.
using Value = std::variant<bool, uint64_t, std::string, std::vector<std::string>>;

// Where a setting is kept.
using Place =
    std::variant<bool BrokerOptions::*, int BrokerOptions::*, uint32_t BrokerOptions::*, uint64_t BrokerOptions::*,
                 std::vector<std::string> BrokerOptions::*, uint32_t DaemonOptions::*, std::string DaemonOptions::*,
                 bool DaemonOptions::*, std::vector<std::string> DaemonOptions::*>;

struct Range {
  uint64_t least = 0;  // Of numbers.
  uint64_t most = 0;
  bool or_zero = false;                   // 0 is allowed too, although it is below `least`.
  std::vector<std::string_view> choices;  // Of texts; empty: any.
};

struct Setting {
  std::string_view name;  // As in the file; `--queue-bytes-max` and ONEHOP_QUEUE_BYTES_MAX are queue_bytes_max.
  Place place;
  Range range;
  std::string_view unit;  // Empty: none.
  bool reloadable;        // Whether a reload takes over another value.
  std::string_view meaning;
};

const std::vector<Setting>& settings();

// Index in settings(), or settings().size().
size_t find_setting(std::string_view name);

std::string flag_of(std::string_view name);         // --queue-bytes-max
std::string environment_of(std::string_view name);  // ONEHOP_QUEUE_BYTES_MAX
std::string type_of(const Setting& setting);        // switch, number, text or list
std::string range_of(const Setting& setting);       // For people: `16384 to 67108864`.

// What is wrong with a value for a setting: `must be …`; or nothing.
std::string wrong_with(const Setting& setting, const Value& value);

// A value as a flag or the environment has it: each text may hold several elements of a list, separated by commas.
// On failure says in `wrong` what it must be.
Value read_texts(const Setting& setting, const std::vector<std::string>& texts, std::string& wrong);

// A value that nothing is wrong with.
void put(const Setting& setting, const Value& value, DaemonOptions& options);
Value get(const Setting& setting, const DaemonOptions& options);

// As TOML and JSON both write it; what a value may hold needs no more than a backslash before quotes and backslashes.
std::string literal(const Value& value);

}  // namespace onehop::daemon
