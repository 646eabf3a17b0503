// See the header.
#include "cli/diagnostics.h"

#include <cstdio>

#include "cli/format.h"

namespace onehop::cli {

void write_error(bool json, const std::string& what) {
  write_note(json, "error", what);
}

void write_note(bool json, const char* event, const std::string& what) {
  std::string text;
  write_for_terminal(what, false, text);
  if (!json) {
    std::fprintf(stderr, "onehop: %s\n", text.c_str());
    return;
  }
  std::string line = "{\"event\":\"" + std::string(event) + "\",\"text\":";
  write_json_string(text, line);
  std::fprintf(stderr, "%s}\n", line.c_str());
}

}  // namespace onehop::cli
