// The configuration file: see the header. The only file here that compiles toml++.
#include "daemon/config_file.h"

#include <toml++/toml.h>

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "identity/toml_depth.h"

namespace onehop::daemon {
namespace {

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

}  // namespace

ConfigFile parse_config_file(std::string_view text, const std::string& name, std::vector<std::string>& problems) {
  Reading reading(name, problems);
  if (const unsigned line = identity::toml_line_too_deep(text); line != 0) {
    reading.say(line, "nested deeper than " + std::to_string(identity::kTomlDepthMax));
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
