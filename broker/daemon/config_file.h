// The configuration file: TOML with flat keys, those of settings(). Any text is either read or refused with the lines
// that are wrong; nothing is guessed.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "daemon/settings.h"

namespace onehop::daemon {

struct FileEntry {
  size_t setting;  // Index in settings().
  Value value;     // Which nothing is wrong with.
  unsigned line;
};

struct ConfigFile {
  bool is_toml = false;  // If false, the text could not be parsed, and entries and wrong are empty.
  std::vector<FileEntry> entries;
  std::vector<size_t> wrong;  // Indices of settings whose value is not allowed.
};

// `name` is what problems begin with: `NAME:LINE: what is wrong`.
ConfigFile parse_config_file(std::string_view text, const std::string& name, std::vector<std::string>& problems);

}  // namespace onehop::daemon
