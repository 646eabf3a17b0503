// See the header.
#include "identity/toml_depth.h"

#include <algorithm>
#include <cstddef>
#include <string>

namespace onehop::identity {
namespace {

// Behind the string that begins at `at`. What ends within it is no TOML, and the parser stops there.
size_t end_of_string(std::string_view text, size_t at, unsigned& line) {
  const char quote = text[at];
  const std::string three(3, quote);
  const bool many_lines = text.substr(at, 3) == three;
  at += many_lines ? 3 : 1;
  while (at < text.size()) {
    const char c = text[at];
    if (many_lines ? text.substr(at, 3) == three : c == quote) {
      at += many_lines ? 3 : 1;
      // Two more quotes may be the last of the text.
      for (int more = 0; many_lines && more < 2 && at < text.size() && text[at] == quote; ++more) ++at;
      return at;
    }
    if (c == '\n' && !many_lines) return text.size();
    // What is escaped is no quote; a line that ends there counts all the same.
    if (c == '\\' && quote == '"' && at + 1 < text.size() && text[at + 1] != '\n') ++at;
    line += c == '\n';
    ++at;
  }
  return at;
}

}  // namespace

// In a statement only brackets and dots outside of strings can nest; it ends with its line unless a bracket is open.
unsigned toml_line_too_deep(std::string_view text) {
  unsigned line = 1, dots = 0, open = 0;
  for (size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '"' || c == '\'') {
      at = end_of_string(text, at, line) - 1;
    } else if (c == '#') {
      at = std::min(text.find('\n', at), text.size()) - 1;
    } else if (c == '\n') {
      ++line;
      if (open == 0) dots = 0;
    } else if (c == '.') {
      ++dots;
    } else if (c == '[' || c == '{') {
      ++open;
    } else if ((c == ']' || c == '}') && open != 0) {
      --open;
    }
    if (dots + open > kTomlDepthMax) return line;
  }
  return 0;
}

}  // namespace onehop::identity
