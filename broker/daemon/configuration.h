// What onehopd runs with, and where each value came from: flags before environment before file before defaults.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "admin/access.h"
#include "daemon/file_watch.h"
#include "daemon/settings.h"
#include "onehop/identity.h"
#include "onehop/tls.h"

namespace onehop::daemon {

// What was given when the program began, and stays as it was when the file is read again.
struct Given {
  std::string config_file;  // Empty: none.
  std::map<size_t, std::vector<std::string>> flags;
  std::map<size_t, std::vector<std::string>> environment;  // Both by index in settings().
};

struct Source {
  enum class Kind { kDefault, kFile, kEnvironment, kFlag };
  Kind kind = Kind::kDefault;
  unsigned line = 0;  // In the file.
};

struct Configuration {
  DaemonOptions options;
  std::vector<Source> sources;  // As settings().
  // What is in admin_token_file and admin_viewer_token_file. They are read once, with all else, so that whoever takes
  // this over cannot fail any more.
  admin::Tokens admin_tokens;
  // Loaded from the tls_ files, in the same way; none: no certificate is given.
  std::shared_ptr<Tls> tls;
  // The same certificates for the admin port, if it speaks TLS. Who may ask there is said by tokens.
  std::shared_ptr<Tls> admin_tls;
  std::vector<FileStamp> files;  // All that was read, each as it was before it was read.
  // What the files say that authentication and permissions need. It is read with all else, too.
  std::shared_ptr<const identity::Policy> policy;
};

// What these options say of identity, without what onehopd gives it to call.
IdentityOptions identity_options(const DaemonOptions& options);

// Reads the file, if there is one, and puts all together. Nothing: `problems` says, one a line, what is wrong and
// where.
std::optional<Configuration> load(const Given& given, std::vector<std::string>& problems);

struct Change {
  const Setting* setting;
  std::string before, after;
};
std::vector<Change> changes(const DaemonOptions& before, const DaemonOptions& after);

// What --print-config prints: TOML, with where each value came from as a comment. Fed back with --config it gives the
// same options.
std::string as_toml(const Configuration& configuration);
// What the admin port tells: {"settings":[{"name":…,"value":…,"source":…,"reloadable":…},…]}
std::string as_json(const Configuration& configuration);
// docs/configuration.md.
std::string reference();

}  // namespace onehop::daemon
