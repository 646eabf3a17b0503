// The `onehop` command.
#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <memory>

#include "cli/admin/commands.h"
#include "cli/command.h"
#include "cli/identity/commands.h"
#include "cli/options.h"

namespace {

// A standard stream that the caller has closed must not become the number of a socket: its use is to fail, so it is
// opened the wrong way round.
void fill_closed_streams() {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (fcntl(fd, F_GETFD) < 0) static_cast<void>(open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY));
  }
}

}  // namespace

int main(int argc, char** argv) {
  using onehop::cli::Command;
  using onehop::cli::Options;

  fill_closed_streams();
  Options options;
  if (const auto code = onehop::cli::parse_options(argc, argv, options)) return *code;
  using AdminCommand = onehop::cli::AdminOptions::Command;
  if (options.admin.command != AdminCommand::kNone) return onehop::cli::run_admin_command(options.admin);
  using IdentityCommand = onehop::cli::IdentityCommandOptions::Command;
  if (options.identity.command != IdentityCommand::kNone) return onehop::cli::run_identity_command(options.identity);
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
    case Options::Command::kChat:
      command = make_chat(options);
      break;
    case Options::Command::kPing:
      command = make_ping(options);
      break;
  }
  return command->run();
}
