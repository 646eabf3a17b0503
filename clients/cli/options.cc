// The command line, with CLI11: the one file of this folder that includes it.
#include "cli/options.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "cli/completion.h"
#include "cli/credentials.h"
#include "cli/diagnostics.h"
#include "cli/format.h"
#include "cli/help_texts.h"
#include "cli/server_address.h"
#include "cli/suggestion.h"
#include "cli/topics/options.h"
#include "manual/man_page.h"
#include "onehop/client_types.h"

namespace onehop::cli {
namespace {

// Where the messages go, and where they come from.
void check_send(Options& options, const SendDestinations& destinations) {
  check_send_destinations(options, destinations);
  const bool has_text = options.text && *options.text != "-";
  if (has_text && options.source != Options::Source::kLines) {
    throw CLI::ValidationError("TEXT", "the messages come from TEXT, --file, --whole or -0: give only one of them");
  }
  if (has_text) options.source = Options::Source::kText;
}

std::string default_format(const Options& options) {
  if (options.ack == Options::Ack::kManual) return "%t %p\\n";
  return options.topics.empty() ? "%p\\n" : "%o %p\\n";
}

// Throws CLI::ValidationError, whose text is the line that the user sees.
void check(Options& options, const std::vector<std::string>& headers, const SendDestinations& destinations) {
  std::string error;
  options.server = whole_server_address(options.server, error);
  if (!error.empty()) throw CLI::ValidationError("--server", error);
  if (!options.token_file.empty() && !read_client_token(options.token_file, options.token, error)) {
    throw CLI::ValidationError("--token-file", error);
  }
  const char* wrong = options.name.empty() ? nullptr : client::what_is_wrong_with_name(options.name);
  if (wrong != nullptr) throw CLI::ValidationError("name", "'" + as_typed(options.name) + "': " + wrong);
  const bool keeps_session = options.command != Options::Command::kListen || options.session_expiry > 0;
  if (!options.state_file.empty() && !keeps_session) {
    throw CLI::ValidationError("--state", "there is no session to keep without --session-expiry");
  }
  if (options.command == Options::Command::kSend) check_send(options, destinations);
  check_topics(options);
  if (options.format.empty()) options.format = default_format(options);
  error = what_is_wrong_with_format(options.format);
  if (!error.empty()) throw CLI::ValidationError("-f", error);
  for (const std::string& header : headers) {
    const size_t colon = header.find(':');
    if (colon == std::string::npos) throw CLI::ValidationError("-H", "'" + as_typed(header) + "' is not key:value");
    options.headers.emplace_back(header.substr(0, colon), header.substr(colon + 1));
  }
}

// CLI11's own says what the largest number is, to its last digit.
CLI::Validator positive() {
  return CLI::Validator(
      [](const std::string& text) {
        double value = 0;
        const bool fine = CLI::detail::lexical_cast(text, value) && value > 0;
        return fine ? std::string() : "'" + as_typed(text) + "' is not a number above 0";
      },
      "");
}

void add_session_expiry(CLI::App& command, Options& options) {
  command
      .add_option("--session-expiry", options.session_expiry,
                  "Seconds that the broker keeps the session after the connection breaks; 0: none")
      ->check(CLI::Range(0.0, 86'400.0).description(""))
      ->capture_default_str();
}

void add_patience(CLI::App& command, Options& options, const char* what) {
  command
      .add_option_function<double>(
          "--patience",
          [&options](double seconds) {
            options.patience = seconds;
            options.patience_given = true;
          },
          what)
      ->check(CLI::Range(0.0, 86'400.0).description(""));
}

void add_common(CLI::App& command, Options& options, const char* count_text) {
  command
      .add_option("--server", options.server,
                  "host, host:port, tcp://host:port, tls://host:port or unix:///path (environment: ONEHOP_SERVER)")
      ->capture_default_str();
  add_token_option(command, options.token_file);
  add_tls_options(command, options.tls);
  command.add_option("--count", options.count, count_text)->check(positive());
  command.add_option("--timeout", options.timeout, "End after this many seconds")->check(positive());
  command
      .add_option_function<std::string>(
          "-o,--output", [&options](const std::string& value) { options.json = value == "json"; },
          "text, or json: one object on each line")
      ->check(CLI::IsMember({"text", "json"}));
  command.add_flag("-q,--quiet", options.quiet,
                   "Write nothing to standard error except the reason why the command failed");
}

const std::vector<std::string> kShells = {"bash", "zsh"};

// The fixed values that some options have; CLI11 does not tell them.
std::vector<std::string> values_of(const CLI::Option& option) {
  const std::string name = option.get_name();
  if (name.find("--output") != name.npos) return {"text", "json"};
  if (name == "--confirm") return {"delivered", "refusals"};
  if (name == "--ack") return {"auto", "manual", "refuse"};
  if (name == "--sort") return {std::begin(kSortOrders), std::end(kSortOrders)};
  return {};
}

CommandEntry entry_of(const CLI::App& command) {
  CommandEntry entry{command.get_name(), command.get_description(), {}};
  for (const CLI::Option* option : command.get_options()) {
    if (option->get_positional()) continue;
    CommandEntry::Option& told = entry.options.emplace_back();
    for (const std::string& name : option->get_snames()) told.names.push_back("-" + name);
    for (const std::string& name : option->get_lnames()) told.names.push_back("--" + name);
    told.what = option->get_description();
    told.takes_value = option->get_items_expected_max() > 0;
    told.values = values_of(*option);
  }
  return entry;
}

struct Parser {
  explicit Parser(Options& parsed) : options(parsed) {
    app.footer(kFooter);
    app.set_version_flag("--version", "onehop " ONEHOP_VERSION);
    app.require_subcommand(0, 1);
    app.fallthrough(false);
    add_listen();
    add_send();
    add_chat();
    add_ping();
    add_admin_commands(app, options.admin);
    add_identity_commands(app, options.identity, options.admin);
    completion = app.add_subcommand("completion", "Print a script that completes command lines in a shell");
    completion->add_option("SHELL", shell, "bash or zsh")->required()->check(CLI::IsMember(kShells));
    completion->footer(kCompletionFooter);
    man = app.add_subcommand("man", "Print the manual page of onehop, as man(1) reads it");
    man->footer(kManFooter);
  }

  void add_listen() {
    listen = app.add_subcommand("listen", "Connect as NAME, and print the messages that arrive");
    listen->add_option("NAME", options.name, "The name to connect as; without it the broker makes one");
    add_listen_topics(*listen, options);
    listen->add_flag("--take-over", options.take_over, "Take NAME from the client that holds it, and end that client");
    listen->add_option("-f,--format", options.format, "How to print a message as text: see below");
    listen->add_flag("--raw", options.raw, "Write control characters of messages to a terminal as they are");
    listen
        ->add_option_function<std::string>(
            "--ack",
            [this](const std::string& value) {
              options.ack = value == "auto"     ? Options::Ack::kAuto
                            : value == "manual" ? Options::Ack::kManual
                                                : Options::Ack::kRefuse;
            },
            "auto, manual or refuse: see below")
        ->check(CLI::IsMember({"auto", "manual", "refuse"}));
    listen->add_option("--refuse-text", options.refuse_text, "The text that senders get with --ack refuse")
        ->capture_default_str();
    listen
        ->add_option("--receive-window", options.receive_window,
                     "How many messages may be unacknowledged at the same time; default: what the broker sets")
        ->check(CLI::Range(1, 65'535).description(""));
    listen->add_option("--state", options.state_file, "Keep the session in this file; if it holds one, go on with it");
    add_session_expiry(*listen, options);
    add_patience(*listen, options, "Seconds to try again while NAME is in use; default: 5; 0: not at all");
    listen->footer(kListenFooter);
    add_common(*listen, options, "End after this many messages");
  }

  void add_send() {
    send = app.add_subcommand("send", "Send a message, or the lines of standard input, to the client TO or a topic");
    add_send_destinations(*send, options, destinations);
    add_sources();
    send->add_option("-H,--header", headers, "Add a header, as key:value; may be given again")->allow_extra_args(false);
    send->add_option("--ttl", options.ttl,
                     "Seconds until a message that is not acknowledged expires; default: the broker's maximum")
        ->check(positive());
    send->add_flag("--repeat-unknown", options.repeat_unknown,
                   "After the broker was replaced, repeat messages without an outcome, and mark them");
    send->add_flag("-v,--verbose", options.verbose,
                   "Report every outcome, not only those of messages that were not delivered");
    add_session_expiry(*send, options);
    add_patience(*send, options, "Seconds to wait for a recipient that may be on its way back; default: see below");
    send->add_option("--name", options.name, "The name to send as; default: one that the broker makes");
    send->footer(kSendFooter);
    add_common(*send, options, "End after this many messages");
  }

  void add_sources() {
    using Source = Options::Source;
    CLI::Option* file = send->add_option_function<std::string>(
        "--file",
        [this](const std::string& path) {
          options.file = path;
          options.source = Source::kFile;
        },
        "Send this file as one message");
    CLI::Option* whole = send->add_flag_callback(
        "--whole", [this] { options.source = Source::kWhole; }, "Send all of standard input as one message");
    CLI::Option* nulls = send->add_flag_callback(
        "-0,--null", [this] { options.source = Source::kNulls; },
        "A zero byte ends each message of standard input, instead of a newline");
    file->excludes(whole)->excludes(nulls);
    whole->excludes(nulls);
    CLI::Option* interval =
        send->add_option("--interval", options.step, "Seconds between two messages")->check(positive());
    send->add_option_function<double>(
            "--rate", [this](double rate) { options.step = 1 / rate; }, "Send at most this many messages a second")
        ->check(positive())
        ->excludes(interval);
    send->add_flag("--fail-fast", options.fail_fast, "Stop sending at the first message that fails");
    send->add_option("--wait", options.wait, "Seconds to wait for a recipient that is not there")
        ->check(CLI::Range(0.0, 86'400.0).description(""));
  }

  void add_chat() {
    chat =
        app.add_subcommand("chat", "Talk with others in a room: say the lines of standard input, print what they say");
    add_room(*chat, options);
    add_session_expiry(*chat, options);
    add_patience(*chat, options, "Seconds to try again while NAME is in use; default: 5; 0: not at all");
    chat->footer(kChatFooter);
    add_common(*chat, options, "End after this many messages of others");
  }

  void add_ping() {
    ping = app.add_subcommand("ping", "Measure the round trip to the broker");
    ping->add_option("--interval", options.interval, "Seconds between two pings")
        ->check(positive())
        ->capture_default_str();
    ping->add_option("--name", options.name, "The name to connect as; default: one that the broker makes");
    ping->footer(kPingFooter);
    add_common(*ping, options, "End after this many pings");
  }

  Options& options;
  CLI::App app{kDescription, "onehop"};
  CLI::App* listen = nullptr;
  CLI::App* send = nullptr;
  CLI::App* chat = nullptr;
  CLI::App* ping = nullptr;
  CLI::App* completion = nullptr;
  CLI::App* man = nullptr;
  std::string shell;
  std::vector<std::string> headers;
  SendDestinations destinations;
};

std::string about_command(const CLI::App& app, const std::string& typed) {
  std::vector<std::string> names = {"help", "version"};
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; }))
    names.push_back(command->get_name());
  return "'" + as_typed(typed) + "' is not a command" + did_you_mean(typed, names);
}

// What is left over of the command line, in words.
std::string about_extra(const CLI::App& app) {
  const std::vector<CLI::App*> given = app.get_subcommands();
  const CLI::App& command = given.empty() ? app : *given.front();
  std::string typed;
  for (const std::string& extra : app.remaining(true)) {
    if (extra != "--" && (typed.empty() || (extra.starts_with('-') && !typed.starts_with('-')))) typed = extra;
  }
  const bool is_option = typed.size() > 1 && typed.starts_with('-');
  if (!is_option && given.empty()) return about_command(app, typed);
  if (!is_option) return "'" + as_typed(typed) + "' is one argument too many for '" + command.get_name() + "'";
  std::vector<std::string> names;
  for (const CLI::Option* option : command.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  }
  return "'" + as_typed(typed) + "' is not an option of '" + command.get_name() + "'" +
         did_you_mean(typed.substr(0, typed.find('=')), names);
}

// `onehop help` and `onehop help COMMAND` are `onehop --help` and `onehop COMMAND --help`, and `onehop version` is
// `onehop --version`. In CLI11's order: reversed.
std::vector<std::string> arguments(int argc, char** argv, const CLI::App& app) {
  std::vector<std::string> all(argv + 1, argv + argc);
  if (!all.empty() && all.front() == "version") all.front() = "--version";
  if (!all.empty() && all.front() == "help") {
    const auto is_meant = [&all](const CLI::App* command) { return command->get_name() == all[1]; };
    if (all.size() > 1 && app.get_subcommands(is_meant).empty()) {
      throw CLI::ValidationError(about_command(app, all[1]));
    }
    all.erase(all.begin());
    all.emplace_back("--help");
  }
  std::reverse(all.begin(), all.end());
  return all;
}

std::string one_line(std::string text) {
  for (char& c : text) {
    if (c == '\n') c = ' ';
  }
  return text;
}

int print_completion(const Parser& parser) {
  std::vector<CommandEntry> commands;
  for (const CLI::App* command : parser.app.get_subcommands([](const CLI::App*) { return true; })) {
    commands.push_back(entry_of(*command));
  }
  commands.push_back({"help", "Say more about a command", {}});
  commands.push_back({"version", "Print the version", {}});
  const std::string script = parser.shell == "bash" ? bash_completion(commands) : zsh_completion(commands);
  std::fputs(script.c_str(), stdout);
  return std::fflush(stdout) == 0 ? kSuccess : kNotDone;
}

int print_man_page(const CLI::App& app) {
  manual::ManPage page{"onehop",
                       ONEHOP_VERSION,
                       "send messages to named clients, receive them, and look into the broker",
                       manual::man_command(app, "onehop"),
                       {},
                       {"onehopd", "onehop-loadgen"}};
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    page.commands.push_back(manual::man_command(*command, "onehop " + command->get_name()));
  }
  std::fputs(manual::man_text(page).c_str(), stdout);
  return std::fflush(stdout) == 0 ? kSuccess : kNotDone;
}

// Whether a command line asks for JSON that may be wrong elsewhere.
bool asks_for_json(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument == "--output=json" || argument == "-ojson") return true;
    const bool named = argument == "-o" || argument == "--output";
    if (named && i + 1 < argc && std::string(argv[i + 1]) == "json") return true;
  }
  return false;
}

}  // namespace

std::optional<int> parse_options(int argc, char** argv, Options& options) {
  // Not by CLI11's envname: it would set what commands share for those that are not run, over the flag.
  if (const char* server = std::getenv("ONEHOP_SERVER"); server != nullptr && *server != '\0') options.server = server;
  take_token_of_environment(options.token, options.token_file);
  Parser parser(options);
  try {
    parser.app.parse(arguments(argc, argv, parser.app));
    if (parser.app.get_subcommands().empty())
      throw CLI::ValidationError("COMMAND", "listen, send, chat, ping or another is missing");
    if (parser.completion->parsed()) return print_completion(parser);
    if (parser.man->parsed()) return print_man_page(parser.app);
    options.command = parser.listen->parsed() ? Options::Command::kListen
                      : parser.send->parsed() ? Options::Command::kSend
                      : parser.chat->parsed() ? Options::Command::kChat
                                              : Options::Command::kPing;
    if (options.identity.command != IdentityCommandOptions::Command::kNone) {
      const std::string wrong = what_is_wrong_with(options.identity);
      if (!wrong.empty()) throw CLI::ValidationError(wrong);
    } else if (options.admin.command == AdminOptions::Command::kNone) {
      check(options, parser.headers, parser.destinations);
    } else if (const std::string wrong = what_is_wrong_with(options.admin); !wrong.empty()) {
      throw CLI::ValidationError(wrong);
    }
  } catch (const CLI::Success& success) {  // --help and --version
    return parser.app.exit(success);
  } catch (const CLI::ExtrasError&) {
    write_error(asks_for_json(argc, argv), about_extra(parser.app) + " (see 'onehop help')");
    return kUsage;
  } catch (const CLI::Error& error) {
    write_error(asks_for_json(argc, argv), one_line(error.what()) + " (see 'onehop help')");
    return kUsage;
  }
  return std::nullopt;
}

}  // namespace onehop::cli
