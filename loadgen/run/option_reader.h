// Options of CLI11 whose texts our own parsers read. `App` is CLI::App, which only options.cc names, since its header
// is slow to compile.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "loadgen/measure/quantity.h"
#include "loadgen/report/threshold.h"

namespace onehop::loadgen {

// Ends the reading of the command line, and says what is wrong with an option.
[[noreturn]] void refuse(const std::string& name, const std::string& why);

template <typename T>
T required(std::optional<T> value, const std::string& name, const std::string& text, const char* what) {
  if (!value) refuse(name, "'" + text + "' is not " + what);
  return *value;
}

template <class App>
class OptionReader {
 public:
  explicit OptionReader(App& app) : app_(app) {}

  auto* duration(const char* name, uint64_t& ns, const char* shown, const char* what) {
    return add(name, shown, what, "TIME",
               [name, &ns](const std::string& text) { ns = required(parse_duration(text), name, text, "a duration"); });
  }
  auto* milliseconds(const char* name, uint32_t& ms, const char* shown, const char* what) {
    return add(name, shown, what, "TIME", [name, &ms](const std::string& text) {
      const uint64_t ns = required(parse_duration(text), name, text, "a duration");
      if (ns / 1'000'000 > UINT32_MAX) refuse(name, "'" + text + "' is too long");
      ms = static_cast<uint32_t>(ns / 1'000'000);
    });
  }
  auto* rate(const char* name, double& rate, const char* shown, const char* what) {
    return add(name, shown, what, "RATE",
               [name, &rate](const std::string& text) { rate = required(parse_rate(text), name, text, "a rate"); });
  }
  auto* conditions(const char* name, std::vector<Threshold>& into, const char* what) {
    auto* option = app_.template add_option_function<std::vector<std::string>>(
        name,
        [name, &into](const std::vector<std::string>& texts) {
          for (const std::string& text : texts) {
            std::string error;
            const auto threshold = Threshold::parse(text, error);
            if (!threshold) refuse(name, error);
            into.push_back(*threshold);
          }
        },
        what);
    return option->type_name("CONDITION");
  }
  // The texts are kept as they are, since the result contains them.
  auto* allowances(const char* name, std::vector<std::string>& into, const char* what) {
    auto* option = app_.template add_option_function<std::vector<std::string>>(
        name,
        [name, &into](const std::vector<std::string>& texts) {
          for (const std::string& text : texts) {
            std::string error;
            if (!Threshold::parse_allowance(text, error)) refuse(name, error);
            into.push_back(text);
          }
        },
        what);
    return option->type_name("CONDITION");
  }
  template <typename Enum>
  auto* choice(const char* name, Enum& value, std::vector<std::pair<std::string, Enum>> choices, const char* shown,
               const char* what) {
    return add(name, shown, what, "WORD", [name, &value, choices = std::move(choices)](const std::string& text) {
      std::string names;
      for (const auto& [name_of, meaning] : choices) {
        if (name_of == text) {
          value = meaning;
          return;
        }
        names += (names.empty() ? "" : ", ") + name_of;
      }
      refuse(name, "'" + text + "' is none of " + names);
    });
  }
  // `shown` is the default that the help shows, or nullptr. `type` stands for the value in the help.
  auto* add(const char* name, const char* shown, const char* what, const char* type,
            const std::function<void(const std::string&)>& read) {
    auto* option = app_.template add_option_function<std::string>(name, read, what)->type_name(type);
    if (shown != nullptr) option->default_str(shown);
    return option;
  }

 private:
  App& app_;
};

}  // namespace onehop::loadgen
