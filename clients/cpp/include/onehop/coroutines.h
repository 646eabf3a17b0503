// Sending from coroutines of C++20:
//
//   const onehop::client::SendResult result = co_await send(client, "bob", "hello");
//
// What the coroutine itself is (a task, a generator, a thing of some library) is the program's choice. It goes on on
// the client's own thread, where nothing may wait (see client.h); a coroutine that wants another thread goes there by
// itself. onehop/asio.h goes on wherever an executor says.
#pragma once

#include <coroutine>
#include <string_view>

#include "onehop/client.h"

namespace onehop::client {

// What send() returns. It refers to the arguments of send(), so await it in the same expression.
template <typename AnyClient>
class [[nodiscard]] SendAwaiter {
 public:
  // For send().
  SendAwaiter(AnyClient& client, std::string_view to, std::string_view payload, const SendOptions& options)
      : client_(client), to_(to), payload_(payload), options_(options) {}

  // For the compiler, as the two below.
  static bool await_ready() noexcept { return false; }
  bool await_suspend(std::coroutine_handle<> coroutine) {
    // Once it is accepted, the coroutine may go on on the client's thread, and this may be gone.
    const SendStatus status = client_.try_send(to_, payload_, options_, [this, coroutine](const SendResult& result) {
      result_ = result;
      coroutine.resume();
    });
    if (status == SendStatus::kAccepted) return true;
    result_ = {.outcome = Outcome::kNotSent, .status = status};
    return false;
  }
  SendResult await_resume() noexcept { return std::move(result_); }

 private:
  AnyClient& client_;
  const std::string_view to_;
  const std::string_view payload_;
  const SendOptions& options_;
  SendResult result_;
};

// Sends `payload` to the client named `to`; the coroutine goes on when the message has its outcome. It never blocks:
// where a limit is reached, or the message is not accepted for another reason, the coroutine goes on at once, and the
// status of the result says why. The client must live until then.
template <typename AnyClient>
SendAwaiter<AnyClient> send(AnyClient& client, std::string_view to, std::string_view payload,
                            const SendOptions& options = {}) {
  return {client, to, payload, options};
}

}  // namespace onehop::client
