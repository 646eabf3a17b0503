// Whether this process is a forked child of the one that made an object. Threads do not go along into a child, and its
// mutexes may be locked for ever, so an object that has threads can do nothing there but return.
#pragma once

#include <atomic>
#include <cstdint>

namespace onehop::reactor {

class Forks {
 public:
  // How often fork() has returned in this process or one that it is a child of, since the first call of it. Any thread.
  // It costs a load, where getpid() costs a system call.
  static uint32_t count();

 private:
  static std::atomic<uint32_t> count_;
};

}  // namespace onehop::reactor
