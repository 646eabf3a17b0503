// A few threads for checks that would stop a shard for too long: argon2id, signatures. Quick checks go before slow
// ones, but for one in eight, so that neither kind waits for ever. Each kind has a bound of its own. So a flood of
// wrong passwords delays a token only by checks that have begun. A check that has waited for longer than anybody waits
// for its answer is not begun. ANY THREAD, but for the destructor.
#pragma once

#include <array>
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
  // kQuick: well below a millisecond.
  enum class Kind : uint8_t { kQuick, kSlow };
  // Runs on a thread of the pool. If `late`, it has waited for too long: it only has to answer that.
  using Check = std::function<void(bool late)>;

  // At most `waiting_max` checks of each kind wait. `now_ms` tells the time; empty: a clock of the system's.
  CheckPool(unsigned threads, size_t waiting_max, uint64_t late_ms, std::function<uint64_t()> now_ms = {});
  CheckPool(const CheckPool&) = delete;
  CheckPool& operator=(const CheckPool&) = delete;
  // Waits for checks that have begun; the others are dropped.
  ~CheckPool();

  // False: too many of this kind wait, and the check is gone.
  bool submit(Kind kind, Check check);

 private:
  struct Waiting {
    Check check;
    uint64_t since_ms;
  };

  void run();
  // The queue of the next check; null: none waits.
  std::deque<Waiting>* next_queue();

  const size_t waiting_max_;
  const uint64_t late_ms_;
  const std::function<uint64_t()> now_ms_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::array<std::deque<Waiting>, 2> waiting_;  // By kind.
  uint64_t begun_ = 0;                          // Checks.
  bool ending_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace onehop::identity
