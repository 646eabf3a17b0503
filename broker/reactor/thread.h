// Threads that the library starts, and among them those that run one loop.
//
// None of them takes a signal of the program it runs in: the program's own threads do. Faults of the thread itself
// (SIGSEGV and such) are left as they are, so that the program's crash handler sees them.
//
// A thread that runs one loop. The loop exists, and is set up, before the thread starts, and is taken down after it has
// been joined; in between only the thread touches it.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <thread>

#include "reactor/loop.h"

namespace onehop::reactor {

// Starts a thread under that name, which is what debuggers and `top` show, cut to 15 bytes. Throws std::system_error if
// the system has none left.
std::thread start_thread(std::string name, std::function<void()> run);

class Thread {
 public:
  // `name`: as start_thread(). With `core` the thread asks to run on that core only;
  // where that is refused it runs anywhere.
  explicit Thread(const std::string& name, std::optional<int> core = std::nullopt);
  Thread(const Thread&) = delete;
  Thread& operator=(const Thread&) = delete;
  // Stops and joins a running thread.
  ~Thread();

  Loop& loop() { return loop_; }

  // `spin_us`: as Loop::run.
  void start(uint32_t spin_us = 0);
  // Lets the loop end its turn, then waits for the thread. Not from the thread itself.
  void stop_and_join();
  // Waits for a loop that somebody stops. Not from the thread itself.
  void join() { thread_.join(); }
  bool running() const { return thread_.joinable(); }

 private:
  Loop loop_;
  const std::string name_;
  const std::optional<int> core_;
  std::thread thread_;
};

}  // namespace onehop::reactor
