// The operator's part of the command line, with CLI11: the one file of this folder that includes it.
#include "cli/admin/options.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <iterator>
#include <optional>
#include <utility>

#include "cli/admin/port.h"
#include "cli/format.h"
#include "core/base/name.h"

namespace onehop::cli {
namespace {

constexpr const char* kExitCodes = R"(
Exit codes:
  0  done
  1  not done: the admin port refused, or the time was up
  2  the command line is wrong
  3  cannot reach the admin port
)";
constexpr const char* kClientsFooter = R"(
Columns:
  STATE     up; blocked: its socket takes nothing at the moment; away: the session waits to be resumed
  IDLE      since something was heard of it
  QUEUE     bytes that wait for it                        WAITING   messages that wait for it
  UNACKED   deliveries that it has not acknowledged / how many of these there may be
  OPEN      its own messages that have no outcome yet     PAUSED    senders that were told to pause because of it
With --closed: clients that have left or were not let in, and why; the newest first.

Examples:
  onehop clients --sort queue_bytes --limit 10      who is slow
  onehop clients --name sensor- -o json | jq .peer
  onehop clients --closed --name bob                why did bob leave?
)";
constexpr const char* kTopFooter = R"(
Keys: q ends it, s sorts by the next order. In a pipe, or with --once, it prints one screen and ends.

Examples:
  onehop top
  onehop top --once --sort queue_bytes --limit 5
)";
constexpr const char* kKickFooter = R"(
With --for the name is kept out for that time, also if no client has it now: whoever connects with it is told when to try
again. The last kick of a name counts, so one without --for lets it in again.

Examples:
  onehop kick bob
  onehop kick bob 'Good night.' --for 10m
)";
constexpr const char* kTraceFooter = R"(
Says the first thing that stands in the way of a message from A to B, or that nothing does.

Exit codes:
  0  it would arrive
  1  it would not, or the admin port refused
  2  the command line is wrong
  3  cannot reach the admin port

Examples:
  onehop trace alice bob
  onehop trace alice bob -o json | jq -r .why
)";
constexpr const char* kDrainFooter = R"(
From then on the broker is not ready (health --ready). After its drain delay it lets nobody in, and tells every client
to finish and when to come back (onehopd's --drain-delay-ms, --drain-spread-ms and --stop-deadline-ms). The process
still answers the operator's commands until SIGTERM ends it. 'onehop undrain' takes a drain back while the drain delay
lasts; then --wait ends with 1.

Examples:
  onehop drain --wait --timeout 40                 before a container is stopped (preStop)
)";
constexpr const char* kUndrainFooter = R"(
That is possible while the broker's drain delay lasts (--drain-delay-ms of onehopd). Afterwards clients are on their way, and
the broker has to be started anew. A broker that does not drain is left as it is.

Examples:
  onehop undrain
)";
constexpr const char* kHealthFooter = R"(
Prints one line: 'ok' or 'ready', or why not.

Exit codes:
  0  it lives; with --ready: it lets clients in
  1  it does not, or does not answer in time
  2  the command line is wrong

Examples:
  onehop health
  onehop health --ready --admin unix:///run/onehop/admin.sock
)";

CLI::Validator positive() {
  return CLI::Validator(
      [](const std::string& text) {
        double value = 0;
        const bool fine = CLI::detail::lexical_cast(text, value) && value > 0 && value <= 86'400;
        return fine ? std::string() : "'" + printable(text) + "' is not a number above 0, at most 86400";
      },
      "");
}

// What the admin port allows: a day.
constexpr double kKickMsMax = 86'400'000;

// Milliseconds; a number without a unit is seconds. Nothing: it is no time, or none that a kick may have.
std::optional<uint64_t> read_kick_time(const std::string& text) {
  constexpr std::pair<std::string_view, double> kUnits[] = {{"ms", 1},        {"s", 1'000},      {"m", 60'000},
                                                            {"h", 3'600'000}, {"d", 86'400'000}, {"", 1'000}};
  const size_t end = text.find_last_of("0123456789.") + 1;
  const auto* unit = std::find_if(std::begin(kUnits), std::end(kUnits),
                                  [&](const auto& one) { return one.first == text.substr(end); });
  double value = 0;
  if (unit == std::end(kUnits) || !CLI::detail::lexical_cast(text.substr(0, end), value)) return std::nullopt;
  const double ms = std::ceil(value * unit->second);
  if (!(ms >= 1 && ms <= kKickMsMax)) return std::nullopt;
  return static_cast<uint64_t>(ms);
}

CLI::Validator kick_time() {
  return CLI::Validator(
      [](const std::string& text) {
        if (read_kick_time(text)) return std::string();
        return "'" + printable(text) + "' is not a time above 0, at most a day, such as 90s, 10m or 1h";
      },
      "");
}

std::vector<CLI::Option*> add_address(CLI::App& command, AdminOptions& options) {
  CLI::Option* address = command.add_option(
      "--admin", options.address,
      "The admin port: tcp://host:port, tls://host:port, unix:///path, http://… or https://… (environment: "
      "ONEHOP_ADMIN)");
  address->capture_default_str();
  CLI::Option* authorities =
      command.add_option("--tls-ca", options.tls.ca_file,
                         "File with the authorities that may vouch for an admin port at tls:// or https://; default: "
                         "those of the system (environment: ONEHOP_ADMIN_TLS_CA)");
  CLI::Option* insecure =
      command.add_flag("--tls-insecure", options.tls.insecure,
                       "INSECURE: believe whoever answers; for trials only, since anybody on the way can read along");
  return {address, authorities, insecure};
}

CLI::Option* add_token(CLI::App& command, AdminOptions& options) {
  return command.add_option("--token-file", options.token_file,
                            "The file with the admin port's token (environment: ONEHOP_ADMIN_TOKEN_FILE)");
}

void add_output(CLI::App& command, AdminOptions& options) {
  command
      .add_option_function<std::string>(
          "-o,--output", [to = &options](const std::string& value) { to->json = value == "json"; },
          "text, or json: one object on each line")
      ->check(CLI::IsMember({"text", "json"}));
}

struct Adder {
  CLI::App* add(const char* name, const char* what, AdminOptions::Command command) {
    CLI::App* added = app.add_subcommand(name, what);
    added->callback([this_options = &options, command] { this_options->command = command; });
    add_address(*added, options);
    return added;
  }

  void add_token(CLI::App& command) { onehop::cli::add_token(command, options); }
  void add_output(CLI::App& command) { onehop::cli::add_output(command, options); }

  void add_query(CLI::App& command, const char* sort_default) {
    command.add_option("--name", options.name_part, "Show only clients whose name contains this");
    command
        .add_option("--sort", options.sort,
                    std::string("By name, queue_bytes, send_rate, receive_rate or idle; default: ") + sort_default)
        ->check(
            CLI::IsMember(std::vector<std::string>(std::begin(kSortOrders), std::end(kSortOrders))).description(""));
    command.add_option("--limit", options.limit, "Show at most this many")
        ->check(CLI::Range(1, 1'000'000).description(""))
        ->capture_default_str();
  }

  void add_views() {
    CLI::App* clients =
        add("clients", "List the broker's clients, or who has left and why", AdminOptions::Command::kClients);
    add_query(*clients, "name");
    clients->add_flag("--closed", options.closed, "Show clients and connections that ended recently, and why");
    add_output(*clients);
    add_token(*clients);
    clients->footer(std::string(kClientsFooter) + kExitCodes);

    CLI::App* top = add("top", "Watch the broker and its busiest clients", AdminOptions::Command::kTop);
    add_query(*top, "send_rate");
    top->add_option("--interval", options.interval, "Seconds between two screens")
        ->check(positive())
        ->capture_default_str();
    top->add_flag("--once", options.once, "Print one screen and end");
    add_token(*top);
    top->footer(std::string(kTopFooter) + kExitCodes);

    CLI::App* trace =
        add("trace", "Would a message from A to B arrive, and if not why?", AdminOptions::Command::kTrace);
    trace->add_option("A", options.from, "The sender's name")->required();
    trace->add_option("B", options.to, "The recipient's name")->required();
    add_output(*trace);
    add_token(*trace);
    trace->footer(kTraceFooter);
  }

  void add_orders() {
    CLI::App* kick = add("kick", "End a client and its session", AdminOptions::Command::kKick);
    kick->add_option("NAME", options.to, "The client's name")->required();
    kick->add_option("TEXT", options.text, "What it is told");
    kick->add_option_function<std::string>(
            "--for", [to = &options](const std::string& text) { to->kick_for_ms = *read_kick_time(text); },
            "Keep the name out for this time, at most a day: 90 (seconds), 500ms, 90s, 10m, 1h, 1d")
        ->check(kick_time());
    add_output(*kick);
    add_token(*kick);
    kick->footer(std::string(kExitCodes) + kKickFooter);

    CLI::App* drain =
        add("drain", "Make the broker send its clients away, before it is stopped", AdminOptions::Command::kDrain);
    drain->add_flag("--wait", options.wait, "Until no connection is left, or the broker is gone");
    drain->add_option("--timeout", options.timeout, "With --wait: so many seconds at the most")->check(positive());
    add_output(*drain);
    add_token(*drain);
    drain->footer(std::string(kDrainFooter) + kExitCodes);

    CLI::App* undrain = add("undrain", "Take a drain back before clients are told", AdminOptions::Command::kUndrain);
    add_output(*undrain);
    add_token(*undrain);
    undrain->footer(std::string(kUndrainFooter) + kExitCodes);

    CLI::App* health = add("health", "Check whether the broker is alive", AdminOptions::Command::kHealth);
    health->add_flag("--ready", options.ready, "Does it let clients in?");
    health->add_option("--timeout", options.timeout, "Seconds to wait for the answer; default: 3")->check(positive());
    add_output(*health);
    health->footer(kHealthFooter);
  }

  CLI::App& app;
  AdminOptions& options;
};

}  // namespace

void add_admin_commands(CLI::App& app, AdminOptions& options) {
  // Empty counts as not given, as it does to onehopd.
  if (const char* address = std::getenv("ONEHOP_ADMIN"); address && *address) options.address = address;
  if (const char* file = std::getenv("ONEHOP_ADMIN_TOKEN_FILE"); file && *file) options.token_file = file;
  if (const char* file = std::getenv("ONEHOP_ADMIN_TLS_CA"); file && *file) options.tls.ca_file = file;
  Adder adder{app, options};
  adder.add_views();
  adder.add_orders();
}

std::vector<CLI::Option*> add_admin_port_options(CLI::App& command, AdminOptions& options) {
  std::vector<CLI::Option*> added = add_address(command, options);
  added.push_back(add_token(command, options));
  add_output(command, options);
  return added;
}

std::string what_is_wrong_with(const AdminOptions& options) {
  std::string error = what_is_wrong_with_admin_address(options.address);
  if (!error.empty()) return "--admin: " + error;
  for (const std::string* name : {&options.from, &options.to}) {
    if (!name->empty() && !core::is_valid_name(*name)) {
      return "'" + printable(*name) + "' is not a name that a client can have";
    }
  }
  if (options.timeout && options.command == AdminOptions::Command::kDrain && !options.wait) {
    return "--timeout: there is nothing to wait for without --wait";
  }
  return {};
}

}  // namespace onehop::cli
