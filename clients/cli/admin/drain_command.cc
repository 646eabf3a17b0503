// `onehop drain`: begins the broker's end and, with --wait, sees it through.
#include <algorithm>
#include <chrono>
#include <thread>

#include "cli/admin/commands.h"
#include "cli/diagnostics.h"

namespace onehop::cli {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kBetweenQuestions{200};

// What a drain that has come so far waits for.
std::string waits_for(const DrainTold& drain) {
  if (drain.phase == "delay") return "its drain delay: clients are still let in";
  if (drain.connections == 0) return "its last connections to close";
  return std::to_string(drain.connections) + (drain.connections == 1 ? " connection" : " connections");
}

ExitCode wait_until_drained(const AdminOptions& options, AdminPort& port) {
  const std::chrono::duration<double> patience(options.timeout.value_or(86'400));
  const auto deadline = Clock::now() + std::chrono::duration_cast<Clock::duration>(patience);
  std::string last = "its connections";
  for (;;) {
    const AdminAnswer answer = port.get("/api/v1/drain");
    // Nobody listens there any more: it has ended. Whatever else goes wrong may be passing.
    if (answer.failure == AdminAnswer::Failure::kNotReached) {
      tell(options, "drained", "drained: the broker is gone");
      return kSuccess;
    }
    if (answer.is_fine()) {
      const auto drain = read_drain(answer.body);
      if (!drain) return fail_unreadable(options, port);
      if (drain->phase == "drained") {
        tell(options, "drained", "drained: no connection is left, and nobody is let in");
        return kSuccess;
      }
      if (drain->phase == "none") {
        write_error(options.json, "the drain was taken back: clients are let in");
        return kNotDone;
      }
      last = waits_for(*drain);
    }
    const auto left = deadline - Clock::now();
    if (left <= Clock::duration::zero()) {
      write_error(options.json, "the time is up, and it still waits for " + last);
      return kNotDone;
    }
    std::this_thread::sleep_for(std::min<Clock::duration>(left, kBetweenQuestions));
  }
}

}  // namespace

ExitCode run_drain(const AdminOptions& options, AdminPort& port) {
  const AdminAnswer begun = port.post("/api/v1/drain");
  if (!begun.is_fine()) return fail(options, begun, port);
  tell(options, "draining", "draining");
  return options.wait ? wait_until_drained(options, port) : kSuccess;
}

}  // namespace onehop::cli
