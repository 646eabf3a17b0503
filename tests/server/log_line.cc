// parse_log_line: see the header.
#include "server_test/log_line.h"

#include <algorithm>
#include <cstdlib>

namespace onehop::test {
namespace {

bool take(std::string_view& text, char wanted) {
  if (text.empty() || text.front() != wanted) return false;
  text.remove_prefix(1);
  return true;
}

// What stands for one byte after a backslash.
bool take_escape(std::string_view& text, std::string& out) {
  if (text.empty()) return false;
  const char kind = text.front();
  text.remove_prefix(1);
  if (kind == '"' || kind == '\\' || kind == '/') {
    out += kind;
    return true;
  }
  if (kind != 'u' || text.size() < 4) return false;
  const std::string digits(text.substr(0, 4));
  if (digits.find_first_not_of("0123456789abcdefABCDEF") != std::string::npos) return false;
  const unsigned long code = std::strtoul(digits.c_str(), nullptr, 16);
  text.remove_prefix(4);
  out += static_cast<char>(code);
  return code < 0x100;
}

bool take_string(std::string_view& text, std::string& out) {
  if (!take(text, '"')) return false;
  while (!text.empty()) {
    const char c = text.front();
    text.remove_prefix(1);
    if (c == '"') return true;
    if (static_cast<unsigned char>(c) < 0x20) return false;
    if (c != '\\') {
      out += c;
    } else if (!take_escape(text, out)) {
      return false;
    }
  }
  return false;
}

bool take_number(std::string_view& text, std::string& out) {
  const size_t end = std::min(text.find_first_not_of("0123456789"), text.size());
  out = text.substr(0, end);
  text.remove_prefix(end);
  return !out.empty() && (out == "0" || out.front() != '0');
}

// Its elements with commas between them.
bool take_list(std::string_view& text, std::string& out) {
  if (!take(text, '[')) return false;
  do {
    if (!out.empty()) out += ',';
    if (!take_string(text, out)) return false;
  } while (take(text, ','));
  return take(text, ']');
}

bool take_value(std::string_view& text, std::string& out) {
  if (text.starts_with("true")) {
    out = "true";
    text.remove_prefix(out.size());
    return true;
  }
  if (text.starts_with('"')) return take_string(text, out);
  return text.starts_with('[') ? take_list(text, out) : take_number(text, out);
}

}  // namespace

std::optional<LogLine> parse_log_line(std::string_view text) {
  LogLine line;
  if (!take(text, '{')) return std::nullopt;
  do {
    std::string key;
    std::string value;
    if (!take_string(text, key) || !take(text, ':')) return std::nullopt;
    if (!take_value(text, value)) return std::nullopt;
    if (!line.emplace(key, value).second) return std::nullopt;
  } while (take(text, ','));
  if (!take(text, '}') || !text.empty()) return std::nullopt;
  return line;
}

std::string value_of(const LogLine& line, const std::string& key) {
  const auto found = line.find(key);
  return found == line.end() ? std::string() : found->second;
}

}  // namespace onehop::test
