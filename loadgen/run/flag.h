// A flag of the command line. A table of these becomes options of CLI11, whose header only one file includes.
#pragma once

#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include "loadgen/run/scenario.h"

namespace onehop::loadgen {

struct Flag {
  const char* name;   // "--stage", or "--header,-H" with a short form.
  const char* group;  // The heading in the help.
  const char* type;   // The word for its value in the help; empty if the flag has no value.
  const char* shown;  // The default that the help shows; empty if there is none.
  const char* what;
  int values;    // How many values it takes each time.
  bool repeats;  // Whether it may be given again.
  // Gets all of its values. Throws std::invalid_argument with a line for people.
  std::function<void(const std::vector<std::string>&)> read;
};

// All flags of the scenario, which must outlive them.
std::vector<Flag> scenario_flags(Scenario& scenario);
// Only the flags of the report files, for commands that read results.
std::vector<Flag> report_flags(Scenario& scenario);

// `App` is CLI::App. `refuse` is called with the name of the flag and the line for people.
template <class App, class Refuse>
void add_flags(App& app, std::vector<Flag> flags, Refuse refuse) {
  for (Flag& flag : flags) {
    const std::string group = flag.group, name = flag.name;
    const auto read = [read = std::move(flag.read), name, refuse](const std::vector<std::string>& values) {
      try {
        read(values);
      } catch (const std::invalid_argument& wrong) {
        refuse(name.substr(0, name.find(',')), wrong.what());
      }
    };
    if (*flag.type == '\0') {
      app.add_flag_callback(
             flag.name, [read] { read({}); }, flag.what)
          ->group(group);
      continue;
    }
    auto* option = app.template add_option_function<std::vector<std::string>>(flag.name, read, flag.what);
    option->type_name(flag.type)->group(group)->type_size(flag.values);
    // The flag takes exactly as many values as it needs each time.
    flag.repeats ? option->expected(1, -1)->allow_extra_args(false) : option->expected(1);
    if (*flag.shown != '\0') option->default_str(flag.shown);
  }
}

}  // namespace onehop::loadgen
