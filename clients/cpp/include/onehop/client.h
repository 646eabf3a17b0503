// A client with a thread of its own, for programs that have no event loop.
//
//   onehop::client::Client client("tcp://127.0.0.1:7411", {.name = "alice"}, {.on_message = print});
//   auto sent = client.send("bob", "hello");
//   if (sent.get().outcome != onehop::client::Outcome::kDelivered) …
//
// Every call may be made by any thread. Handlers and completions are called on the client's own thread, one at a time;
// they may call everything but close(), detach(), the destructor and the waiting functions.
#pragma once

#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <string_view>

#include "onehop/client_types.h"
#include "onehop/export.h"

namespace onehop::client {

// A client with a thread of its own.
class ONEHOP_EXPORT Client {
 public:
  // Each of them may be empty.
  struct Handlers {
    std::function<void(const Message&)> on_message = {};
    // The session is open. Called for each new connection: `session.resumed` says whether it is the session from
    // before.
    std::function<void(const SessionInfo&)> on_open = {};
    // The connection ended, or could not be made. The client tries again after `retry_in_ms` milliseconds.
    std::function<void(const Ending&, uint64_t retry_in_ms)> on_down = {};
    // The client has ended, and every message has its outcome.
    std::function<void(const Ending&)> on_ended = {};
  };

  // How many bytes of messages, payloads included, may be accepted and without an outcome before send() blocks: for one
  // destination, and for all together.
  struct Limits {
    uint64_t destination_bytes_max = 4 << 20;
    uint64_t total_bytes_max = 64 << 20;
  };

  // `server`: "tcp://host:port", "tcp://[address]:port" or "unix:///path". Throws std::invalid_argument with one line
  // for people if the address, or the name in `options`, cannot be right. Returns at once; the client's thread
  // connects.
  Client(std::string_view server, ClientOptions options, Handlers handlers, Limits limits);
  Client(std::string_view server, ClientOptions options, Handlers handlers);
  // Calls close() with five seconds, unless the client was closed before.
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Waits until the session is open. False: the time (milliseconds) is up, or the client has ended.
  bool wait_until_open(uint32_t timeout_ms);

  // Sends `payload` to the client named `to`; messages of one thread to one destination stay in order. Blocks while a
  // limit is reached, except on the client's own thread: there it is not accepted (SendStatus::kWouldBlock).
  std::future<SendResult> send(std::string_view to, std::string_view payload, const SendOptions& options = {});
  // The same with a completion instead of a future: called once, on the client's thread, or from within the call if the
  // message is not accepted.
  void send(std::string_view to, std::string_view payload, const SendOptions& options,
            std::function<void(const SendResult&)> completion);

  // Any thread. As those of ClientEngine: with AckMode::kManual a program acknowledges when it is done, in any order.
  void acknowledge(DeliveryTag tag);
  void acknowledge_up_to(DeliveryTag tag);
  void refuse(DeliveryTag tag, const Refusal& refusal);

  // Accepts no more messages, waits until each has its outcome, says goodbye and ends. If that takes longer than
  // `deadline_ms`, it ends all the same: messages that were sent are then kUnknown, the others kNotSent. Returns why
  // the client ended. A second call returns the same.
  Ending close(uint64_t deadline_ms);
  // Ends as ClientEngine::detach() does, and returns the session, so that another process can go on with it; nothing if
  // no session was ever open. After close() the session has ended and cannot be resumed.
  std::optional<SavedSession> detach(uint64_t deadline_ms);

 private:
  class ONEHOP_HIDDEN Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace onehop::client
