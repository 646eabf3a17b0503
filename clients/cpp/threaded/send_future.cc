// See the headers.
#include "onehop/send_future.h"

#include <utility>

#include "client/threaded/send_future_state.h"

namespace onehop::client {

WaitStatus SendFuture::State::wait_for(uint64_t timeout_ms) const {
  if (is_ready()) return WaitStatus::kDone;
  if (fork_guard_.is_copy()) return WaitStatus::kForked;
  if (thread_ == std::this_thread::get_id()) return WaitStatus::kWouldDeadlock;
  return ready_.wait_for(timeout_ms) ? WaitStatus::kDone : WaitStatus::kTimeUp;
}

SendFuture::SendFuture(const SendFuture& other) : state_(other.state_) {
  if (state_ != nullptr) state_->hold();
}

SendFuture::SendFuture(SendFuture&& other) noexcept : state_(std::exchange(other.state_, nullptr)) {}

SendFuture& SendFuture::operator=(SendFuture other) noexcept {
  std::swap(state_, other.state_);
  return *this;
}

SendFuture::~SendFuture() {
  if (state_ != nullptr) state_->release();
}

bool SendFuture::ready() const {
  return state_ == nullptr || state_->is_ready();
}

WaitStatus SendFuture::wait_for(uint64_t timeout_ms) const {
  return state_ == nullptr ? WaitStatus::kDone : state_->wait_for(timeout_ms);
}

SendResult SendFuture::get() const {
  if (state_ == nullptr) return {.status = SendStatus::kInvalid};
  switch (state_->wait_for(kNoTimeLimit)) {
    case WaitStatus::kWouldDeadlock:
      return {.status = SendStatus::kWouldDeadlock};
    case WaitStatus::kForked:
      return {.status = SendStatus::kForked};
    default:
      return state_->result();
  }
}

}  // namespace onehop::client
