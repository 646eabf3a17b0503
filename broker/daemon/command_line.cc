// The command line of onehopd: see the header. The only file here that compiles CLI11.
#include "daemon/command_line.h"

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <iostream>

#include "manual/man_page.h"

namespace onehop::daemon {
namespace {

std::string upper(std::string text) {
  for (char& c : text) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return text;
}

// As --help shows a default: without TOML's quotes and brackets.
std::string shown_default(const Setting& setting) {
  const Value value = get(setting, DaemonOptions());
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  const auto* list = std::get_if<std::vector<std::string>>(&value);
  if (list == nullptr) return literal(value);
  return list->empty() ? std::string() : list->front();
}

std::string description(const Setting& setting) {
  const std::string range = range_of(setting);
  std::string text(setting.meaning);
  if (type_of(setting) != "switch" && !range.empty()) text += "; " + range;
  return text + " (" + environment_of(setting.name) + ")";
}

CLI::Option* add_setting(CLI::App& app, const Setting& setting) {
  const std::string flag = flag_of(setting.name);
  if (type_of(setting) == "switch") return app.add_flag(flag)->description(description(setting));
  CLI::Option* option =
      app.add_option(flag, CLI::callback_t([](const CLI::results_t&) { return true; }), description(setting));
  option->type_name(upper(setting.unit.empty() ? type_of(setting) : std::string(setting.unit)));
  option->default_str(shown_default(setting));
  if (type_of(setting) == "list") {
    option->expected(1)->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  } else {
    option->multi_option_policy(CLI::MultiOptionPolicy::Throw);
  }
  return option;
}

class Parser {
 public:
  Parser()
      : app_(
            "onehopd: the onehop message broker.\nEvery flag can be given in the environment and in a file too; "
            "docs/configuration.md says more.",
            "onehopd") {
    app_.set_version_flag("--version", "onehopd " ONEHOP_VERSION);
    app_.footer(
        "Exit codes: 0 stopped in good order; 1 it could not start, or cut connections off at the deadline;\n"
        "2 the configuration is wrong. SIGHUP reads the configuration file again.\n\n"
        "Examples:\n"
        "  onehopd --listen tcp://127.0.0.1:7411 --log-level warn\n"
        "  onehopd --config /etc/onehop/onehopd.toml --check-config\n");
    app_.get_formatter()->column_width(36);
    // They are told together with all else that is wrong.
    app_.allow_extras();
    app_.add_option("--config", line_.given.config_file, "File to read settings from (ONEHOP_CONFIG)")
        ->type_name("FILE");
    app_.add_flag("--check-config", check_, "Say what is wrong with the configuration, or ok, and end");
    app_.add_flag("--print-config", print_, "Print the configuration and where each value came from, and end");
    app_.add_flag("--print-reference", reference_, "Print docs/configuration.md, and end");
    app_.add_flag("--print-man", man_, "Print the manual page of onehopd, as man(1) reads it, and end");
    for (const Setting& setting : settings()) options_.push_back(add_setting(app_, setting));
  }

  std::optional<CommandLine> run(int argc, char** argv, int& exit_code) {
    try {
      app_.parse(argc, argv);
    } catch (const CLI::Success& e) {
      exit_code = app_.exit(e);
      return std::nullopt;
    } catch (const CLI::ParseError& e) {
      return refuse(std::string(e.what()) + " (see onehopd --help)", exit_code);
    }
    for (const std::string& extra : app_.remaining()) {
      const bool is_flag = extra.starts_with('-');
      line_.problems.push_back(extra + (is_flag ? ": there is no such flag" : ": is no flag") +
                               " (see onehopd --help)");
    }
    gather();
    if (!man_ || !line_.problems.empty()) return line_;
    std::cout << man_page();
    exit_code = std::cout.flush() ? kExitOk : kExitFailed;
    return std::nullopt;
  }

 private:
  std::string man_page() const {
    return manual::man_text({"onehopd",
                             ONEHOP_VERSION,
                             "the onehop message broker",
                             manual::man_command(app_, "onehopd"),
                             {},
                             {"onehop", "onehop-loadgen"}});
  }

  static std::optional<CommandLine> refuse(const std::string& why, int& exit_code) {
    std::cerr << "onehopd: " << why << "\n";
    exit_code = kExitUsage;
    return std::nullopt;
  }

  // Nothing if it is empty: that is how compose files leave a variable out.
  static const char* environment(std::string_view name) {
    const char* value = std::getenv(environment_of(name).c_str());
    return value == nullptr || *value == '\0' ? nullptr : value;
  }

  void gather() {
    using Wish = CommandLine::Wish;
    line_.wish = reference_ ? Wish::kPrintReference
                 : check_   ? Wish::kCheckConfig
                 : print_   ? Wish::kPrintConfig
                            : Wish::kRun;
    const char* file = environment("config");
    if (line_.given.config_file.empty() && file != nullptr) line_.given.config_file = file;
    for (size_t i = 0; i < options_.size(); ++i) {
      if (options_[i]->count() != 0) line_.given.flags[i] = options_[i]->results();
      if (const char* value = environment(settings()[i].name)) line_.given.environment[i] = {value};
    }
  }

  CLI::App app_;
  CommandLine line_;
  bool check_ = false, print_ = false, reference_ = false, man_ = false;
  std::vector<CLI::Option*> options_;  // As settings().
};

}  // namespace

std::optional<CommandLine> read_command_line(int argc, char** argv, int& exit_code) {
  return Parser().run(argc, argv, exit_code);
}

}  // namespace onehop::daemon
