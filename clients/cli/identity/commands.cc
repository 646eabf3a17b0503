// See the header.
#include "cli/identity/commands.h"

#include <fcntl.h>
#include <termios.h>
#include <unistd.h>

#include <cstdio>
#include <optional>
#include <vector>

#include "cli/diagnostics.h"
#include "cli/format.h"
#include "cli/options.h"
#include "identity/permissions.h"
#include "identity/secret_hash.h"
#include "reactor/file_text.h"

namespace onehop::cli {
namespace {

constexpr size_t kPermissionsBytesMax = 16 << 20;

void complain(const std::string& what) {
  write_error(false, what);
}

// While it exists, the terminal does not show what is typed. No key is a signal meanwhile: one that ends the program
// would leave the terminal like this.
class NoEcho {
 public:
  NoEcho() {
    if (tcgetattr(STDIN_FILENO, &before_) != 0) return;
    termios now = before_;
    now.c_lflag &= ~static_cast<tcflag_t>(ECHO | ISIG);
    changed_ = tcsetattr(STDIN_FILENO, TCSAFLUSH, &now) == 0;
  }
  NoEcho(const NoEcho&) = delete;
  NoEcho& operator=(const NoEcho&) = delete;
  ~NoEcho() {
    if (changed_) tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_);
  }

 private:
  termios before_{};
  bool changed_ = false;
};

// The next line of standard input, without its end. Nothing: there is none, it is too long, or it holds a key that is
// no text, such as the one that wants to interrupt.
std::optional<std::string> read_line() {
  std::string line;
  for (;;) {
    char c = 0;
    const ssize_t size = ::read(STDIN_FILENO, &c, 1);
    if (size < 0 || (size == 0 && line.empty())) return std::nullopt;
    if (size == 0 || c == '\n') break;
    line += c;
    if (line.size() > identity::kSecretBytesMax) return std::nullopt;
  }
  if (line.ends_with('\r')) line.pop_back();
  for (const char c : line) {
    if ((c >= 0 && c < ' ') || c == 0x7f) return std::nullopt;
  }
  return line;
}

std::optional<std::string> read_at_terminal(const char* prompt) {
  std::fputs(prompt, stderr);
  std::fflush(stderr);
  std::optional<std::string> line;
  {
    const NoEcho quiet;
    line = read_line();
  }
  std::fputs("\n", stderr);
  return line;
}

// Nothing: it has said why.
std::optional<std::string> read_secret() {
  const bool at_terminal = ::isatty(STDIN_FILENO) != 0;
  std::optional<std::string> secret = at_terminal ? read_at_terminal("Secret: ") : read_line();
  if (!secret || secret->empty()) {
    complain("there is no secret: a line of 1 to 1024 bytes without control characters");
    return std::nullopt;
  }
  if (at_terminal && read_at_terminal("Again: ") != secret) {
    complain("these are two different secrets");
    return std::nullopt;
  }
  return secret;
}

// A file that is there already stays: it may hold the only copy of another secret.
bool write_secret(const std::string& path, const std::string& text) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return false;
  const bool written = ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  return ::close(fd) == 0 && written;
}

int hash_secret(const IdentityCommandOptions& options) {
  const std::string user = options.user.empty() ? "" : options.user + ":";
  std::string hash;
  if (options.generate) {
    const std::string secret = identity::make_secret();
    hash = identity::SecretHash::quick_text(secret);
    if (options.secret_file.empty()) {
      std::printf("%s%s\n", user.c_str(), secret.c_str());
    } else if (!write_secret(options.secret_file, user + secret + "\n")) {
      complain("cannot make the file " + options.secret_file);
      return kNotDone;
    }
  } else {
    const std::optional<std::string> secret = read_secret();
    if (!secret) return kUsage;
    const std::optional<std::string> slow = identity::SecretHash::slow_text(*secret);
    if (!slow) {
      complain("there is not enough memory");
      return kNotDone;
    }
    hash = *slow;
  }
  std::printf("%s%s\n", user.c_str(), hash.c_str());
  return std::fflush(stdout) == 0 ? kSuccess : kNotDone;
}

int check_permissions(const IdentityCommandOptions& options) {
  const reactor::FileText file = reactor::read_file(options.file, kPermissionsBytesMax);
  if (!file.text) {
    write_error(options.json, options.file + ": " + file.error);
    return kUsage;
  }
  std::vector<std::string> problems;
  const auto permissions = identity::Permissions::parse(*file.text, options.file, problems);
  for (const std::string& problem : problems) write_error(options.json, problem);
  if (permissions == nullptr) return kUsage;
  if (!options.anonymous_role.empty() && !permissions->has_role(options.anonymous_role)) {
    write_error(options.json, options.file + ": there is no role '" + options.anonymous_role + "'");
    return kUsage;
  }
  const identity::Subject subject{options.principal, options.anonymous_role};
  const identity::Right right = identity::right_named(options.right).value();
  const identity::Explanation found = permissions->explain(subject, right, options.target);
  if (options.json) {
    std::string why;
    write_json_string(found.why, why);
    std::printf("{\"allowed\":%s,\"why\":%s}\n", found.allowed ? "true" : "false", why.c_str());
  } else {
    std::printf("%s: %s\n", found.allowed ? "allowed" : "denied", found.why.c_str());
  }
  if (std::fflush(stdout) != 0) return kUsage;
  return found.allowed ? kSuccess : kNotDone;
}

}  // namespace

int run_identity_command(const IdentityCommandOptions& options) {
  return options.command == IdentityCommandOptions::Command::kHashSecret ? hash_secret(options)
                                                                         : check_permissions(options);
}

}  // namespace onehop::cli
