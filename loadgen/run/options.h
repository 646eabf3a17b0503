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

  Settings settings;  // Of kMerge: the files to write and the thresholds only.
  std::optional<Target> target;

  // kMerge, kCompare: results to read.
  std::vector<std::string> files;
  std::vector<std::string> other_files;  // kCompare: those behind the --.
  std::optional<double> slower_max;      // kCompare: see comparison.h.
};

// Writes one line to standard error, behind the name of the program.
void complain(const std::string& what);

// Reads the command line. Returns an exit code if there is nothing left to do: help was printed, or what is wrong.
std::optional<int> parse_options(int argc, char** argv, Options& options);

}  // namespace onehop::loadgen
