// A TCP forwarder between clients and a broker that cuts every connection after so many bytes, wherever they end: in
// the middle of a frame, before an answer, behind one. Both sides get a reset, so that what was under way is gone.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <list>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace onehop::client {

class Forwarder {
 public:
  // `target`: "tcp://127.0.0.1:port". Cuts `cuts_max` times, each after a multiple of `cut_bytes`; 0: never.
  Forwarder(const std::string& target, size_t cut_bytes, int cuts_max)
      : port_(static_cast<uint16_t>(std::stoi(target.substr(target.rfind(':') + 1)))),
        cut_bytes_(cut_bytes),
        left_(cut_bytes),
        cuts_max_(cuts_max) {
    listener_ = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address = loopback(0);
    socklen_t size = sizeof address;
    auto* name = reinterpret_cast<sockaddr*>(&address);
    if (bind(listener_, name, size) != 0 || listen(listener_, 16) != 0 || getsockname(listener_, name, &size) != 0 ||
        pipe(wake_) != 0) {
      throw std::runtime_error("cannot forward");
    }
    address_ = "tcp://127.0.0.1:" + std::to_string(ntohs(address.sin_port));
    thread_ = std::thread([this] { run(); });
  }
  ~Forwarder() {
    stopped_ = true;
    wake();
    thread_.join();
    cut_all();
    for (const int fd : {listener_, wake_[0], wake_[1]}) close(fd);
  }
  Forwarder(const Forwarder&) = delete;
  Forwarder& operator=(const Forwarder&) = delete;

  // Where it listens: what clients are given as the server.
  const std::string& address() const { return address_; }
  int cuts() const { return cuts_; }
  // Cuts what is there, soon.
  void cut() {
    cut_wanted_ = true;
    wake();
  }

 private:
  // Two sockets whose bytes go to each other.
  struct Pair {
    std::array<int, 2> fds;
  };

  static sockaddr_in loopback(uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    return address;
  }
  void wake() const {
    if (write(wake_[1], "", 1) != 1) throw std::runtime_error("cannot wake the forwarder");
  }

  void run() {
    while (!stopped_) {
      std::vector<pollfd> polled = {{listener_, POLLIN, 0}, {wake_[0], POLLIN, 0}};
      for (const Pair& pair : pairs_) {
        for (const int fd : pair.fds) polled.push_back({fd, POLLIN, 0});
      }
      poll(polled.data(), polled.size(), -1);
      char byte;
      if (polled[1].revents != 0 && read(wake_[0], &byte, 1) == 1 && cut_wanted_.exchange(false)) {
        cut_all();
        continue;
      }
      size_t at = 2;
      for (auto pair = pairs_.begin(); pair != pairs_.end(); at += 2) {
        const bool over =
            (polled[at].revents != 0 && !forward(*pair, 0)) || (polled[at + 1].revents != 0 && !forward(*pair, 1));
        if (over) reset(*pair);
        pair = over ? pairs_.erase(pair) : std::next(pair);
      }
      if (cut_bytes_ != 0 && left_ == 0) {
        left_ = cut_bytes_;
        if (cuts_ < cuts_max_) cut_all();
      }
      if (polled[0].revents != 0) take_connection();
    }
  }

  void take_connection() {
    const int inner = accept(listener_, nullptr, nullptr);
    const int outer = socket(AF_INET, SOCK_STREAM, 0);
    const sockaddr_in address = loopback(port_);
    if (connect(outer, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
      pairs_.push_back({{inner, outer}});
    } else {
      reset({{inner, outer}});
    }
  }

  // One read from this side. False: that side is at its end.
  bool forward(const Pair& pair, size_t from) {
    std::array<char, 16 << 10> buffer;
    const bool cutting = cut_bytes_ != 0 && cuts_ < cuts_max_;
    const size_t wanted = cutting ? std::min(buffer.size(), left_) : buffer.size();
    if (wanted == 0) return true;
    const ssize_t size = recv(pair.fds[from], buffer.data(), wanted, 0);
    if (size <= 0) return false;
    if (cutting) left_ -= static_cast<size_t>(size);
    return send(pair.fds[1 - from], buffer.data(), static_cast<size_t>(size), MSG_NOSIGNAL) == size;
  }

  void cut_all() {
    if (!pairs_.empty()) ++cuts_;
    for (const Pair& pair : pairs_) reset(pair);
    pairs_.clear();
  }
  static void reset(const Pair& pair) {
    const linger at_once{.l_onoff = 1, .l_linger = 0};
    for (const int fd : pair.fds) {
      setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
      close(fd);
    }
  }

  const uint16_t port_;
  const size_t cut_bytes_;
  size_t left_;
  const int cuts_max_;
  std::atomic<int> cuts_{0};
  std::atomic<bool> stopped_{false};
  std::atomic<bool> cut_wanted_{false};
  int listener_;
  int wake_[2];
  std::string address_;
  std::list<Pair> pairs_;
  std::thread thread_;
};

}  // namespace onehop::client
