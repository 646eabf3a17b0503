// What became of a message, for a thread that waits for it.
//
// A SendFuture is a reference: copies are about the same message, and it may outlive its client. Every method may be
// called by any thread, also by several at once.
#pragma once

#include <cstdint>

#include "onehop/client_types.h"
#include "onehop/export.h"

namespace onehop::client {

// The outcome of one message, as soon as it is there.
class ONEHOP_EXPORT SendFuture {
 public:
  // Of no message: get() answers kInvalid at once.
  SendFuture() = default;
  SendFuture(const SendFuture& other);
  SendFuture(SendFuture&& other) noexcept;
  SendFuture& operator=(SendFuture other) noexcept;
  ~SendFuture();

  // Whether get() has its answer.
  bool ready() const;
  // Waits for the answer for at most `timeout_ms` milliseconds. kDone: it is there. kWouldDeadlock: it is not, and this
  // is the client's own thread, which brings it. kForked: it is not, and will not come in this process.
  WaitStatus wait_for(uint64_t timeout_ms) const;
  // Waits for the answer, which comes as soon as the message has its outcome, the client's end at the latest. May be
  // called again. Where waiting is refused, the result's status is kWouldDeadlock or kForked, and nothing else in it
  // has a meaning.
  SendResult get() const;

  // For the library itself.
  class ONEHOP_HIDDEN State;
  explicit SendFuture(State* state) : state_(state) {}

 private:
  State* state_ = nullptr;
};

}  // namespace onehop::client
