// Serves a text over HTTP at /metrics. Its own thread sleeps until somebody asks, so the threads that send and the
// thread that gathers never wait for it. A connection may ask once and has 5 s for that. There are at most 16
// connections; one more ends the oldest one, so that nobody can keep others out.
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
  // Listens and serves `text` from then on. On failure returns nullptr, with the reason in `error`.
  static std::unique_ptr<MetricsServer> open(const std::string& address, std::string text, std::string& error);
  ~MetricsServer();

  std::string address() const { return address_; }  // The address with the port that was bound.
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
  std::string text_;  // Guarded by mutex_.

  std::string address_;
  reactor::Thread thread_;
  // Only the thread uses these once it runs.
  std::vector<std::unique_ptr<Connection>> connections_;
  std::unique_ptr<reactor::Listener> listener_;
  std::unique_ptr<reactor::Timer> timer_;
};

}  // namespace onehop::loadgen
