// The command line, read with CLI11. Only this file includes CLI11.
#include "loadgen/run/options.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <map>
#include <random>
#include <utility>

#include "loadgen/measure/quantity.h"
#include "loadgen/measure/stamp.h"
#include "loadgen/report/verdict.h"
#include "loadgen/run/clock.h"
#include "loadgen/run/flag.h"
#include "loadgen/run/option_reader.h"
#include "loadgen/run/options_help.h"
#include "loadgen/run/tls.h"
#include "manual/man_page.h"

namespace onehop::loadgen {

void refuse(const std::string& name, const std::string& why) {
  throw CLI::ValidationError(name, why);
}

namespace {

constexpr int kAnyNumber = -1;  // CLI11's number for any count of values behind one option.

struct Parser {
  explicit Parser(Options& parsed) : options(parsed), settings(parsed.settings), run(app) {
    app.footer(kFooter);
    app.set_version_flag("--version", "onehop-loadgen " ONEHOP_VERSION);
    app.get_formatter()->column_width(26);
  }

  // The options of the command that it is.
  void add_all() {
    if (options.command == Options::Command::kRun) {
      add_target();
      add_load();
      add_generator();
      add_outcome();
      add_table(scenario_flags(settings.scenario));
      add_table(tls_flags(settings.tls));
      add_files();
    } else if (options.command == Options::Command::kMerge) {
      add_merge();
      add_table(report_flags(settings.scenario));
    } else {
      add_compare();
    }
  }

  void add_target() {
    app.option_defaults()->group("Who talks to whom");
    app.add_option(
           "--target", settings.target,
           "onehop://host:port, tls://host:port, onehop+unix:///path, nats://, mqtt://, redis://,\nblind:// or bare://")
        ->envname("ONEHOP_SERVER")
        ->type_name("URL")
        ->capture_default_str();
    run.choice<Workload>("--workload", settings.workload,
                         {{"pairs", Workload::kPairs},
                          {"random", Workload::kRandom},
                          {"fan-in", Workload::kFanIn},
                          {"fan-out", Workload::kFanOut},
                          {"echo", Workload::kEcho},
                          {"churn", Workload::kChurn},
                          {"connects", Workload::kConnects},
                          {"storm", Workload::kStorm},
                          {"idle", Workload::kIdle}},
                         "pairs", "What the clients do, see below");
    app.add_option("--clients", settings.clients, "Connections, of senders and recipients together")
        ->check(CLI::Range(1U, 10'000'000U).description(""))
        ->capture_default_str();
    app.add_option("--recipients", settings.recipients, "fan-in: how many of the clients receive")
        ->capture_default_str();
    app.add_option("--zipf", settings.zipf,
                   "random: the exponent of Zipf's law, by which some recipients get more; 0: all equally many")
        ->check(CLI::Range(0.0, 10.0).description(""))
        ->capture_default_str();
    run.add("--slow-readers", nullptr, "The part of the recipients that read slowly, such as 10% or 0.1", "PART",
            [this](const std::string& text) {
              settings.slow_part = required(parse_part(text), "--slow-readers", text, "a part, 0 to 1");
            });
    run.add("--slow-rate", "10KiB", "How many bytes a second each slow reader reads", "SIZE",
            [this](const std::string& text) {
              settings.slow_bytes = required(parse_bytes(text), "--slow-rate", text, "a size");
            });
    app.add_option("--idle", settings.idle, "This many additional clients connect and only keep alive")
        ->check(CLI::Range(0U, 10'000'000U).description(""))
        ->capture_default_str();
  }

  void add_load() {
    app.option_defaults()->group("Messages");
    rate = run.rate("--rate", settings.rate, "1000", "Messages a second, of all senders together");
    run.choice<ArrivalKind>("--arrivals", settings.arrivals,
                            {{"constant", ArrivalKind::kConstant}, {"poisson", ArrivalKind::kPoisson}}, "constant",
                            "constant, or poisson: at random");
    window =
        app.add_option("--window", settings.window,
                       "A closed loop: each sender keeps this many messages under way, at no fixed rate. It hides\nthe "
                       "messages that waiting senders did not send");
    window->check(CLI::Range(1U, 1'000'000U).description(""));
    run.duration("--duration", settings.duration_ns, "10s", "How long messages are sent");
    run.duration("--warmup", settings.warm_up_ns, "0s", "How much of the beginning of --duration is not timed");
    run.duration("--drain", settings.drain_ns, "10s", "How long to wait at the end for the last messages, at most");
    run.add("--size", "128", "Payload bytes, or their distribution, see below; at least 24, with --window 16", "SIZES",
            [this](const std::string& text) { size_text = text; });
    confirm = run.choice<Confirm>(
        "--confirm", settings.confirm,
        {{"none", Confirm::kNone}, {"taken", Confirm::kTaken}, {"delivered", Confirm::kDelivered}}, nullptr,
        "What senders learn: none, taken (the broker has it; MQTT's QoS 1), delivered\n(the outcome); "
        "default: delivered for onehop, none for others");
    run.milliseconds("--ttl", settings.ttl_ms, nullptr,
                     "Messages that are not acknowledged within this time expire; only for onehop");
    run.milliseconds("--keepalive", settings.keepalive_ms, "30s", "The keepalive that the clients ask for");
  }

  void add_generator() {
    app.option_defaults()->group("The generator");
    app.add_option("--threads", settings.threads, "The generator's threads")
        ->check(CLI::Range(1U, 256U).description(""))
        ->capture_default_str();
    run.add("--source", nullptr, "Addresses to connect from, in turn: 127.0.0.1-127.0.0.9,10.0.0.7", "LIST",
            [this](const std::string& text) {
              settings.sources = required(parse_sources(text), "--source", text, "a list of IPv4 addresses");
            });
    app.add_option("--connect-rate", settings.connect_rate,
                   "How many connections a second are opened before the start; 0: as fast as possible")
        ->capture_default_str();
    run.add("--start-at", nullptr, "Begin at this time, together with others: seconds since 1970, or +5s from now",
            "TIME", [this](const std::string& text) { settings.start_at_unix_s = start_at(text); });
    run.add(
        "--part", nullptr, "This is the K-th of N runs that are made together; merge says which are missing", "K/N",
        [this](const std::string& text) { settings.part = required(parse_part_of(text), "--part", text, "like 1/3"); });
    app.add_option("--prefix", settings.prefix,
                   "What the clients' names begin with; default: one that no other process has");
    run.add("--token-file", nullptr, "The file whose first line is the token of all clients, for onehop only", "FILE",
            [this](const std::string& path) {
              settings.token =
                  required(read_token(path), "--token-file", path, "a file with a token in its first line");
            });
    app.add_option("--seed", settings.seed, "The seed of everything random; default: another one each time");
    app.add_flag("--spin", settings.spin,
                 "The threads never sleep: exact times of few messages, but each occupies a processor");
    app.add_option("--system-pid", settings.system_pid,
                   "A process of the system on this machine: report its CPU time for each message, and its memory")
        ->check(CLI::PositiveNumber.description(""));
    run.duration("--lag-max", settings.lag_max_ns, "1ms",
                 "The lag of the generator that is accepted. Above it, a percentile is spoiled if more than a\ntenth "
                 "of it is lag, and the run is void if that percentile is p50, p90 or p99");
  }

  void add_outcome() {
    app.option_defaults()->group("Verdict");
    add_conditions("A condition that the run must meet, or the exit code is 1; may be given again", kAnyNumber);
    app.add_flag("--find-capacity", settings.find_capacity,
                 "Search for the highest rate that meets every --slo, beginning at --rate");
    run.conditions("--slo", settings.slo, "A condition for --find-capacity; may be given again");
    run.duration("--step", settings.step_ns, "5s", "How long each rate is tried");
    run.rate("--rate-max", settings.rate_max, nullptr, "The highest rate that the search tries");
  }

  void add_conditions(const char* what_a_threshold_is, int expected) {
    run.conditions("--threshold", settings.thresholds, what_a_threshold_is)->expected(expected);
    run.allowances("--allow", settings.allowed,
                   "Failures that do not make the run fail: lost<1%, undelivered<=10, broken<=2;\nmay be given "
                   "again")
        ->expected(expected);
  }

  void add_merge() {
    app.add_option("FILE", options.files, "Results that --json has written")->required();
    add_conditions("A condition that the sum must meet; may be given again", 1);
    app.add_flag("--force", settings.force,
                 "Add them up although a part is missing or present twice, or they do not belong together");
    add_files();
  }

  void add_compare() {
    app.add_option("FILE", options.files, "Results that --json has written")->required();
    run.add("--fail-if-slower", nullptr,
            "End with 1 if B is slower than A by more than this, such as 5%, or if that cannot be judged", "PART",
            [this](const std::string& text) {
              options.slower_max = required(parse_part(text), "--fail-if-slower", text, "a part, as 5% or 0.05");
            });
    app.add_flag("--force", settings.force,
                 "Compare runs that failed, are void or were interrupted, and runs of different work");
    app.add_option("--json", settings.json_file, "Write the comparison to this file; -: standard output")
        ->type_name("FILE");
    app.add_flag("--quiet,-q", settings.quiet, "No text");
  }

  void add_files() {
    app.option_defaults()->group("Output");
    app.add_option("--json", settings.json_file, "Write the result to this file; -: standard output")
        ->type_name("FILE");
    app.add_option("--html", settings.html_file, "Write a report for a browser, which needs no network")
        ->type_name("FILE");
    app.add_option("--hgrm", settings.hgrm_file, "Write the percentiles of the latencies, for HdrHistogram's plotter")
        ->type_name("FILE");
    app.add_flag("--quiet,-q", settings.quiet, "No progress");
  }

  static double start_at(const std::string& text) {
    if (!text.empty() && text[0] == '+') {
      const uint64_t ns = required(parse_duration(text.substr(1)), "--start-at", text, "a time");
      return unix_now_s() + static_cast<double>(ns) * 1e-9;
    }
    double at = 0;
    if (!CLI::detail::lexical_cast(text, at) || at < unix_now_s()) {
      refuse("--start-at", "'" + text + "' is not a time to come, in seconds since 1970 or as +5s");
    }
    return at;
  }

  void add_table(std::vector<Flag> flags) {
    add_flags(app, std::move(flags), [](const std::string& name, const std::string& why) { refuse(name, why); });
  }

  void check();
  void check_sizes();
  void check_driver();
  void keep_flags();

  CLI::App app{kDescription, "onehop-loadgen"};
  Options& options;
  Settings& settings;
  OptionReader<CLI::App> run;
  std::string size_text = "128";
  CLI::Option* rate = nullptr;
  CLI::Option* window = nullptr;
  CLI::Option* confirm = nullptr;
};

// Checks what depends on several options.
void Parser::check() {
  std::string error;
  options.target = parse_target(settings.target, error);
  if (!options.target) refuse("--target", error);
  check_sizes();
  if (settings.seed == 0) settings.seed = std::random_device()();
  if (confirm->count() == 0) settings.confirm = usual_confirm(options.target->system);
  if (settings.workload == Workload::kStorm && rate->count() == 0) settings.rate = 0;
  if (settings.workload == Workload::kConnects) settings.clients = 0;  // No client stays.
  const GivenFlags given{rate->count() != 0, app.count("--duration") != 0, app.count("--size") != 0};
  std::string wrong = apply_tls(settings.tls, *options.target);
  if (wrong.empty()) wrong = apply_scenario(settings, given);
  if (wrong.empty()) wrong = what_is_wrong_with(settings, given.rate);
  if (!wrong.empty()) throw CLI::ParseError(wrong, 2);
  check_driver();
}

// A closed loop allows the smaller stamp.
void Parser::check_sizes() {
  std::string error, other_error;
  const bool closed = settings.window != 0;
  settings.sizes = PayloadSizes::parse(size_text, closed ? kCompactStampBytes : kStampBytes, error);
  if (settings.sizes) return;
  if (!closed && PayloadSizes::parse(size_text, kCompactStampBytes, other_error)) {
    error += "; only a closed loop (--window) has smaller ones, from " + std::to_string(kCompactStampBytes);
  }
  refuse("--size", error);
}

void Parser::check_driver() {
  const bool is_blind = options.target->system == System::kBlind;
  if (is_blind && (!is_in_pairs(settings.workload) || settings.threads > 1 || settings.idle != 0)) {
    refuse("--target", "a blind forwarder joins connections in their order: only pairs or echo, one thread, no --idle");
  }
  if (options.target->system == System::kBare && settings.workload != Workload::kConnects) {
    refuse("--target", "a bare server knows no messages: only --workload connects");
  }
  const bool is_onehop = options.target->system == System::kOnehop;
  if (settings.ttl_ms != 0 && !is_onehop) refuse("--ttl", "only onehop has that");
  if (!settings.token.empty() && !is_onehop) refuse("--token-file", "only onehop's clients show a token here");
  if (!settings.scenario.headers.empty() && !is_onehop) refuse("--header", "only onehop's messages have headers here");
  try {
    const auto driver = make_driver(options.target->system, driver_options(settings));
    if (settings.sizes->bytes_max() > driver->message_bytes_max()) {
      refuse("--size", print_count(settings.sizes->bytes_max()) + " bytes are more than the system takes");
    }
  } catch (const std::invalid_argument& wrong) {
    refuse("--confirm", wrong.what());
  }
}

// Keeps the options that were given and the defaults of the others, so that a result says how it came about.
void Parser::keep_flags() {
  static const char* const kOfNoConsequence[] = {"help",    "version", "json",       "html",     "hgrm",
                                                 "quiet",   "target",  "system-pid", "markdown", "junit",
                                                 "metrics", "tls-ca",  "tls-cert",   "tls-key"};
  for (const CLI::Option* option : app.get_options()) {
    const std::string name = option->get_lnames().empty() ? "" : option->get_lnames().front();
    if (name.empty() || std::count(std::begin(kOfNoConsequence), std::end(kOfNoConsequence), name) != 0) continue;
    std::string value = option->get_default_str();
    if (option->count() != 0) value = CLI::detail::join(option->results(), " ");
    if (!value.empty()) settings.flags[name] = value;
  }
  static const char* const kConfirms[] = {"none", "taken", "delivered"};
  settings.flags["confirm"] = kConfirms[static_cast<size_t>(settings.confirm)];
  settings.flags["seed"] = std::to_string(settings.seed);
  if (settings.window != 0 || settings.workload == Workload::kIdle) settings.flags.erase("rate");
  if (settings.workload == Workload::kStorm && settings.rate == 0) settings.flags["rate"] = "at once";
  if (settings.workload != Workload::kFanIn) settings.flags.erase("recipients");
  if (settings.workload != Workload::kRandom) settings.flags.erase("zipf");
  if (settings.workload == Workload::kConnects) settings.flags.erase("clients"), settings.flags.erase("size");
  if (settings.slow_part == 0) settings.flags.erase("slow-rate");
  if (!settings.find_capacity) settings.flags.erase("step");
  keep_scenario_flags(settings);
}

// What a command's options are, for the manual page.
manual::ManCommand man_command_of(Options::Command kind, const std::string& name, const char* what) {
  Options options;
  options.command = kind;
  Parser parser(options);
  parser.add_all();
  manual::ManCommand command = manual::man_command(parser.app, "onehop-loadgen " + name);
  command.text = what;
  command.footer.clear();
  return command;
}

int print_man_page() {
  using Kind = Options::Command;
  manual::ManPage page{"onehop-loadgen",
                       ONEHOP_VERSION,
                       "find out what a message broker carries",
                       {"", kDescription, {}, kFooter},
                       {},
                       {"onehop", "onehopd"}};
  page.commands.push_back(man_command_of(Kind::kRun, "run", "Makes one run. The word run may be left out."));
  page.commands.push_back(man_command_of(Kind::kMerge, "merge", "Adds up runs that were made together."));
  page.commands.push_back(man_command_of(Kind::kCompare, "compare", "Says whether two sets of runs differ."));
  std::fputs(manual::man_text(page).c_str(), stdout);
  return std::fflush(stdout) == 0 ? 0 : 1;
}

}  // namespace

void complain(const std::string& what) {
  std::fprintf(stderr, "onehop-loadgen: %s\n", what.c_str());
}

std::optional<int> parse_options(int argc, char** argv, Options& options) {
  std::vector<std::string> arguments(argv + 1, argv + argc);
  static const std::map<std::string, Options::Command> kCommands{
      {"run", Options::Command::kRun}, {"merge", Options::Command::kMerge}, {"compare", Options::Command::kCompare}};
  if (!arguments.empty() && kCommands.contains(arguments[0])) {
    options.command = kCommands.at(arguments[0]);
    arguments.erase(arguments.begin());
  }
  if (!arguments.empty() && arguments[0] == "man") return print_man_page();
  Parser parser(options);
  parser.add_all();
  const bool is_run = options.command == Options::Command::kRun;
  if (options.command == Options::Command::kCompare) {
    const auto dashes = std::find(arguments.begin(), arguments.end(), "--");
    if (dashes != arguments.end()) {
      // Flags may follow the files. A single "-" is neither.
      const auto is_flag = [](const std::string& text) { return text.size() > 1 && text[0] == '-'; };
      const auto flags = std::find_if(dashes + 1, arguments.end(), is_flag);
      options.other_files.assign(dashes + 1, flags);
      arguments.erase(dashes, flags);
    }
  }
  options.settings.slow_bytes = 10 << 10;
  std::reverse(arguments.begin(), arguments.end());
  try {
    parser.app.parse(arguments);
    if (is_run) {
      parser.check();
      parser.keep_flags();
    } else if (options.command == Options::Command::kCompare && options.other_files.empty()) {
      if (options.files.size() != 2) refuse("compare", "put -- between the two sets of files");
      options.other_files = {options.files.back()};
      options.files.pop_back();
    }
  } catch (const CLI::Success& wanted) {  // This is --help or --version.
    return parser.app.exit(wanted);
  } catch (const CLI::ParseError& wrong) {
    complain(std::string(wrong.what()) + " (see onehop-loadgen --help)");
    return kUsage;
  }
  return std::nullopt;
}

}  // namespace onehop::loadgen
