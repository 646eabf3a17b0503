// One attempt of a client to connect: the name is looked up, its addresses are tried in order, all within one deadline,
// without blocking the loop. It ends in exactly one call of `done`, or in none if it is destroyed before.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "reactor/address.h"
#include "reactor/fd.h"
#include "reactor/loop.h"
#include "reactor/timer.h"
#include "reactor/watch.h"

namespace onehop::reactor {

struct ConnectResult {
  Fd fd;              // A connected, nonblocking stream socket without Nagle's delay; empty on failure.
  std::string error;  // On failure one line that names the address: "cannot connect to tcp://…: Connection refused".
};

// All methods: the loop's thread only.
class ConnectAttempt {
 public:
  using Done = std::function<void(ConnectResult)>;

  // `deadline_ms` is on the clock of Loop::now_ms. `done` is called in a later turn, never from this constructor; it
  // may destroy the attempt.
  ConnectAttempt(Loop& loop, const Address& address, uint64_t deadline_ms, Done done);
  ConnectAttempt(const ConnectAttempt&) = delete;
  ConnectAttempt& operator=(const ConnectAttempt&) = delete;
  // Cancels: `done` will not be called.
  ~ConnectAttempt();

 private:
  struct Lookup;

  void look_up();
  void on_looked_up(int status, const addrinfo* answer);
  void try_next();
  void on_writable();
  void on_timer();
  void finish(Fd fd, const std::string& why);

  Loop& loop_;
  const Address address_;
  const uint64_t deadline_ms_;
  Done done_;
  bool started_ = false;
  Lookup* lookup_ = nullptr;  // Deleted by libuv's callback; null when none is under way.
  std::vector<SocketAddress> candidates_;
  size_t next_ = 0;
  std::string last_problem_;
  Fd fd_;  // Before the watch, which must be gone first.
  Watch watch_;
  Timer timer_;
};

}  // namespace onehop::reactor
