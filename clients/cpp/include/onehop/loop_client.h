// A client on the caller's libuv loop.
//
// Every call, and every event, is on the loop's thread. Events, and what flush() calls, may call everything but the
// destructor of the client that they come from. They may make other clients of the loop, and destroy other clients:
// these are not heard of again, whatever they were about to do. What many send() calls of one turn of the loop bring
// about is written with one system call, before the loop sleeps.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "onehop/client_events.h"
#include "onehop/client_types.h"

struct uv_loop_s;

namespace onehop::client {

// The library's part of the caller's loop: one for each loop, shared by all its clients.
class ClientLoop {
 public:
  // To be constructed by the thread that runs `loop`. It is destroyed by that thread after its clients, and before the
  // loop is closed: the loop must run once more in between (uv_run returns when nothing else is left on it).
  explicit ClientLoop(uv_loop_s* loop);
  ~ClientLoop();
  ClientLoop(const ClientLoop&) = delete;
  ClientLoop& operator=(const ClientLoop&) = delete;

  class Impl;
  // For the library itself.
  Impl& impl() { return *impl_; }

 private:
  std::unique_ptr<Impl> impl_;
};

class LoopClient {
 public:
  // `server`: "tcp://host:port", "tcp://[address]:port" or "unix:///path". Throws std::invalid_argument with one line
  // for people if that, or the name in `options`, cannot be right. Begins to connect at once. While it has not ended,
  // it keeps uv_run() from returning.
  LoopClient(ClientLoop& loop, std::string_view server, ClientOptions options, ClientEvents& events);
  // Ends at once, without events: the outcome of open messages will not be told. close() first to know. Not from an
  // event of this client's own.
  ~LoopClient();
  LoopClient(const LoopClient&) = delete;
  LoopClient& operator=(const LoopClient&) = delete;

  // As ClientEngine::send().
  SendStatus send(std::string_view to, std::string_view payload, const SendOptions& options = {},
                  uint64_t* ticket = nullptr);
  SendStatus send_encoded(std::string body, uint32_t unknown_patience_ms = kUnknownPatienceMs,
                          uint64_t* ticket = nullptr);
  // As those of ClientEngine.
  void acknowledge(DeliveryTag tag);
  void acknowledge_up_to(DeliveryTag tag);
  void refuse(DeliveryTag tag, const Refusal& refusal);
  std::optional<SavedSession> saved_session() const;
  // Messages accepted and without an outcome so far.
  uint64_t unsettled() const;
  SendCounts counts() const;
  // Calls `done`, once, when everything accepted so far has its outcome; at once if that is so already.
  void flush(std::function<void()> done);
  // Asks for an on_pong(), if the session is open; returns its nonce, or 0.
  uint64_t ping();

  // While not reading, the broker queues for this client, then pauses and refuses its senders. At most what one read
  // brought (64 KiB) and one frame still arrive as on_message(). A new connection is read.
  void set_reading(bool reading);

  // Accepts no more messages; when each has its outcome, says goodbye and ends with on_ended(). After `deadline_ms`
  // (0: none) it ends as it is: then what was sent is kUnknown, what was not is kNotSent.
  void close(uint64_t deadline_ms);
  // As ClientEngine::detach(), with the same deadline.
  void detach(uint64_t deadline_ms);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace onehop::client
