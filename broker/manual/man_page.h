// A manual page for man(1), made from what a command line says of itself: its options, their texts, its examples. So no
// text is kept twice. Pure: text comes out, in the language of groff's man macros.
#pragma once

#include <string>
#include <vector>

namespace onehop::manual {

struct ManOption {
  std::string names;  // "-o, --output".
  std::string value;  // What follows: "TEXT"; empty: nothing.
  std::string text;
};

struct ManCommand {
  std::string synopsis;  // "onehop listen [OPTIONS] [NAME]".
  std::string text;
  std::vector<ManOption> options;
  std::string footer;  // As --help prints it: paragraphs, and indented lines that stay as they are.
};

struct ManPage {
  std::string name;     // "onehop".
  std::string version;  // "0.1.0".
  std::string what;     // Half a sentence, without a full stop.
  ManCommand program;
  std::vector<ManCommand> commands;
  std::vector<std::string> see_also;  // Other pages of section 1.
};

std::string man_text(const ManPage& page);

// What a CLI::App, or what looks like one, says of itself. Options without a group are hidden.
template <typename App>
ManCommand man_command(const App& app, const std::string& name) {
  ManCommand command{name + " [OPTIONS]", app.get_description(), {}, app.get_footer()};
  for (const auto* option : app.get_options()) {
    if (option->get_group().empty()) continue;
    ManOption told;
    told.text = option->get_description();
    if (option->get_items_expected_max() > 0) told.value = option->get_type_name();
    if (!option->get_default_str().empty()) told.text += " (default: " + option->get_default_str() + ")";
    if (option->get_positional()) {
      const std::string word = option->get_name(true);
      command.synopsis += option->get_required() ? " " + word : " [" + word + "]";
      told.names = word;
      told.value.clear();
    } else {
      for (const std::string& letter : option->get_snames()) told.names += (told.names.empty() ? "-" : ", -") + letter;
      for (const std::string& word : option->get_lnames()) told.names += (told.names.empty() ? "--" : ", --") + word;
    }
    command.options.push_back(std::move(told));
  }
  return command;
}

}  // namespace onehop::manual
