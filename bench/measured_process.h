// A system under measurement: a child process of the benchmark, pinned to a core of its own, whose CPU time and private
// memory are read from outside. CPU time is what the benchmarks compare, because wall-clock time on a shared machine
// says little. The child prints the port it listens on as its first line.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

namespace onehop::bench {

inline constexpr int kServerCore = 0;
inline constexpr int kGeneratorCore = 1;

[[noreturn]] inline void fail(const char* what) {
  std::perror(what);
  std::exit(1);
}

inline void pin(int core) {
  cpu_set_t cores;
  CPU_ZERO(&cores);
  CPU_SET(core, &cores);
  if (sched_setaffinity(0, sizeof cores, &cores) != 0) std::fputs("cannot pin: figures will scatter\n", stderr);
}

inline double seconds_of(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

inline sockaddr_in loopback(uint16_t port, uint32_t host = INADDR_LOOPBACK) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(host);
  address.sin_port = htons(port);
  return address;
}

inline void no_delay(int fd) {
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

// A nonblocking listener on a free port of the loopback address.
inline int listening_socket(uint16_t& port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  sockaddr_in address = loopback(0);
  socklen_t size = sizeof address;
  if (fd < 0 || bind(fd, reinterpret_cast<sockaddr*>(&address), size) != 0 || listen(fd, 4096) != 0) fail("listen");
  getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  port = ntohs(address.sin_port);
  return fd;
}

class MeasuredProcess {
 public:
  // Runs `serve` in the child; it prints its port and does not come back.
  explicit MeasuredProcess(const std::function<void()>& serve) {
    int out[2];
    if (pipe(out) != 0) fail("pipe");
    std::fflush(stdout);  // The child must not print our lines again.
    pid_ = fork();
    if (pid_ < 0) fail("fork");
    if (pid_ == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      pin(kServerCore);
      dup2(out[1], STDOUT_FILENO);
      close(out[0]);
      close(out[1]);
      serve();
      std::_Exit(1);
    }
    close(out[1]);
    FILE* line = fdopen(out[0], "r");
    unsigned port;
    if (std::fscanf(line, "%u", &port) != 1) fail("the system under measurement did not start");
    std::fclose(line);
    port_ = static_cast<uint16_t>(port);
    clock_getcpuclockid(pid_, &clock_);
  }
  MeasuredProcess(const MeasuredProcess&) = delete;
  MeasuredProcess& operator=(const MeasuredProcess&) = delete;
  ~MeasuredProcess() {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }

  // A blocking connection to it, from 127.0.0.`source`: a thousand connects a second wear out the ports of one address.
  int connect_one(uint32_t source = 1) const {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int on = 1;
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    const sockaddr_in from = loopback(0, INADDR_LOOPBACK - 1 + source);
    const sockaddr_in to = loopback(port_);
    if (fd < 0 || bind(fd, reinterpret_cast<const sockaddr*>(&from), sizeof from) != 0 ||
        connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) {
      fail("connect");
    }
    no_delay(fd);
    return fd;
  }

  double cpu_seconds() const { return seconds_of(clock_); }

  double private_dirty_bytes() const {
    std::ifstream rollup("/proc/" + std::to_string(pid_) + "/smaps_rollup");
    std::string word;
    double kilobytes = 0;
    while (rollup >> word) {
      if (word == "Private_Dirty:") rollup >> kilobytes;
    }
    return kilobytes * 1024;
  }

  size_t open_files() const {
    const std::filesystem::directory_iterator files("/proc/" + std::to_string(pid_) + "/fd");
    return static_cast<size_t>(std::distance(begin(files), end(files)));
  }

 private:
  pid_t pid_;
  uint16_t port_;
  clockid_t clock_;
};

struct Spread {
  double median, lowest, highest;
};

inline Spread spread(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return {values[values.size() / 2], values.front(), values.back()};
}

}  // namespace onehop::bench
