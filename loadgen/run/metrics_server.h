// Serves a text over HTTP at /metrics, on a thread of its own that sleeps unless it is asked: the threads that send and
// the one that gathers do not wait for whoever asks. Each connection asks once, and has 5 s for it. There are 16 at a
// time at the most; for one more the oldest has to go, so that nobody can keep others out.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "reactor/listener.h"
#include "reactor/thread.h"
#include "reactor/timer.h"

namespace onehop::loadgen {

class MetricsServer {
 public:
  // Listens, and serves `text` from then on. On failure returns nothing, with the reason in `error`.
  static std::unique_ptr<MetricsServer> open(const std::string& address, std::string text, std::string& error);
  ~MetricsServer();

  std::string address() const { return address_; }  // With the port that was bound.
  // ANY THREAD.
  void set_text(std::string text);

 private:
  class Connection;

  MetricsServer();
  void accept(reactor::Fd fd);
  void end_late_ones();
  void forget(Connection& connection);
  std::string answer_to(const std::string& request);

  std::mutex mutex_;
  std::string text_;  // Under the mutex.

  std::string address_;
  reactor::Thread thread_;
  // The thread's only, once it runs.
  std::vector<std::unique_ptr<Connection>> connections_;
  std::unique_ptr<reactor::Listener> listener_;
  std::unique_ptr<reactor::Timer> timer_;
};

}  // namespace onehop::loadgen
