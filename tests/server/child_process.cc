// ChildProcess: see the header. posix_spawn, because the test program may have threads.
#include "server_test/child_process.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <system_error>
#include <utility>

extern char** environ;

namespace onehop::test {
namespace {

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> out;
  for (std::string& text : texts) out.push_back(text.data());
  out.push_back(nullptr);
  return out;
}

// A shell lowers the limit, and becomes the program.
std::vector<std::string> with_descriptor_limit(std::vector<std::string> command, unsigned descriptors_max) {
  std::vector<std::string> out{"/bin/sh", "-c", "ulimit -n " + std::to_string(descriptors_max) + " && exec \"$@\"",
                               "sh"};
  out.insert(out.end(), command.begin(), command.end());
  return out;
}

}  // namespace

ChildProcess::ChildProcess(const ChildOptions& options) {
  std::vector<std::string> command = options.command;
  if (options.descriptors_max != 0) command = with_descriptor_limit(command, options.descriptors_max);
  std::vector<std::string> environment = options.environment;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    if (!std::string_view(*entry).starts_with("ONEHOP_")) environment.emplace_back(*entry);
  }
  int out[2];
  int err[2];
  if (::pipe2(out, O_CLOEXEC) != 0 || ::pipe2(err, O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, err[1], STDERR_FILENO);
  const int error = ::posix_spawn(&pid_, command.front().c_str(), &actions, nullptr, pointers(command).data(),
                                  pointers(environment).data());
  posix_spawn_file_actions_destroy(&actions);
  ::close(out[1]);
  ::close(err[1]);
  if (error != 0) throw std::system_error(error, std::generic_category(), "cannot start " + command.front());
  output_.fd = out[0];
  errors_.fd = err[0];
  output_.reader = std::thread([this] { gather(output_); });
  errors_.reader = std::thread([this] { gather(errors_); });
}

ChildProcess::~ChildProcess() {
  if (status_ == -1) {
    send_signal(SIGKILL);
    wait();
  }
}

void ChildProcess::send_signal(int signal) const {
  if (status_ == -1) ::kill(pid_, signal);
}

int ChildProcess::wait() {
  if (status_ == -1) {
    while (::waitpid(pid_, &status_, 0) < 0 && errno == EINTR) {
    }
    output_.reader.join();
    errors_.reader.join();
  }
  return WIFEXITED(status_) ? WEXITSTATUS(status_) : 128 + WTERMSIG(status_);
}

void ChildProcess::gather(Stream& stream) {
  char buffer[16 * 1024];
  for (;;) {
    const ssize_t size = ::read(stream.fd, buffer, sizeof buffer);
    if (size < 0 && errno == EINTR) continue;
    const std::lock_guard lock(mutex_);
    if (size <= 0) break;
    stream.partial.append(buffer, static_cast<size_t>(size));
    for (size_t end; (end = stream.partial.find('\n')) != std::string::npos;) {
      stream.lines.push_back(stream.partial.substr(0, end));
      stream.partial.erase(0, end + 1);
    }
    changed_.notify_all();
  }
  ::close(stream.fd);
  const std::lock_guard lock(mutex_);
  if (!stream.partial.empty()) stream.lines.push_back(stream.partial);
  stream.ended = true;
  changed_.notify_all();
}

ChildProcess::Lines ChildProcess::wait_for(Stream& stream, const std::function<bool(const Lines&)>& holds) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return stream.ended || holds(stream.lines); });
  return stream.lines;
}

ChildProcess::Lines ChildProcess::output() {
  return wait_for(output_, [](const Lines&) { return true; });
}

ChildProcess::Lines ChildProcess::errors() {
  return wait_for(errors_, [](const Lines&) { return true; });
}

ChildProcess::Lines ChildProcess::wait_for_output(const std::function<bool(const Lines&)>& holds) {
  return wait_for(output_, holds);
}

ChildProcess::Lines ChildProcess::wait_for_errors(const std::function<bool(const Lines&)>& holds) {
  return wait_for(errors_, holds);
}

// Fields 14 and 15 of /proc/PID/stat, in clock ticks; the second field is in parentheses and may contain anything.
uint64_t ChildProcess::cpu_ms() const {
  std::ifstream file("/proc/" + std::to_string(pid_) + "/stat");
  std::string text;
  std::getline(file, text);
  std::istringstream rest(text.substr(text.rfind(')') + 2));
  std::string skipped;
  for (int field = 3; field < 14; ++field) rest >> skipped;
  uint64_t user = 0;
  uint64_t system = 0;
  rest >> user >> system;
  return (user + system) * 1000 / static_cast<uint64_t>(::sysconf(_SC_CLK_TCK));
}

size_t ChildProcess::open_descriptors() const {
  const std::filesystem::directory_iterator folder("/proc/" + std::to_string(pid_) + "/fd");
  return static_cast<size_t>(std::distance(begin(folder), end(folder)));
}

namespace {

ChildOptions onehopd_options(std::vector<std::string> flags, unsigned descriptors_max) {
  std::vector<std::string> command{onehopd_path()};
  if (std::find(flags.begin(), flags.end(), "--listen") == flags.end()) {
    command.insert(command.end(), {"--listen", "tcp://127.0.0.1:0"});
  }
  command.insert(command.end(), flags.begin(), flags.end());
  return {command, {"ONEHOP_ADMIN=none"}, descriptors_max};
}

}  // namespace

Onehopd::Onehopd(std::vector<std::string> flags, unsigned descriptors_max)
    : ChildProcess(onehopd_options(flags, descriptors_max)) {
  const auto listens = std::count(flags.begin(), flags.end(), "--listen");
  const auto behind_proxies = std::count(flags.begin(), flags.end(), "--listen-proxy");
  const auto wanted = static_cast<size_t>(std::max<std::ptrdiff_t>(listens, 1) + behind_proxies);
  const Lines lines = wait_for_output([wanted](const Lines& so_far) { return so_far.size() >= wanted; });
  if (lines.size() < wanted) {
    std::string why = "onehopd did not start:";
    for (const std::string& line : wait_for_errors([](const Lines&) { return false; })) why += "\n" + line;
    throw std::runtime_error(why);
  }
  for (size_t i = 0; i < wanted; ++i) addresses_.push_back(lines[i].substr(lines[i].rfind(' ') + 1));
}

std::string Onehopd::admin_address() {
  const std::string begin = "admin on ";
  std::string address;
  wait_for_output([&](const Lines& lines) {
    for (const std::string& line : lines) {
      if (line.starts_with(begin)) address = line.substr(begin.size());
    }
    return !address.empty();
  });
  if (address.empty()) throw std::runtime_error("onehopd has no admin port");
  return address;
}

std::string onehopd_path() {
  return ONEHOP_ONEHOPD;
}

}  // namespace onehop::test
