// CheckPool: see the header.
#include "identity/check_pool.h"

#include <signal.h>

#include <chrono>
#include <utility>

namespace onehop::identity {
namespace {

uint64_t steady_ms() {
  using std::chrono::milliseconds;
  return static_cast<uint64_t>(std::chrono::steady_clock::now().time_since_epoch() / milliseconds(1));
}

// The threads of a library take no signal that its program waits for.
class NoSignals {
 public:
  NoSignals() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  NoSignals(const NoSignals&) = delete;
  NoSignals& operator=(const NoSignals&) = delete;
  ~NoSignals() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_;
};

}  // namespace

CheckPool::CheckPool(unsigned threads, size_t waiting_max, uint64_t late_ms, std::function<uint64_t()> now_ms)
    : waiting_max_(waiting_max), late_ms_(late_ms), now_ms_(now_ms ? std::move(now_ms) : steady_ms) {
  const NoSignals during;
  for (unsigned i = 0; i < threads; ++i) threads_.emplace_back([this] { run(); });
}

CheckPool::~CheckPool() {
  std::deque<Waiting> dropped;
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
    dropped.swap(waiting_);
  }
  changed_.notify_all();
  dropped.clear();  // Who waits for these is told at once.
  for (std::thread& thread : threads_) thread.join();
}

bool CheckPool::submit(Check check) {
  {
    const std::lock_guard lock(mutex_);
    if (waiting_.size() >= waiting_max_) return false;
    waiting_.push_back({std::move(check), now_ms_()});
  }
  changed_.notify_one();
  return true;
}

void CheckPool::run() {
  for (;;) {
    Waiting next;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return ending_ || !waiting_.empty(); });
      if (ending_) return;
      next = std::move(waiting_.front());
      waiting_.pop_front();
    }
    next.check(now_ms_() - next.since_ms > late_ms_);
  }
}

}  // namespace onehop::identity
