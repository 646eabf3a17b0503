// A flag of the command line as its reader wants it: a table of these becomes options of CLI11, which one file alone
// includes.
#pragma once

#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include "loadgen/run/scenario.h"

namespace onehop::loadgen {

struct Flag {
  const char* name;   // "--stage", or with a short one "--header,-H".
  const char* group;  // In the help.
  const char* type;   // What stands for its value there; empty: it has none.
  const char* shown;  // Its default there; empty: none.
  const char* what;
  int values;    // How many it takes each time.
  bool repeats;  // It may be given again.
  // Gets all of its values. Throws std::invalid_argument with a line for people.
  std::function<void(const std::vector<std::string>&)> read;
};

// All flags of the scenario. `scenario` must outlive them.
std::vector<Flag> scenario_flags(Scenario& scenario);
// Those of the files alone, for results that are there already.
std::vector<Flag> report_flags(Scenario& scenario);

// `App` is CLI::App, `refuse` is called with the name and the line.
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
    // Each time it takes as many values as it needs, and no more.
    flag.repeats ? option->expected(1, -1)->allow_extra_args(false) : option->expected(1);
    if (*flag.shown != '\0') option->default_str(flag.shown);
  }
}

}  // namespace onehop::loadgen
