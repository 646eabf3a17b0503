// A real broker for tests: the onehopd of this build, on loopback, on a port of its choice.
#pragma once

#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "onehop/client_types.h"

extern char** environ;

namespace onehop::client {

// Longer than anything takes that does not fail.
constexpr uint32_t kLong = 60'000;

// A client that comes back at once.
inline ClientOptions named(std::string name) {
  return {.name = std::move(name), .backoff_ms_min = 1, .backoff_ms_max = 5};
}

class BrokerProcess {
 public:
  explicit BrokerProcess(std::vector<std::string> flags = {}, const std::string& listen = "tcp://127.0.0.1:0") {
    flags.insert(flags.begin(), {ONEHOPD, "--log-level", "off", "--listen", listen, "--admin", "none"});
    // Most tests are not about a broker's beginning.
    if (std::find(flags.begin(), flags.end(), "--start-grace-ms") == flags.end()) {
      flags.insert(flags.end(), {"--start-grace-ms", "0"});
    }
    std::vector<char*> arguments;
    for (std::string& flag : flags) arguments.push_back(flag.data());
    arguments.push_back(nullptr);
    int ends[2];
    if (pipe(ends) != 0) throw std::runtime_error("no pipe");
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_addclose(&actions, ends[0]);
    const int failure = posix_spawn(&pid_, ONEHOPD, &actions, nullptr, arguments.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    if (failure != 0) throw std::runtime_error("cannot start the broker");
    read_address(ends[0]);
    close(ends[0]);
  }
  ~BrokerProcess() { stop(SIGTERM); }
  BrokerProcess(const BrokerProcess&) = delete;
  BrokerProcess& operator=(const BrokerProcess&) = delete;

  // Where it listens: what --server takes.
  const std::string& address() const { return address_; }

  void stop(int signal) {
    begin_to_stop(signal);
    wait();
  }
  // The broker waits for its clients' answers to its goodbye: who runs one has to go on doing so in between.
  void begin_to_stop(int signal) const {
    if (pid_ != 0) kill(pid_, signal);
  }
  void wait() {
    if (pid_ != 0) waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }

 private:
  void read_address(int fd) {
    std::string text;
    char c;
    while (read(fd, &c, 1) == 1 && c != '\n') text += c;
    const size_t at = text.find("://");
    if (at == std::string::npos) throw std::runtime_error("the broker does not say where it listens: " + text);
    const size_t begin = text.rfind(' ', at) + 1;
    address_ = text.substr(begin, text.find(' ', begin) - begin);
  }

  pid_t pid_ = 0;
  std::string address_;
};

}  // namespace onehop::client
