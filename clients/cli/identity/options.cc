// The command line of commands.h.
#include <CLI/CLI.hpp>
#include <algorithm>

#include "cli/identity/commands.h"
#include "identity/permissions.h"
#include "identity/principal.h"

namespace onehop::cli {
namespace {

constexpr const char* kHashSecretFooter = R"(
Without --generate the secret is the first line of standard input. From a terminal it is read twice, and not shown. Such
a secret is kept as argon2id, which is slow on purpose. With --generate the secret is made of 256 random bits; nobody
guesses it, so it is kept as BLAKE2b, which is fast. It is printed in a line before the hash, unless --secret-file says
where to put it.

Examples:
  onehop hash-secret --user alice >>users
  onehop hash-secret --generate --user device-7 --secret-file device-7.secret >>users
)";
constexpr const char* kPermissionsFooter = R"(
ACTION is one of names (may own), take_over, send, publish, subscribe, serve, request, watch. TARGET is a client's name;
'' with names is a name that the broker makes. With --file only that file is asked, without it the running broker.
Without --as, the running broker is asked about anonymous clients.

Exit codes:
  0  it is allowed
  1  it is denied, or the admin port refused
  2  the command line or the file is wrong
  3  cannot reach the admin port

Examples:
  onehop permissions check --as alice send bob
  onehop permissions check --file permissions.toml --as alice send bob
  onehop permissions check --file permissions.toml --anonymous-role guest names ''
)";

// Empty: nothing.
std::string what_is_wrong_with_principal(const std::string& flag, const std::string& principal) {
  return identity::is_valid_principal(principal)
             ? ""
             : flag + ": must have 1 to 255 visible ASCII characters, and no asterisk";
}

std::vector<std::string> right_names() {
  return {identity::kRightNames.begin(), identity::kRightNames.end()};
}

}  // namespace

void add_identity_commands(CLI::App& app, IdentityCommandOptions& options, AdminOptions& admin) {
  using Which = IdentityCommandOptions::Command;
  CLI::App* hash = app.add_subcommand("hash-secret", "Make the hash of a secret, for the broker's users file");
  hash->callback([&options] { options.command = Which::kHashSecret; });
  hash->add_option("--user", options.user, "Print USER:HASH, a line of a users file")->type_name("USER");
  CLI::Option* generate = hash->add_flag("--generate", options.generate, "Make a secret that nobody guesses");
  hash->add_option("--secret-file", options.secret_file,
                   "Write the secret that was made to this new file, as --token-file reads it")
      ->type_name("FILE")
      ->needs(generate);
  hash->footer(kHashSecretFooter);

  CLI::App* permissions =
      app.add_subcommand("permissions", "Say what a broker or a permissions file allows, and which rule decides");
  permissions->callback([permissions, &options, &admin] {
    const bool is_named = permissions->count("--as") != 0;
    const std::string wrong = is_named ? what_is_wrong_with_principal("--as", options.principal) : "";
    if (!wrong.empty()) throw CLI::ValidationError(wrong);
    if (permissions->count("--file") != 0) {
      options.command = Which::kPermissions;
      options.json = admin.json;
      return;
    }
    admin.command = AdminOptions::Command::kPermission;
    admin.principal = options.principal;
    admin.action = options.right;
    admin.target = options.target;
  });
  permissions->add_option("WHAT", options.what, "check")->required()->check(CLI::IsMember({"check"}));
  permissions->add_option("ACTION", options.right, "What the client wants to do")
      ->required()
      ->check(CLI::IsMember(right_names()));
  permissions->add_option("TARGET", options.target, "The name that it is about")->required();
  CLI::Option* file = permissions->add_option("--file", options.file, "Ask this permissions file, and no broker");
  file->type_name("FILE");
  for (CLI::Option* option : add_admin_port_options(*permissions, admin)) file->excludes(option);
  CLI::Option* as = permissions->add_option("--as", options.principal, "The principal of the client");
  as->type_name("PRINCIPAL");
  permissions->add_option("--anonymous-role", options.anonymous_role, "The client has no principal but this role")
      ->type_name("ROLE")
      ->excludes(as)
      ->needs(file);
  permissions->footer(kPermissionsFooter);
}

void add_token_option(CLI::App& command, std::string& file) {
  command
      .add_option("--token-file", file,
                  "The file whose first line is the client's token: user:secret, or a signed token (environment: "
                  "ONEHOP_TOKEN_FILE, or the token itself in ONEHOP_TOKEN)")
      ->type_name("FILE");
}

std::string what_is_wrong_with(const IdentityCommandOptions& options) {
  if (options.command == IdentityCommandOptions::Command::kPermissions) {
    const bool is_for_nobody = options.principal.empty() && options.anonymous_role.empty();
    return is_for_nobody ? "--file needs --as or --anonymous-role" : "";
  }
  if (options.user.empty()) return {};
  if (options.user.find(':') != std::string::npos) return "--user: must have no colon";
  return what_is_wrong_with_principal("--user", options.user);
}

}  // namespace onehop::cli
