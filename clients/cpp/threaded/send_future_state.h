// What a SendFuture and the completion of its message share.
#pragma once

#include <atomic>
#include <thread>
#include <utility>

#include "client/threaded/once.h"
#include "onehop/send_future.h"
#include "reactor/fork_guard.h"

namespace onehop::client {

class SendFuture::State {
 public:
  // `thread` brings the result; in a copy of the process nobody does.
  explicit State(std::thread::id thread) : thread_(thread) {}

  void hold() { references_.fetch_add(1, std::memory_order_relaxed); }
  void release() {
    if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
  }

  void set(const SendResult& result) {
    result_ = result;
    ready_.set();
  }
  bool is_ready() const { return ready_.is_set(); }
  WaitStatus wait_for(uint64_t timeout_ms) const;
  const SendResult& result() const { return result_; }

 private:
  const std::thread::id thread_;
  const reactor::ForkGuard fork_guard_;
  std::atomic<uint32_t> references_{1};
  Once ready_;
  SendResult result_;
};

// The completion's reference to it.
class SendPromise {
 public:
  explicit SendPromise(SendFuture::State& state) : state_(&state) { state.hold(); }
  SendPromise(SendPromise&& other) noexcept : state_(std::exchange(other.state_, nullptr)) {}
  SendPromise& operator=(SendPromise&&) = delete;
  ~SendPromise() {
    if (state_ != nullptr) state_->release();
  }
  void operator()(const SendResult& result) { state_->set(result); }

 private:
  SendFuture::State* state_;
};

}  // namespace onehop::client
