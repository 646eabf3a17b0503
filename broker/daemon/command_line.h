// onehopd's flags, and the environment that stands in for them.
#pragma once

#include <optional>
#include <string>

#include "onehop/broker.h"

namespace onehop::daemon {

struct DaemonOptions {
  BrokerOptions broker;
  std::string log_level = "info";   // debug, info, warn, error, off.
  std::string log_format = "auto";  // text, json; auto: text on a terminal, json otherwise.
  uint32_t stop_deadline_ms = 30'000;
};

// Exit codes of onehopd.
enum ExitCode : int {
  kExitOk = 0,
  kExitFailed = 1,  // It could not start, or connections were cut off at the end.
  kExitUsage = 2,
};

// Reads flags, then ONEHOP_* environment for what no flag names. Nothing: it has printed help, the version or what is
// wrong, and `exit_code` is what to exit with.
std::optional<DaemonOptions> read_command_line(int argc, char** argv, int& exit_code);

}  // namespace onehop::daemon
