// The `onehop` command.
#include <cstdio>
#include <memory>

#include "cli/command.h"
#include "cli/options.h"

int main(int argc, char** argv) {
  using onehop::cli::Command;
  using onehop::cli::Options;

  Options options;
  if (const auto code = onehop::cli::parse_options(argc, argv, options)) return *code;
  // Reports come one for each message where things go wrong: they are written when the loop sleeps.
  std::setvbuf(stderr, nullptr, _IOFBF, 64 << 10);
  std::unique_ptr<Command> command;
  switch (options.command) {
    case Options::Command::kSend:
      command = make_send(options);
      break;
    case Options::Command::kListen:
      command = make_listen(options);
      break;
    case Options::Command::kPing:
      command = make_ping(options);
      break;
  }
  return command->run();
}
