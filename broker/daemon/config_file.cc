// The configuration file: see the header. The only file here that compiles toml++.
#include "daemon/config_file.h"

#include <toml++/toml.h>

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

namespace onehop::daemon {
namespace {

// Settings need 1: a list of texts.
constexpr unsigned kDepthMax = 32;

// Of what comes from the file, in a line of our own.
std::string shown(std::string_view text) {
  std::string out(text.substr(0, 160));
  for (char& c : out) {
    if (c < ' ' || c > '~') c = '?';
  }
  return out;
}

// A value of one of the types that settings have; nothing: of none of them.
std::optional<Value> value_in(const toml::node& node) {
  if (const auto* b = node.as_boolean()) return Value(b->get());
  if (const auto* number = node.as_integer()) {
    if (number->get() < 0) return std::nullopt;
    return Value(static_cast<uint64_t>(number->get()));
  }
  if (const auto* text = node.as_string()) return Value(text->get());
  const toml::array* array = node.as_array();
  if (array == nullptr) return std::nullopt;
  std::vector<std::string> list;
  for (const toml::node& element : *array) {
    const auto* text = element.as_string();
    if (text == nullptr) return std::nullopt;
    list.push_back(text->get());
  }
  return Value(std::move(list));
}

// One that no setting has, to be told what it must be.
Value of_another_type(const Setting& setting) {
  return type_of(setting) == "switch" ? Value(std::string()) : Value(false);
}

class Reading {
 public:
  Reading(const std::string& name, std::vector<std::string>& problems) : name_(name), problems_(problems) {}

  void take(std::string_view key, const toml::node& node, unsigned line) {
    const size_t index = find_setting(key);
    const std::vector<std::string_view>& reserved = reserved_names();
    if (std::find(reserved.begin(), reserved.end(), key) != reserved.end()) {
      return say(line, std::string(key) + ": not served yet");
    }
    if (index == settings().size()) return say(line, shown(key) + ": there is no such setting");
    const Setting& setting = settings()[index];
    Value value = value_in(node).value_or(of_another_type(setting));
    const std::string wrong = wrong_with(setting, value);
    if (wrong.empty()) {
      file_.entries.push_back({index, std::move(value), line});
    } else {
      file_.wrong.push_back(index);
      say(line, std::string(key) + ": " + wrong);
    }
  }

  void say(unsigned line, const std::string& what) {
    problems_.push_back(name_ + ":" + std::to_string(line) + ": " + what);
  }

  ConfigFile take_file() {
    file_.is_toml = true;
    return std::move(file_);
  }

 private:
  const std::string& name_;
  std::vector<std::string>& problems_;
  ConfigFile file_;
};

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

// The first line with something that is nested deeper than kDepthMax, or 0. toml++ parses and frees its tree by
// recursion, and of the keys with dots it has no bound. In a statement only brackets and dots outside of strings can
// nest; it ends with its line unless a bracket is open.
unsigned line_too_deep(std::string_view text) {
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
    if (dots + open > kDepthMax) return line;
  }
  return 0;
}

}  // namespace

ConfigFile parse_config_file(std::string_view text, const std::string& name, std::vector<std::string>& problems) {
  Reading reading(name, problems);
  if (const unsigned line = line_too_deep(text); line != 0) {
    reading.say(line, "nested deeper than " + std::to_string(kDepthMax));
    return {};
  }
  try {
    const toml::table table = toml::parse(text);
    // In the order of the file, for those who read what is said of it.
    std::multimap<unsigned, std::pair<std::string_view, const toml::node*>> lines;
    for (const auto& [key, node] : table) lines.emplace(key.source().begin.line, std::pair(key.str(), &node));
    for (const auto& [line, entry] : lines) reading.take(entry.first, *entry.second, line);
  } catch (const toml::parse_error& error) {
    reading.say(error.source().begin.line, shown(error.description()));
    return {};
  }
  return reading.take_file();
}

}  // namespace onehop::daemon
