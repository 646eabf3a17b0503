// A few threads for checks that would hold up a shard: argon2id, signatures. At most `waiting_max` checks wait, and one
// that has waited for longer than anybody waits for its answer is not begun. ANY THREAD, but for the destructor.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace onehop::identity {

class CheckPool {
 public:
  // Runs on a thread of the pool; `late`: it has waited in vain, and is only told so.
  using Check = std::function<void(bool late)>;

  // `now_ms` tells the time; empty: a clock of the system's.
  CheckPool(unsigned threads, size_t waiting_max, uint64_t late_ms, std::function<uint64_t()> now_ms = {});
  CheckPool(const CheckPool&) = delete;
  CheckPool& operator=(const CheckPool&) = delete;
  // Waits for checks that have begun; the others are dropped.
  ~CheckPool();

  // False: the pool is full, and the check is gone.
  bool submit(Check check);

 private:
  struct Waiting {
    Check check;
    uint64_t since_ms;
  };

  void run();

  const size_t waiting_max_;
  const uint64_t late_ms_;
  const std::function<uint64_t()> now_ms_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Waiting> waiting_;
  bool ending_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace onehop::identity
