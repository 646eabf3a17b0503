// Whether this process is the one that made the guard, or a copy that fork() made of it: there the threads are missing,
// and a mutex that one of them held stays locked for ever. It is asked before each mutex, so it has to cost nothing:
// the kernel clears a page of memory in the copy.
#pragma once

#include <sys/types.h>

#include <atomic>

namespace onehop::client {

class ForkGuard {
 public:
  ForkGuard();
  ~ForkGuard();
  ForkGuard(const ForkGuard&) = delete;
  ForkGuard& operator=(const ForkGuard&) = delete;

  bool is_copy() const { return mark_ != nullptr ? mark_->load(std::memory_order_relaxed) == 0 : is_other_process(); }
  pid_t process() const { return process_; }

 private:
  bool is_other_process() const;

  const pid_t process_;
  // nullptr: the kernel does not know how (before Linux 4.14).
  std::atomic<unsigned>* mark_ = nullptr;
};

}  // namespace onehop::client
