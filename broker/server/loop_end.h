// The end of a broker on a loop of the program's: who waits for it, and who wants to be told. Nobody is told from
// within the broker's own code, so that a program may destroy its broker when it is told.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "onehop/broker.h"
#include "reactor/loop.h"
#include "reactor/timer.h"

namespace onehop::server {

class LoopEnd {
 public:
  using OnStopped = std::function<void(Broker::Stopped)>;

  // On the loop's thread, as the destructor.
  explicit LoopEnd(reactor::Loop& loop) : loop_(loop), tell_(loop, [this] { tell(); }) { keep_alive(); }

  // On the loop's thread. `on_stopped` is called once, when the end is reached, or soon if it has been.
  void tell_later(OnStopped on_stopped) {
    waiting_.push_back(std::move(on_stopped));
    if (stopped()) tell_.arm_at(loop_.now_ms());
  }
  // ANY THREAD, but the loop's.
  Broker::Stopped wait() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return stopped_.has_value(); });
    return *stopped_;
  }
  // ANY THREAD. Nothing: not yet.
  std::optional<Broker::Stopped> stopped() const {
    const std::lock_guard lock(mutex_);
    return stopped_;
  }
  // On the loop's thread.
  void reach(Broker::Stopped stopped) {
    {
      const std::lock_guard lock(mutex_);
      stopped_ = stopped;
      changed_.notify_all();
    }
    tell_.arm_at(loop_.now_ms());
  }

 private:
  // A broker that has been drained has nothing else on the loop, and must be there when it is stopped.
  void keep_alive() {
    constexpr uint64_t kYearMs = uint64_t{365} * 24 * 3'600'000;
    tell_.arm_at(loop_.now_ms() + kYearMs);
  }
  // Whoever is told may destroy this.
  void tell() {
    if (!stopped()) return keep_alive();
    const Broker::Stopped how = *stopped();
    const std::vector<OnStopped> told = std::exchange(waiting_, {});
    for (const OnStopped& on_stopped : told) on_stopped(how);
  }

  reactor::Loop& loop_;
  mutable std::mutex mutex_;  // Of the result.
  std::condition_variable changed_;
  std::optional<Broker::Stopped> stopped_;
  std::vector<OnStopped> waiting_;  // The loop's thread only.
  reactor::Timer tell_;
};

}  // namespace onehop::server
