// CheckPool: see the header.
#include "identity/check_pool.h"

#include <signal.h>

#include <chrono>
#include <utility>

namespace onehop::identity {
namespace {

// One check in this many is a slow one, as long as slow ones wait.
constexpr uint64_t kSlowTurn = 8;

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
  decltype(waiting_) dropped;
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
    dropped.swap(waiting_);
  }
  changed_.notify_all();
  dropped = {};  // Who waits for these is told at once.
  for (std::thread& thread : threads_) thread.join();
}

bool CheckPool::submit(Kind kind, Check check) {
  {
    const std::lock_guard lock(mutex_);
    auto& queue = waiting_.at(static_cast<size_t>(kind));
    if (queue.size() >= waiting_max_) return false;
    queue.push_back({std::move(check), now_ms_()});
  }
  changed_.notify_one();
  return true;
}

std::deque<CheckPool::Waiting>* CheckPool::next_queue() {
  auto& [quick, slow] = waiting_;
  const bool slow_has_turn = begun_ % kSlowTurn == kSlowTurn - 1;
  if (!slow.empty() && (quick.empty() || slow_has_turn)) return &slow;
  return quick.empty() ? nullptr : &quick;
}

void CheckPool::run() {
  for (;;) {
    Waiting next;
    {
      std::unique_lock lock(mutex_);
      std::deque<Waiting>* queue = nullptr;
      changed_.wait(lock, [&] { return ending_ || (queue = next_queue()) != nullptr; });
      if (ending_) return;
      next = std::move(queue->front());
      queue->pop_front();
      ++begun_;
    }
    next.check(now_ms_() - next.since_ms > late_ms_);
  }
}

}  // namespace onehop::identity
