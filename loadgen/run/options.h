// The command line of onehop-loadgen.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "loadgen/run/settings.h"
#include "loadgen/run/target.h"

namespace onehop::loadgen {

struct Options {
  enum class Command : uint8_t { kRun, kMerge, kCompare };
  Command command = Command::kRun;

  Settings settings;  // With kMerge only the files to write and the thresholds matter.
  std::optional<Target> target;

  // For kMerge and kCompare: the results to read.
  std::vector<std::string> files;
  std::vector<std::string> other_files;  // For kCompare: the files behind the --.
  std::optional<double> slower_max;      // For kCompare: see comparison.h.
};

// Writes the name of the program and this line to standard error.
void complain(const std::string& what);

// Reads the command line. Returns an exit code if there is nothing left to do, because help was printed or something is
// wrong.
std::optional<int> parse_options(int argc, char** argv, Options& options);

}  // namespace onehop::loadgen
