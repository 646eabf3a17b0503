// Settings: see the header. What follows from a row of the table.
#include "daemon/settings.h"

#include <algorithm>
#include <cctype>
#include <charconv>

namespace onehop::daemon {
namespace {

template <typename... F>
struct Cases : F... {
  using F::operator()...;
};
template <typename... F>
Cases(F...) -> Cases<F...>;

// A value of the type that a setting has, without content.
Value empty_value(const Setting& setting) {
  static const DaemonOptions defaults;
  Value value = get(setting, defaults);
  std::visit([](auto& content) { content = {}; }, value);
  return value;
}

std::string must_be(const Setting& setting) {
  const Value type = empty_value(setting);
  if (std::holds_alternative<bool>(type)) return "must be true or false";
  if (std::holds_alternative<uint64_t>(type)) return "must be a whole number, " + range_of(setting);
  if (!setting.range.choices.empty()) return "must be one of " + range_of(setting);
  return std::holds_alternative<std::string>(type) ? "must be a text" : "must be a list of texts";
}

// Nothing that would have to be escaped wherever it is shown.
bool is_plain(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

std::string wrong_with_text(const Setting& setting, const std::string& text) {
  if (!is_plain(text)) return "must be printable ASCII";
  const std::vector<std::string_view>& choices = setting.range.choices;
  if (choices.empty() || std::find(choices.begin(), choices.end(), text) != choices.end()) return {};
  return must_be(setting) + ", not '" + text + "'";
}

std::string wrong_with_number(const Setting& setting, uint64_t number) {
  const Range& range = setting.range;
  if ((number >= range.least && number <= range.most) || (range.or_zero && number == 0)) return {};
  return must_be(setting) + ", not " + std::to_string(number);
}

bool read_bool(std::string text, bool& value) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  value = text == "true" || text == "1" || text == "on" || text == "yes";
  return value || text == "false" || text == "0" || text == "off" || text == "no";
}

std::vector<std::string> elements_of(const std::vector<std::string>& texts) {
  std::vector<std::string> out;
  for (std::string_view text : texts) {
    while (!text.empty()) {
      const size_t end = std::min(text.find(','), text.size());
      if (end != 0) out.emplace_back(text.substr(0, end));
      text.remove_prefix(std::min(end + 1, text.size()));
    }
  }
  return out;
}

std::string toml_quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

}  // namespace

size_t find_setting(std::string_view name) {
  const std::vector<Setting>& all = settings();
  const auto found = std::find_if(all.begin(), all.end(), [name](const Setting& s) { return s.name == name; });
  return static_cast<size_t>(found - all.begin());
}

std::string flag_of(std::string_view name) {
  std::string flag = "--" + std::string(name);
  std::replace(flag.begin(), flag.end(), '_', '-');
  return flag;
}

std::string environment_of(std::string_view name) {
  std::string variable = "ONEHOP_";
  for (const char c : name) variable += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return variable;
}

std::string type_of(const Setting& setting) {
  static constexpr const char* kTypes[] = {"switch", "number", "text", "list"};
  return kTypes[empty_value(setting).index()];
}

std::string range_of(const Setting& setting) {
  const Range& range = setting.range;
  if (std::holds_alternative<bool>(empty_value(setting))) return "true, false";
  if (range.most != 0) {
    return (range.or_zero ? "0, " : "") + std::to_string(range.least) + " to " + std::to_string(range.most);
  }
  std::string out;
  for (const std::string_view choice : range.choices) out.append(out.empty() ? "" : ", ").append(choice);
  return out;
}

std::string wrong_with(const Setting& setting, const Value& value) {
  if (value.index() != empty_value(setting).index()) return must_be(setting);
  if (const auto* number = std::get_if<uint64_t>(&value)) return wrong_with_number(setting, *number);
  if (const auto* text = std::get_if<std::string>(&value)) return wrong_with_text(setting, *text);
  if (const auto* list = std::get_if<std::vector<std::string>>(&value)) {
    for (const std::string& text : *list) {
      std::string wrong = wrong_with_text(setting, text);
      if (!wrong.empty()) return wrong;
    }
  }
  return {};
}

Value read_texts(const Setting& setting, const std::vector<std::string>& texts, std::string& wrong) {
  Value value = empty_value(setting);
  const std::string text = texts.empty() ? std::string() : texts.back();
  bool understood = true;
  std::visit(Cases{
                 [&](bool& b) { understood = read_bool(text, b); },
                 [&](uint64_t& number) {
                   const char* end = text.data() + text.size();
                   const auto result = std::from_chars(text.data(), end, number);
                   understood = result.ec == std::errc() && result.ptr == end;
                 },
                 [&](std::string& s) { s = text; },
                 [&](std::vector<std::string>& list) { list = elements_of(texts); },
             },
             value);
  wrong = understood ? wrong_with(setting, value) : must_be(setting) + ", not '" + (is_plain(text) ? text : "?") + "'";
  return value;
}

void put(const Setting& setting, const Value& value, DaemonOptions& options) {
  BrokerOptions& broker = options.broker;
  std::visit(
      Cases{
          [&](bool BrokerOptions::*place) { broker.*place = std::get<bool>(value); },
          [&](int BrokerOptions::*place) { broker.*place = static_cast<int>(std::get<uint64_t>(value)); },
          [&](uint32_t BrokerOptions::*place) { broker.*place = static_cast<uint32_t>(std::get<uint64_t>(value)); },
          [&](uint64_t BrokerOptions::*place) { broker.*place = std::get<uint64_t>(value); },
          [&](std::vector<std::string> BrokerOptions::*place) {
            broker.*place = std::get<std::vector<std::string>>(value);
          },
          [&](uint32_t DaemonOptions::*place) { options.*place = static_cast<uint32_t>(std::get<uint64_t>(value)); },
          [&](std::string DaemonOptions::*place) { options.*place = std::get<std::string>(value); },
          [&](bool DaemonOptions::*place) { options.*place = std::get<bool>(value); },
          [&](std::vector<std::string> DaemonOptions::*place) {
            options.*place = std::get<std::vector<std::string>>(value);
          },
      },
      setting.place);
}

Value get(const Setting& setting, const DaemonOptions& options) {
  const BrokerOptions& broker = options.broker;
  return std::visit(Cases{
                        [&](bool BrokerOptions::*place) { return Value(broker.*place); },
                        [&](int BrokerOptions::*place) { return Value(static_cast<uint64_t>(broker.*place)); },
                        [&](uint32_t BrokerOptions::*place) { return Value(uint64_t{broker.*place}); },
                        [&](uint64_t BrokerOptions::*place) { return Value(broker.*place); },
                        [&](std::vector<std::string> BrokerOptions::*place) { return Value(broker.*place); },
                        [&](uint32_t DaemonOptions::*place) { return Value(uint64_t{options.*place}); },
                        [&](std::string DaemonOptions::*place) { return Value(options.*place); },
                        [&](bool DaemonOptions::*place) { return Value(options.*place); },
                        [&](std::vector<std::string> DaemonOptions::*place) { return Value(options.*place); },
                    },
                    setting.place);
}

std::string literal(const Value& value) {
  return std::visit(Cases{
                        [](bool b) { return std::string(b ? "true" : "false"); },
                        [](uint64_t number) { return std::to_string(number); },
                        [](const std::string& text) { return toml_quoted(text); },
                        [](const std::vector<std::string>& list) {
                          std::string out = "[";
                          for (const std::string& text : list) out += (out.size() == 1 ? "" : ", ") + toml_quoted(text);
                          return out + "]";
                        },
                    },
                    value);
}

}  // namespace onehop::daemon
