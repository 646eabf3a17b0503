// The commands about who may connect and what it may do, as far as they need no broker: they work on secrets and files
// alone. What a running broker allows is asked at its admin port.
#pragma once

#include <cstdint>
#include <string>

#include "cli/admin/options.h"

namespace CLI {
class App;
}

namespace onehop::cli {

struct IdentityCommandOptions {
  enum class Command : uint8_t { kNone, kHashSecret, kPermissions };
  Command command = Command::kNone;

  // hash-secret: in front of the hash, as the users file has it; whether to make a secret, and where to put it.
  std::string user;
  bool generate = false;
  std::string secret_file;

  // permissions
  std::string what;  // check
  std::string file;
  std::string principal;
  std::string anonymous_role;
  std::string right;
  std::string target;
  bool json = false;
};

// Adds these commands to the command line. Which of them was given is in `options` once it is parsed; in `admin` if it
// is about a running broker.
void add_identity_commands(CLI::App& app, IdentityCommandOptions& options, AdminOptions& admin);

// The option of a command that is a client for its token.
void add_token_option(CLI::App& command, std::string& file);

// What is wrong with the options of the command that was given, in one line; empty: nothing.
std::string what_is_wrong_with(const IdentityCommandOptions& options);

// Runs the command that was given; returns what to exit with.
int run_identity_command(const IdentityCommandOptions& options);

}  // namespace onehop::cli
