// Forks: see the header.
#include "reactor/forks.h"

#include <pthread.h>

namespace onehop::reactor {

std::atomic<uint32_t> Forks::count_{0};

uint32_t Forks::count() {
  static const int watched = pthread_atfork(nullptr, nullptr, [] { count_.fetch_add(1, std::memory_order_relaxed); });
  static_cast<void>(watched);
  return count_.load(std::memory_order_relaxed);
}

}  // namespace onehop::reactor
