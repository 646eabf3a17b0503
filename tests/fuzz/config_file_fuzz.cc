// Any text as a configuration file: it is read or refused, never both and never with a value that is out of its range;
// and each problem says on which line it is.
#include <cctype>
#include <cstdint>
#include <string>
#include <vector>

#include "check.h"
#include "daemon/config_file.h"

using onehop::daemon::DaemonOptions;
using onehop::daemon::Setting;
using onehop::fuzz::require;

namespace {

bool says_where(const std::string& problem) {
  const std::string begin = "f.toml:";
  if (!problem.starts_with(begin)) return false;
  size_t at = begin.size();
  while (at < problem.size() && std::isdigit(static_cast<unsigned char>(problem[at])) != 0) ++at;
  if (at == begin.size() || problem.compare(at, 2, ": ") != 0) return false;
  for (const char c : problem) {
    if (c < ' ' || c > '~') return false;
  }
  return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  std::vector<std::string> problems;
  const auto entries = onehop::daemon::parse_config_file(text, "f.toml", problems).entries;
  for (const std::string& problem : problems) require(says_where(problem), "a problem without its line, or not plain");
  DaemonOptions options;
  for (const auto& entry : entries) {
    const Setting& setting = onehop::daemon::settings()[entry.setting];
    require(onehop::daemon::wrong_with(setting, entry.value).empty(), "a wrong value is taken");
    put(setting, entry.value, options);
    require(get(setting, options) == entry.value, "a value is not kept as it was given");
  }
  // What was read is written so that it is read again, the same.
  std::string again;
  for (const auto& entry : entries) {
    again.append(onehop::daemon::settings()[entry.setting].name).append(" = ");
    again.append(onehop::daemon::literal(entry.value)).append("\n");
  }
  std::vector<std::string> none;
  const auto read_again = onehop::daemon::parse_config_file(again, "f.toml", none).entries;
  require(none.empty() && read_again.size() == entries.size(), "what is printed cannot be read");
  for (size_t i = 0; i < entries.size(); ++i) {
    require(read_again[i].setting == entries[i].setting && read_again[i].value == entries[i].value,
            "what is printed is read as something else");
  }
  return 0;
}
