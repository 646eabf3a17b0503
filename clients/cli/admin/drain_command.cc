// `onehop drain`: begins the broker's end and, with --wait, sees it through.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <thread>

#include "cli/admin/commands.h"
#include "cli/diagnostics.h"

namespace onehop::cli {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kBetweenQuestions{200};

}  // namespace

ExitCode run_drain(const AdminOptions& options, AdminPort& port) {
  const AdminAnswer begun = port.post("/api/v1/drain");
  if (!begun.is_fine()) {
    write_error(false, describe(begun, port));
    return exit_code_of(begun);
  }
  std::printf("draining\n");
  std::fflush(stdout);
  if (!options.wait) return kSuccess;
  const std::chrono::duration<double> patience(options.timeout.value_or(86'400));
  const auto deadline = Clock::now() + std::chrono::duration_cast<Clock::duration>(patience);
  std::string last = "its connections";
  for (;;) {
    const AdminAnswer answer = port.get("/api/v1/drain");
    // Nobody listens there any more: it has ended. Whatever else goes wrong may be passing.
    if (answer.failure == AdminAnswer::Failure::kNotReached) {
      std::printf("drained: the broker is gone\n");
      return kSuccess;
    }
    if (answer.is_fine()) {
      const auto connections = read_connections(answer.body);
      if (!connections) {
        write_error(false, describe_unreadable(port));
        return kCannotConnect;
      }
      if (*connections == 0) {
        std::printf("drained: no connection is left\n");
        return kSuccess;
      }
      last = std::to_string(*connections) + " connections";
    }
    const auto left = deadline - Clock::now();
    if (left <= Clock::duration::zero()) {
      write_error(false, "the time is up, and it still waits for " + last);
      return kNotDone;
    }
    std::this_thread::sleep_for(std::min<Clock::duration>(left, kBetweenQuestions));
  }
}

}  // namespace onehop::cli
