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
'' with names is a name that the broker makes.

Exit codes: 0 it is allowed; 1 it is denied; 2 the command line or the file is wrong.

Examples:
  onehop permissions check --file permissions.toml --as alice send bob
  onehop permissions check --file permissions.toml --anonymous-role guest names ''
)";

std::vector<std::string> right_names() {
  return {identity::kRightNames.begin(), identity::kRightNames.end()};
}

}  // namespace

void add_identity_commands(CLI::App& app, IdentityCommandOptions& options) {
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
      app.add_subcommand("permissions", "Say what a permissions file allows, and which rule decides");
  permissions->callback([&options] { options.command = Which::kPermissions; });
  permissions->add_option("WHAT", options.what, "check")->required()->check(CLI::IsMember({"check"}));
  permissions->add_option("ACTION", options.right, "What the client wants to do")
      ->required()
      ->check(CLI::IsMember(right_names()));
  permissions->add_option("TARGET", options.target, "The name that it is about")->required();
  permissions->add_option("--file", options.file, "The permissions file")->type_name("FILE")->required();
  CLI::Option* as = permissions->add_option("--as", options.principal, "The principal of the client");
  as->type_name("PRINCIPAL");
  permissions->add_option("--anonymous-role", options.anonymous_role, "The client has no principal but this role")
      ->type_name("ROLE")
      ->excludes(as);
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
  const bool checks = options.command == IdentityCommandOptions::Command::kPermissions;
  if (checks && options.principal.empty() && options.anonymous_role.empty()) return "--as is required";
  const std::string& principal = checks ? options.principal : options.user;
  const bool has_colon = !checks && principal.find(':') != std::string::npos;
  if (principal.empty() || (identity::is_valid_principal(principal) && !has_colon)) return {};
  return std::string(checks ? "--as" : "--user") + ": must have 1 to 255 visible ASCII characters, and no asterisk" +
         (checks ? "" : " or colon");
}

}  // namespace onehop::cli
