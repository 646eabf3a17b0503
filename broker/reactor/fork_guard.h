// Whether this process is the one that made an object, or a copy that fork() made of it. Threads do not go along into a
// copy, and a mutex that one of them held stays locked for ever. So an object that has threads can do nothing there but
// return. The question is asked before each mutex, so it costs a load; getpid() would be a system call.
#pragma once

#include <cstdint>

namespace onehop::reactor {

class ForkGuard {
 public:
  ForkGuard() : made_in_(forks()) {}

  // Any thread.
  bool is_copy() const { return forks() != made_in_; }

 private:
  // How often fork() has returned as the child, in this process and those that it is a copy of, since the first call.
  static uint32_t forks();

  uint32_t made_in_;
};

}  // namespace onehop::reactor
