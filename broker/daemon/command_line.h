// onehopd's flags, and the environment that stands in for them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "daemon/configuration.h"

namespace onehop::daemon {

struct CommandLine {
  enum class Wish { kRun, kCheckConfig, kPrintConfig, kPrintReference };
  Wish wish = Wish::kRun;
  Given given;
  // What is wrong with the command line, one line each. The values of flags are not checked here.
  std::vector<std::string> problems;
};

// Reads flags and environment; what they say is looked at in load(). Nothing: it has printed help, the version or what
// is wrong, and `exit_code` is what to exit with.
std::optional<CommandLine> read_command_line(int argc, char** argv, int& exit_code);

}  // namespace onehop::daemon
