// A client on the caller's libuv loop.
//
// Every call, and every event, is on the loop's thread. Events, and the callback of flush(), may call everything but
// the destructor of the client that they come from. They may make other clients of the loop, and destroy other clients;
// a client that was destroyed has no more events. An event may throw: see client_events.h. The messages of many send()
// calls in one turn of the loop are written with one system call, before the loop sleeps.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "onehop/client_events.h"
#include "onehop/client_types.h"
#include "onehop/export.h"
#include "onehop/request.h"
#include "onehop/topics.h"

struct uv_loop_s;

namespace onehop::client {

class RequestEvents;

// The library's part of the caller's loop: one for each loop, shared by all its clients.
class ONEHOP_EXPORT ClientLoop {
 public:
  // Constructed by the thread that runs `loop`. That thread destroys it after its clients, and before it closes the
  // loop. In between the loop must run once more (uv_run returns when nothing else is left on it).
  explicit ClientLoop(uv_loop_s* loop);
  ~ClientLoop();
  ClientLoop(const ClientLoop&) = delete;
  ClientLoop& operator=(const ClientLoop&) = delete;

  class ONEHOP_HIDDEN Impl;
  // For the library itself.
  Impl& impl() { return *impl_; }

 private:
  std::unique_ptr<Impl> impl_;
};

// A client on the caller's loop.
class ONEHOP_EXPORT LoopClient {
 public:
  // `server`: "tcp://host:port", "tcp://[address]:port" or "unix:///path". Begins to connect at once. Until the client
  // has ended, uv_run() does not return. If the address, or the name in `options`, cannot be right, returns nothing and
  // says why in `error`: one line for people.
  static std::unique_ptr<LoopClient> start(ClientLoop& loop, std::string_view server, ClientOptions options,
                                           ClientEvents& events, std::string& error);
  // Ends at once, without events, so the outcomes of open messages are not reported; call close() first to learn them.
  // An event of this client may not destroy it.
  ~LoopClient();
  LoopClient(const LoopClient&) = delete;
  LoopClient& operator=(const LoopClient&) = delete;

  // As ClientEngine::send().
  SendStatus send(std::string_view to, std::string_view payload, const SendOptions& options = {},
                  uint64_t* ticket = nullptr);
  SendStatus send_encoded(std::string_view body, uint32_t unknown_patience_ms = kUnknownPatienceMs,
                          uint64_t* ticket = nullptr);
  // As those of ClientEngine.
  void acknowledge(DeliveryTag tag);
  void acknowledge_up_to(DeliveryTag tag);
  void refuse(DeliveryTag tag, const Refusal& refusal);
  std::optional<SavedSession> saved_session() const;
  // The number of messages that are accepted and have no outcome yet.
  uint64_t unsettled() const;
  SendCounts counts() const;
  // Calls `done` once, when every message accepted so far has its outcome; at once if all have it already.
  void flush(std::function<void()> done);
  // Asks for an on_pong(), if the session is open; returns its nonce, or 0.
  uint64_t ping();
  // As ClientEngine::renew().
  SendStatus renew(std::string_view token);
  // As those of ClientEngine.
  SendStatus subscribe(std::string_view filter, const SubscribeOptions& options = {});
  SendStatus unsubscribe(std::string_view filter);
  SendStatus serve(std::string_view service);
  SendStatus unserve(std::string_view service);

  // Sends a request to a client, or to a service, as `options.destination` says; that it is confirmed and wants a reply
  // goes without saying. If the answer is kAccepted, `done` is called once, as an event: when the request has its
  // outcome and, if that is kReplied, the reply has come or cannot come any more. These are told to nobody else.
  SendStatus request(std::string_view to, std::string_view payload, SendOptions options, RequestCompletion done);

  // While the client does not read, the broker queues messages for it, then pauses its senders and refuses their
  // messages. What one read brought (64 KiB) and one frame may still arrive as on_message(). A new connection is read
  // again.
  void set_reading(bool reading);

  // Accepts no more messages. When each has its outcome, the client says goodbye and ends with on_ended(). If that
  // takes longer than `deadline_ms` (0: no deadline), it ends all the same: messages that were sent are then kUnknown,
  // the others kNotSent.
  void close(uint64_t deadline_ms);
  // As ClientEngine::detach(), with the same deadline.
  void detach(uint64_t deadline_ms);

  // For the library itself.
  class ONEHOP_HIDDEN Impl;

 private:
  LoopClient(std::unique_ptr<RequestEvents> events, std::unique_ptr<Impl> impl);

  std::unique_ptr<RequestEvents> events_;  // Outlives impl_, which tells it.
  std::unique_ptr<Impl> impl_;
};

}  // namespace onehop::client
