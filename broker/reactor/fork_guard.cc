// ForkGuard: see the header.
#include "reactor/fork_guard.h"

#include <pthread.h>

#include <atomic>

namespace onehop::reactor {
namespace {

std::atomic<uint32_t> forks_so_far{0};

}  // namespace

uint32_t ForkGuard::forks() {
  static const int watched =
      pthread_atfork(nullptr, nullptr, [] { forks_so_far.fetch_add(1, std::memory_order_relaxed); });
  static_cast<void>(watched);
  return forks_so_far.load(std::memory_order_relaxed);
}

}  // namespace onehop::reactor
