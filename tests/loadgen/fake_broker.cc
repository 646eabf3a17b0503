// A broker that is as slow as it was told to be and knows exactly how slow it was. The figures of the load generator
// are compared with its own. It has one thread; the rules are in fake_broker_rules.h.
//
//   onehop-fake-broker --listen 127.0.0.1:0 [--latency SPEC] [--service-rate R] [--truth FILE] [--seed N]
//                      [--send-window N] [--spin] [--seen FILE] [--freeze TIME] [MISDEED N …]
//
// --latency holds each message back by a delay of this distribution (fake_broker_delays.h). --service-rate lets
// messages pass one after the other, each in 1/R seconds. --truth names a file, which at SIGTERM gets the delays that
// the broker really imposed, from the recv() of a message to its send(). --spin never sleeps, so that the broker adds
// the least noise of its own. The misdeeds are --reject-every, --expire-every, --lose-every, --drop-every, --lie-every,
// --double-every, --babble-after, --freeze-after and --die-after; see Misdeeds. --seen names a file, which at SIGTERM
// gets what arrived (fake_broker_seen.h). --freeze makes it stand still for this long at SIGUSR1.
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <map>
#include <stdexcept>

#include "fake_broker_rules.h"
#include "plain_sockets.h"

namespace onehop::test {
namespace {

// The broker stops sleeping this long before a message is due, since waking up takes time, and spins for the rest.
constexpr uint64_t kSpinNs = 100'000;

uint64_t now_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

struct Options {
  std::string listen = "127.0.0.1:0";
  std::string latency = "fixed:0ns";
  double service_rate = 0;  // 0 means no limit.
  std::string truth_file;
  std::string seen_file;
  uint64_t freeze_ns = 0;
  uint64_t seed = 1;
  uint32_t send_window = 65'535;
  bool spin = false;
  Misdeeds misdeeds;
};

const std::map<std::string, uint64_t Misdeeds::*> kMisdeeds = {
    {"--reject-every", &Misdeeds::reject_every}, {"--expire-every", &Misdeeds::expire_every},
    {"--lose-every", &Misdeeds::lose_every},     {"--drop-every", &Misdeeds::drop_every},
    {"--lie-every", &Misdeeds::lie_every},       {"--double-every", &Misdeeds::double_every},
    {"--babble-after", &Misdeeds::babble_after}, {"--freeze-after", &Misdeeds::freeze_after},
    {"--die-after", &Misdeeds::die_after}};

Options read_options(int count, char** words) {
  Options options;
  for (int i = 1; i < count; ++i) {
    const std::string flag = words[i];
    if (flag == "--spin") {
      options.spin = true;
      continue;
    }
    if (++i == count) throw std::invalid_argument(flag + " wants a value");
    const std::string value = words[i];
    if (flag == "--listen") {
      options.listen = value;
    } else if (flag == "--latency") {
      options.latency = value;
    } else if (flag == "--service-rate") {
      options.service_rate = std::stod(value);
    } else if (flag == "--truth") {
      options.truth_file = value;
    } else if (flag == "--seen") {
      options.seen_file = value;
    } else if (flag == "--freeze") {
      options.freeze_ns = parse_delay(value);
    } else if (flag == "--seed") {
      options.seed = std::stoull(value);
    } else if (flag == "--send-window") {
      options.send_window = static_cast<uint32_t>(std::stoul(value));
    } else if (const auto misdeed = kMisdeeds.find(flag); misdeed != kMisdeeds.end()) {
      options.misdeeds.*misdeed->second = std::stoull(value);
    } else {
      throw std::invalid_argument("no flag " + flag);
    }
  }
  return options;
}

Rules rules_of(const Options& options) {
  Rules rules;
  rules.send_window = options.send_window;
  rules.misdeeds = options.misdeeds;
  const auto service_ns = static_cast<uint64_t>(options.service_rate > 0 ? 1e9 / options.service_rate : 0);
  rules.delay = [delays = Delays(options.latency, options.seed), service_ns,
                 free_ns = uint64_t{0}](uint64_t received_ns) mutable {
    if (service_ns == 0) return delays.draw_ns();
    free_ns = std::max(free_ns, received_ns) + service_ns;
    return free_ns - received_ns + delays.draw_ns();
  };
  return rules;
}

class Program {
 public:
  explicit Program(const Options& options)
      : options_(options), broker_(rules_of(options)), epoll_fd_(checked(epoll_create1(0), "epoll_create1")) {
    sigset_t signals;
    sigemptyset(&signals);
    for (const int signal : {SIGTERM, SIGINT, SIGUSR1}) sigaddset(&signals, signal);
    sigprocmask(SIG_BLOCK, &signals, nullptr);
    signal_fd_ = checked(signalfd(-1, &signals, SFD_NONBLOCK), "signalfd");
    timer_fd_ = checked(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK), "timerfd_create");
    listen_fd_ = listen_at(options.listen);
    for (const int fd : {signal_fd_, timer_fd_, listen_fd_}) watch(EPOLL_CTL_ADD, fd, EPOLLIN);
  }

  void run() {
    while (!ended_) {
      epoll_event events[64];
      const int count = epoll_wait(epoll_fd_, events, 64, wait_ms());
      for (int i = 0; i < count; ++i) on_event(events[i].data.fd, events[i].events);
      broker_.release_due(now_ns());
      for (Client* client : broker_.take_changed()) write(fd_of_.at(client));
    }
    if (!options_.truth_file.empty()) std::ofstream(options_.truth_file) << broker_.truth().to_json();
    if (!options_.seen_file.empty()) std::ofstream(options_.seen_file) << broker_.seen().to_json();
  }

 private:
  void watch(int operation, int fd, uint32_t events) {
    epoll_event event{};
    event.events = events;
    event.data.fd = fd;
    checked(epoll_ctl(epoll_fd_, operation, fd, &event), "epoll_ctl");
  }

  // How long to sleep. The timer wakes the broker before the next message is due.
  int wait_ms() {
    if (options_.spin || broker_.has_changed()) return 0;
    const uint64_t due_ns = broker_.next_due_ns();
    if (due_ns == UINT64_MAX) return -1;
    if (due_ns <= now_ns() + kSpinNs) return 0;
    const uint64_t wake_ns = due_ns - kSpinNs;
    itimerspec timer{};
    timer.it_value.tv_sec = static_cast<time_t>(wake_ns / 1'000'000'000);
    timer.it_value.tv_nsec = static_cast<long>(wake_ns % 1'000'000'000);
    timerfd_settime(timer_fd_, TFD_TIMER_ABSTIME, &timer, nullptr);
    return -1;
  }

  void on_event(int fd, uint32_t events) {
    if (fd == signal_fd_) {
      on_signal();
    } else if (fd == timer_fd_) {
      uint64_t times = 0;
      if (::read(fd, &times, sizeof times) < 0 && errno != EAGAIN) throw std::runtime_error("read of the timer");
    } else if (fd == listen_fd_) {
      accept();
    } else {
      if ((events & EPOLLOUT) != 0) write(fd);
      if (client_of_.contains(fd) && (events & ~static_cast<uint32_t>(EPOLLOUT)) != 0) read(fd);
    }
  }

  void on_signal() {
    signalfd_siginfo info{};
    if (::read(signal_fd_, &info, sizeof info) != sizeof info) return;
    if (info.ssi_signo != SIGUSR1) {
      ended_ = true;
      return;
    }
    const uint64_t begin_ns = now_ns(), end_ns = begin_ns + options_.freeze_ns;
    while (now_ns() < end_ns) {
      const timespec until{static_cast<time_t>(end_ns / 1'000'000'000), static_cast<long>(end_ns % 1'000'000'000)};
      clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr);
    }
    broker_.seen().note_freeze(begin_ns, now_ns());
  }

  void accept() {
    for (int fd = 0; (fd = accept4(listen_fd_, nullptr, nullptr, SOCK_NONBLOCK)) >= 0;) {
      send_without_delay(fd);
      Client& client = broker_.add();
      client_of_[fd] = &client;
      fd_of_[&client] = fd;
      watch(EPOLL_CTL_ADD, fd, EPOLLIN);
    }
  }

  void read(int fd) {
    Client& client = *client_of_.at(fd);
    char bytes[65'536];
    const ssize_t size = recv(fd, bytes, sizeof bytes, 0);
    const uint64_t received_ns = now_ns();
    if (size < 0 && errno == EAGAIN) return;
    if (size <= 0) return close(fd);
    if (client.ended) return;  // Bytes after a goodbye are discarded.
    client.in.append(bytes, static_cast<size_t>(size));
    broker_.read(client, received_ns);
  }

  void write(int fd) {
    Client& client = *client_of_.at(fd);
    if (!client.out.empty()) {
      const ssize_t size = send(fd, client.out.data(), client.out.size(), MSG_NOSIGNAL);
      if (size < 0 && errno != EAGAIN) return close(fd);
      broker_.sent(client, size < 0 ? 0 : static_cast<size_t>(size), now_ns());
    }
    if (client.out.empty() && client.ended) shutdown(fd, SHUT_WR);
    watch(EPOLL_CTL_MOD, fd, EPOLLIN | (client.out.empty() ? 0U : static_cast<uint32_t>(EPOLLOUT)));
  }

  void close(int fd) {
    Client* client = client_of_.at(fd);
    client_of_.erase(fd);
    fd_of_.erase(client);
    broker_.remove(*client);
    ::close(fd);
  }

  const Options options_;
  FakeBroker broker_;
  int epoll_fd_;
  int listen_fd_ = -1;
  int signal_fd_ = -1;
  int timer_fd_ = -1;
  bool ended_ = false;
  std::map<int, Client*> client_of_;
  std::map<Client*, int> fd_of_;
};

}  // namespace
}  // namespace onehop::test

int main(int count, char** words) {
  try {
    onehop::test::Program(onehop::test::read_options(count, words)).run();
  } catch (const std::exception& wrong) {
    std::fprintf(stderr, "onehop-fake-broker: %s\n", wrong.what());
    return 2;
  }
  return 0;
}
