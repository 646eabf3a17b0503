// The `onehop-loadgen` command.
#include <csignal>

#include "loadgen/run/command.h"

int main(int argc, char** argv) {
  using onehop::loadgen::Options;

  std::signal(SIGPIPE, SIG_IGN);
  Options options;
  if (const auto code = onehop::loadgen::parse_options(argc, argv, options)) return *code;
  switch (options.command) {
    case Options::Command::kRun:
      return onehop::loadgen::run_command(options);
    case Options::Command::kMerge:
      return onehop::loadgen::merge_command(options);
    case Options::Command::kCompare:
      return onehop::loadgen::compare_command(options);
  }
  return 0;
}
