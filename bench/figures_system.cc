// Systems: see the header.
#include "figures_system.h"

#include <fcntl.h>

#include <cerrno>

#include "measured_process.h"

namespace onehop::bench {
namespace {

// Never returns: runs the command in this process, its first line going to `out`.
[[noreturn]] void become(const std::vector<std::string>& command, int out) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  pin(kServerCore);
  dup2(out, STDOUT_FILENO);
  // What it logs of thousands of clients goes where it costs no terminal.
  const int log = open("/dev/null", O_WRONLY | O_CLOEXEC);
  if (log >= 0) dup2(log, STDERR_FILENO);
  std::vector<char*> arguments;
  arguments.reserve(command.size() + 1);
  for (const std::string& argument : command) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  execv(arguments[0], arguments.data());
  std::_Exit(127);
}

uint16_t port_at_end_of(const std::string& line) {
  const size_t digits = line.find_last_not_of("0123456789\n");
  return static_cast<uint16_t>(
      std::strtoul(line.c_str() + (digits == std::string::npos ? 0 : digits + 1), nullptr, 10));
}

class GreetingInbox final : public Inbox {
 public:
  void on_greeted() override { greeted = true; }
  void on_message(Bytes, uint64_t) override {}
  void on_told(uint64_t, uint64_t, bool) override {}
  void on_receipts(uint64_t) override {}
  void on_reply(Bytes) override {}

  bool greeted = false;
};

}  // namespace

System blind_system(const std::string& program) {
  return {"blind", {program, "--listen", "127.0.0.1:0"}, onehop_codec(false)};
}

System onehop_system(const std::string& name, const std::string& program, unsigned shards) {
  return {name, {program, "--listen", "tcp://127.0.0.1:0", "--shards", std::to_string(shards)}, onehop_codec(true)};
}

RunningSystem::RunningSystem(const System& system) : codec_(system.codec) {
  int out[2];
  if (pipe2(out, O_CLOEXEC) != 0) fail("pipe");
  std::fflush(stdout);  // The child must not print our lines again.
  pid_ = fork();
  if (pid_ < 0) fail("fork");
  if (pid_ == 0) become(system.command, out[1]);
  close(out[1]);
  std::string line;
  for (char c = 0; c != '\n' && read(out[0], &c, 1) == 1;) line += c;
  close(out[0]);
  port_ = port_at_end_of(line);
  if (port_ == 0) {
    std::fprintf(stderr, "%s did not start: %s\n", system.name.c_str(), system.command[0].c_str());
    std::exit(1);
  }
  clock_getcpuclockid(pid_, &clock_);
}

RunningSystem::~RunningSystem() {
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
}

int RunningSystem::connect_one() const {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = loopback(port_);
  if (fd < 0 || ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) fail("connect");
  no_delay(fd);
  // Our end resets: thousands of connections a minute would use up the ports if each had to wait for its last packet.
  const linger at_once{1, 0};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  return fd;
}

std::vector<int> RunningSystem::connect(const std::vector<std::string>& names, uint32_t keepalive_ms) const {
  constexpr size_t kAtOnce = 256;  // Greetings under way: enough to keep the system busy.
  std::vector<int> fds;
  fds.reserve(names.size());
  for (size_t first = 0; first < names.size(); first += kAtOnce) {
    const size_t end = std::min(names.size(), first + kAtOnce);
    bool greets = false;
    for (size_t i = first; i < end; ++i) {
      fds.push_back(connect_one());
      const std::string greeting = codec_->greeting(names[i], keepalive_ms);
      greets = !greeting.empty();
      if (greets && write(fds.back(), greeting.data(), greeting.size()) < 0) fail("greeting");
    }
    for (size_t i = first; greets && i < end; ++i) await_greeting(fds[i]);
  }
  return fds;
}

void RunningSystem::await_greeting(int fd) const {
  char bytes[4096];
  GreetingInbox inbox;
  size_t have = 0;
  while (!inbox.greeted) {
    const ssize_t size = recv(fd, bytes + have, sizeof bytes - have, 0);
    if (size <= 0) fail("the greeting's answer");
    have += static_cast<size_t>(size);
    const size_t taken = codec_->read({bytes, have}, inbox);
    have -= taken;
    std::memmove(bytes, bytes + taken, have);
  }
}

double RunningSystem::cpu_seconds() const {
  return seconds_of(clock_);
}

double RunningSystem::private_dirty_bytes() const {
  std::ifstream rollup("/proc/" + std::to_string(pid_) + "/smaps_rollup");
  std::string word;
  double kilobytes = 0;
  while (rollup >> word) {
    if (word == "Private_Dirty:") rollup >> kilobytes;
  }
  return kilobytes * 1024;
}

}  // namespace onehop::bench
