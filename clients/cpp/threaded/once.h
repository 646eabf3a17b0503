// Something that happens once, and that any number of threads may wait for. It takes one word, and makes no system call
// unless somebody waits. Whoever sets it may destroy it afterwards only if nobody can be waiting.
#pragma once

#include <atomic>
#include <cstdint>

namespace onehop::client {

// A time limit, in milliseconds, that stands for none. A time over kLongestWaitMs, a hundred years, counts as none too:
// so no sum of times gets near to where the numbers of clocks end.
inline constexpr uint64_t kNoTimeLimit = UINT64_MAX;
inline constexpr uint64_t kLongestWaitMs = uint64_t{1'000} * 60 * 60 * 24 * 365 * 100;

class Once {
 public:
  // What was written before is seen by whoever finds it set.
  void set();
  bool is_set() const { return word_.load(std::memory_order_acquire) == kSet; }
  // False: the time is up.
  bool wait_for(uint64_t timeout_ms) const;

 private:
  static constexpr uint32_t kUnset = 0;
  static constexpr uint32_t kWaitedFor = 1;
  static constexpr uint32_t kSet = 2;

  mutable std::atomic<uint32_t> word_{kUnset};
};

}  // namespace onehop::client
