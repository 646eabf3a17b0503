// See the header. std::atomic::wait() is this as well, but knows no time limit.
#include "client/threaded/once.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <climits>

namespace onehop::client {
namespace {

timespec end_of(uint64_t timeout_ms) {
  timespec end{};
  clock_gettime(CLOCK_MONOTONIC, &end);
  end.tv_sec += static_cast<time_t>(timeout_ms / 1'000);
  end.tv_nsec += static_cast<int64_t>(timeout_ms % 1'000) * 1'000'000;
  if (end.tv_nsec >= 1'000'000'000) {
    ++end.tv_sec;
    end.tv_nsec -= 1'000'000'000;
  }
  return end;
}

bool is_over(const timespec& end) {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec != end.tv_sec ? now.tv_sec > end.tv_sec : now.tv_nsec >= end.tv_nsec;
}

}  // namespace

void Once::set() {
  if (word_.exchange(kSet, std::memory_order_acq_rel) == kWaitedFor) {
    syscall(SYS_futex, &word_, FUTEX_WAKE_PRIVATE, INT_MAX, nullptr, nullptr, 0);
  }
}

bool Once::wait_for(uint64_t timeout_ms) const {
  if (is_set()) return true;
  if (timeout_ms == 0) return false;
  const bool forever = timeout_ms >= kLongestWaitMs;
  const timespec end = forever ? timespec{} : end_of(timeout_ms);
  for (;;) {
    uint32_t seen = kUnset;
    if (!word_.compare_exchange_strong(seen, kWaitedFor, std::memory_order_acq_rel) && seen == kSet) return true;
    if (!forever && is_over(end)) return is_set();
    // It returns also when the word has changed meanwhile, for a signal, and for no reason.
    syscall(SYS_futex, &word_, FUTEX_WAIT_BITSET_PRIVATE, kWaitedFor, forever ? nullptr : &end, nullptr,
            FUTEX_BITSET_MATCH_ANY);
  }
}

}  // namespace onehop::client
