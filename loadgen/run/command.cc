// Reads and writes the files, and makes the runs one after the other.
#include "loadgen/run/command.h"

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <utility>

#include "loadgen/measure/quantity.h"
#include "loadgen/report/comparison.h"
#include "loadgen/report/print.h"
#include "loadgen/report/report.h"
#include "loadgen/report/verdict.h"
#include "loadgen/run/capacity.h"
#include "loadgen/run/host.h"
#include "loadgen/run/progress.h"
#include "loadgen/run/run.h"
#include "loadgen/run/void_reasons.h"
#include "reactor/signals.h"

namespace onehop::loadgen {
namespace {

// Complains and returns false if the file cannot be written.
bool write_file(const std::string& path, const std::string& text) {
  if (path == "-") return std::fputs(text.c_str(), stdout) >= 0 && std::fflush(stdout) == 0;
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  if (file << text << std::flush) return true;
  complain("cannot write " + path);
  return false;
}

std::vector<std::string> files_of(const Settings& settings) {
  return {settings.json_file, settings.html_file, settings.hgrm_file, settings.scenario.markdown_file,
          settings.scenario.junit_file};
}

// Checks before a run whether all files can be written, as far as that is possible without writing.
bool can_write_all(const Settings& settings) {
  for (const std::string& path : files_of(settings)) {
    if (path.empty() || path == "-") continue;
    const std::filesystem::path parent = std::filesystem::path(path).parent_path();
    const bool exists = access(path.c_str(), F_OK) == 0;
    const bool fine = exists ? access(path.c_str(), W_OK) == 0 && !std::filesystem::is_directory(path)
                             : access(parent.empty() ? "." : parent.c_str(), W_OK | X_OK) == 0;
    if (fine) continue;
    complain("cannot write " + path);
    return false;
  }
  return true;
}

bool goes_to_stdout(const Settings& settings) {
  const std::vector<std::string> files = files_of(settings);
  return std::find(files.begin(), files.end(), "-") != files.end();
}

// A run that is killed must not leave a file of an earlier run, which would be taken for its own. Only regular files
// are removed, so /dev/null and pipes stay.
void remove_old(const Settings& settings) {
  for (const std::string& path : files_of(settings)) {
    std::error_code ignored;
    if (std::filesystem::is_regular_file(path, ignored)) std::filesystem::remove(path, ignored);
  }
}

// Writes everything that was asked for about a result, and returns the exit code.
int publish(const RunResult& result, const Settings& settings) {
  std::fputs(to_summary(result).c_str(), goes_to_stdout(settings) ? stderr : stdout);
  std::fflush(stdout);
  bool written = true;
  const auto write = [&](const std::string& path, auto&& text) {
    if (!path.empty()) written = write_file(path, text()) && written;
  };
  write(settings.json_file, [&] { return to_json(result) + "\n"; });
  write(settings.html_file, [&] { return to_html(result); });
  write(settings.hgrm_file, [&] { return to_hgrm(result.latency); });
  write(settings.scenario.markdown_file, [&] { return to_markdown(result); });
  write(settings.scenario.junit_file, [&] { return to_junit(result); });
  const ExitCode code = exit_code_of(result);
  return written || code != kGood ? code : kFailed;
}

bool read_results(const std::vector<std::string>& paths, std::vector<RunResult>& into) {
  for (const std::string& path : paths) {
    std::ifstream file(path, std::ios::binary);
    std::stringstream text;
    text << file.rdbuf();
    if (!file) {
      complain("cannot read " + path);
      return false;
    }
    try {
      into.push_back(from_json(text.str()));
    } catch (const std::runtime_error& wrong) {
      complain(path + ": " + wrong.what());
      return false;
    }
  }
  return true;
}

volatile std::sig_atomic_t signal_noted = 0;

// SIGINT and SIGTERM while no run listens for them. A signal between two runs must end the search and not the program,
// which has a result to write.
class SignalsBetweenRuns {
 public:
  SignalsBetweenRuns() {
    sigemptyset(&both_);
    sigaddset(&both_, SIGINT);
    sigaddset(&both_, SIGTERM);
  }
  SignalsBetweenRuns(const SignalsBetweenRuns&) = delete;
  ~SignalsBetweenRuns() { handle(SIG_DFL); }

  // Holds the signals back until note() is called.
  void hold() { pthread_sigmask(SIG_BLOCK, &both_, nullptr); }
  // Notes the signals from now on, until a run listens for them.
  void note() {
    handle([](int) { signal_noted = 1; });
    pthread_sigmask(SIG_UNBLOCK, &both_, nullptr);
  }
  bool noted() const { return signal_noted != 0; }

 private:
  static void handle(void (*handler)(int)) {
    std::signal(SIGINT, handler);
    std::signal(SIGTERM, handler);
  }

  sigset_t both_{};
};

// Makes runs one after the other against one target.
class Runs {
 public:
  explicit Runs(const Options& options, const reactor::SocketAddress& address)
      : settings_(options.settings),
        address_(address),
        driver_(make_driver(options.target->system, driver_options(settings_))),
        progress_(settings_, settings_.quiet) {}

  // Makes one run. Returns nothing if it could not connect or was interrupted before it began; error() says which.
  std::optional<RunResult> once(const Settings& settings) {
    Run run(settings, *driver_, address_, progress_);
    std::optional<RunResult> result;
    {
      const reactor::Signals signals(run.loop(), [&run] { run.interrupt(); });
      result = run.run(error_);
      between_runs_.hold();
    }
    between_runs_.note();
    progress_.end_line();
    interrupted_ = run.was_interrupted();
    return result;
  }
  const std::string& error() const { return error_; }
  bool interrupted() const { return interrupted_; }

  bool serve_metrics(std::string& error) { return progress_.serve_metrics(error); }
  std::optional<RunResult> find_capacity();

 private:
  std::optional<RunResult> try_rate(double rate);
  CapacitySearch::Step judge(const RunResult& result, Capacity& capacity);

  const Settings& settings_;
  const reactor::SocketAddress address_;
  const std::unique_ptr<Driver> driver_;
  Progress progress_;
  SignalsBetweenRuns between_runs_;
  std::string error_;
  bool interrupted_ = false;
};

// Returns the result of the best step, with the whole search in it. Returns nothing if the first step could not connect
// or was interrupted. A search that ends before it has found the knee does not claim to know it.
std::optional<RunResult> Runs::find_capacity() {
  CapacitySearch search(settings_.rate, settings_.rate_max);
  Capacity capacity;
  for (const Threshold& threshold : settings_.slo) capacity.slo += (capacity.slo.empty() ? "" : " ") + threshold.text();
  std::optional<RunResult> best;
  while (const auto rate = search.next_rate()) {
    const std::optional<RunResult> step = between_runs_.noted() ? std::nullopt : try_rate(*rate);
    interrupted_ = interrupted_ || between_runs_.noted();
    if (!step || interrupted_) {
      capacity.unfinished = interrupted() ? "interrupted" : error();
      if (!best) best = step;  // There are no other figures.
      break;
    }
    search.add(judge(*step, capacity));
    // If no step held, the last step that failed is at least something to look at.
    if (capacity.steps.back().held || search.held_rate() == 0) best = step;
    // A busy generator only adds to the latencies, so the system can carry what holds in spite of that.
    if (capacity.steps.back().held) best->void_reasons.clear();
  }
  if (!best) return std::nullopt;
  best->interrupted = interrupted();
  capacity.rate = search.held_rate();
  capacity.failed_rate = search.failed_rate();
  capacity.generator_was_limit = search.generator_was_limit();
  best->capacity = capacity;
  return best;
}

std::optional<RunResult> Runs::try_rate(double rate) {
  Settings settings = settings_;
  settings.rate = rate;
  settings.duration_ns = settings.step_ns;
  settings.warm_up_ns = settings.step_ns / 5;  // The first messages meet cold caches.
  settings.flags["rate"] = std::to_string(static_cast<uint64_t>(rate));
  settings.flags.erase("duration");  // The step has its own duration.
  return once(settings);
}

CapacitySearch::Step Runs::judge(const RunResult& result, Capacity& capacity) {
  CapacityStep step;
  step.rate = result.wanted_rate;
  step.achieved_rate = result.achieved_rate;
  step.why_not = why_not_held(result, settings_.slo);
  step.held = step.why_not.empty();
  if (!step.held && result.is_void()) {
    const std::string& reason = result.void_reasons.front();
    step.why_not += "; " + reason.substr(0, reason.find(';'));  // The part behind the semicolon is advice.
  }
  step.latency = result.latency;
  capacity.steps.push_back(step);
  progress_.say(print_count(static_cast<uint64_t>(step.rate)) + "/s: p99 " + print_percentile(step.latency, 0.99) +
                ", " + (step.held ? "held" : step.why_not));
  if (step.held) return CapacitySearch::Step::kHeld;
  return result.is_void() ? CapacitySearch::Step::kGeneratorFailed : CapacitySearch::Step::kFailed;
}

}  // namespace

int run_command(const Options& options) {
  const Settings& settings = options.settings;
  if (!can_write_all(settings)) return kUsage;
  std::string error;
  const std::vector<reactor::SocketAddress> addresses = reactor::resolve(options.target->address, error);
  if (addresses.empty()) {
    complain(error);
    return kCannotConnect;
  }
  const bool is_loopback = addresses.front().text().find("//127.") != std::string::npos;
  const std::vector<std::string> problems = preflight(settings, is_loopback);
  for (const std::string& problem : problems) complain(problem);
  if (!problems.empty()) return kCannotConnect;
  remove_old(settings);
  Runs runs(options, addresses.front());
  if (!runs.serve_metrics(error)) {
    complain("--metrics: " + error);
    return kCannotConnect;
  }
  const auto result = settings.find_capacity ? runs.find_capacity() : runs.once(settings);
  if (result) return publish(*result, settings);
  complain(runs.error());
  return runs.interrupted() ? kInterrupted : kCannotConnect;
}

int merge_command(const Options& options) {
  const Settings& settings = options.settings;
  std::vector<RunResult> parts;
  if (!read_results(options.files, parts)) return kUsage;
  MergeDoubts doubts;
  RunResult sum;
  try {
    sum = merge(parts, doubts);
  } catch (const std::runtime_error& wrong) {
    complain(wrong.what());
    return kFailed;
  }
  for (const std::string& doubt : doubts.others) complain("warning: " + doubt);
  for (const std::string& doubt : doubts.serious) complain((settings.force ? "warning: " : "") + doubt);
  if (!doubts.serious.empty() && !settings.force) {
    complain("nothing is merged; --force adds them up all the same");
    return kFailed;
  }
  sum.allowed.insert(sum.allowed.end(), settings.allowed.begin(), settings.allowed.end());
  for (const Threshold& threshold : settings.thresholds) sum.thresholds.push_back(threshold.check(sum));
  // The sum already has the reasons of its parts. Only spoiled figures can be found in the sum itself.
  for (const std::string& reason : spoiled_reasons(sum)) sum.void_reasons.push_back("the sum: " + reason);
  return publish(sum, settings);
}

int compare_command(const Options& options) {
  const Settings& settings = options.settings;
  std::vector<RunResult> a, b;
  if (!read_results(options.files, a) || !read_results(options.other_files, b)) return kUsage;
  try {
    const Comparison comparison = compare_runs(a, b, {settings.force, options.slower_max});
    if (!settings.quiet) std::fputs(to_text(comparison).c_str(), goes_to_stdout(settings) ? stderr : stdout);
    if (!settings.json_file.empty() && !write_file(settings.json_file, to_json(comparison))) return kFailed;
    return comparison.is_slower() ? kFailed : kGood;
  } catch (const std::runtime_error& wrong) {
    complain(wrong.what());
    return kFailed;
  }
}

}  // namespace onehop::loadgen
