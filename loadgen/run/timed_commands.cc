// See the header.
#include "loadgen/run/timed_commands.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <csignal>
#include <cstring>
#include <ctime>

#include "loadgen/run/clock.h"

extern char** environ;

namespace onehop::loadgen {
namespace {

// How often the commands are looked at. The times of their ends are this exact.
constexpr uint64_t kLookMs = 5;
constexpr uint64_t kEndNs = 1'000'000'000;

// The attributes of a new process group, with the signals as a shell expects them. This process ignores some signals.
struct Attributes {
  Attributes() {
    posix_spawnattr_init(&attributes);
    posix_spawn_file_actions_init(&files);
    sigset_t signals;
    sigemptyset(&signals);
    posix_spawnattr_setsigmask(&attributes, &signals);
    sigfillset(&signals);
    posix_spawnattr_setsigdefault(&attributes, &signals);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&files, STDERR_FILENO, STDOUT_FILENO);
  }
  ~Attributes() {
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attributes);
  }
  Attributes(const Attributes&) = delete;
  Attributes& operator=(const Attributes&) = delete;

  posix_spawnattr_t attributes{};
  posix_spawn_file_actions_t files{};
};

}  // namespace

TimedCommands::TimedCommands(reactor::Loop& loop, const std::vector<TimedCommand>& commands)
    : timer_(loop, [this] { look(); }), loop_(loop) {
  for (const TimedCommand& command : commands) {
    Process process;
    process.result.at_s = static_cast<double>(command.at_ns) * 1e-9;
    process.result.command = command.command;
    processes_.push_back(process);
  }
}

TimedCommands::~TimedCommands() {
  end();
}

void TimedCommands::begin(uint64_t start_ns) {
  start_ns_ = start_ns;
  if (!processes_.empty()) look();
}

// Starts the commands that are due, and notes those that have ended.
void TimedCommands::look() {
  const uint64_t now = now_ns();
  uint64_t next_ns = UINT64_MAX;
  for (Process& process : processes_) {
    const bool is_new = process.pid < 0 && process.result.problem.empty();
    const uint64_t due_ns = start_ns_ + static_cast<uint64_t>(std::llround(process.result.at_s * 1e9));
    if (is_new && !started_all_ && now >= due_ns) start(process);
    if (is_new && !started_all_ && now < due_ns) next_ns = std::min(next_ns, due_ns);
    if (process.pid > 0 && !note_end(process)) next_ns = std::min(next_ns, now + kLookMs * 1'000'000);
  }
  if (next_ns == UINT64_MAX) return;
  // The loop reads its clock once a turn, so it may be behind.
  const uint64_t wait_ms = next_ns > now ? (next_ns - now) / 1'000'000 : 0;
  timer_.arm_at(loop_.now_ms() + std::max<uint64_t>(std::min(wait_ms, uint64_t{1'000}), 1));
}

void TimedCommands::start(Process& process) {
  const Attributes attributes;
  const char* const words[] = {"/bin/sh", "-c", process.result.command.c_str(), nullptr};
  const uint64_t now = now_ns();
  const int error = posix_spawn(&process.pid, words[0], &attributes.files, &attributes.attributes,
                                const_cast<char* const*>(words), environ);
  if (error != 0) {
    process.pid = -1;
    process.result.problem = std::strerror(error);
    return;
  }
  process.result.started_s = static_cast<double>(now - start_ns_) * 1e-9;
}

// Returns whether the command has ended.
bool TimedCommands::note_end(Process& process) {
  if (process.has_ended) return true;
  siginfo_t info{};
  if (waitid(P_PID, static_cast<id_t>(process.pid), &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == 0) {
    return false;
  }
  process.has_ended = true;
  process.result.ended_s = static_cast<double>(now_ns() - start_ns_) * 1e-9;
  if (info.si_code == CLD_EXITED) {
    process.result.exit_status = info.si_status;
  } else {
    process.result.signal = info.si_status;
  }
  return true;
}

void TimedCommands::end() {
  started_all_ = true;
  timer_.disarm();
  for (Process& process : processes_) {
    if (process.pid <= 0) continue;
    process.result.ended_with_run = !note_end(process);
    kill(-process.pid, SIGTERM);
  }
  await_ends(now_ns() + kEndNs);
  for (Process& process : processes_) {
    if (process.pid <= 0) continue;
    kill(-process.pid, SIGKILL);
    siginfo_t info{};
    waitid(P_PID, static_cast<id_t>(process.pid), &info, WEXITED);
    if (process.result.ended_with_run) {
      process.result.ended_s.reset();
      process.result.exit_status.reset();
      process.result.signal.reset();
    }
    process.pid = 0;
  }
}

void TimedCommands::await_ends(uint64_t until_ns) {
  for (bool all_ended = false; !all_ended && now_ns() < until_ns;) {
    all_ended = true;
    for (Process& process : processes_) {
      if (process.pid > 0 && !note_end(process)) all_ended = false;
    }
    const timespec pause{0, 1'000'000};
    if (!all_ended) nanosleep(&pause, nullptr);
  }
}

std::vector<CommandResult> TimedCommands::results() const {
  std::vector<CommandResult> results;
  for (const Process& process : processes_) results.push_back(process.result);
  return results;
}

}  // namespace onehop::loadgen
