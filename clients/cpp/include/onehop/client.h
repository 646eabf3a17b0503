// A client with a thread behind it, for programs that have no event loop.
//
//   std::string error;
//   const auto client = onehop::client::Client::start("tcp://127.0.0.1:7411", {.name = "alice"}, {.on_message = print},
//                                                     error);
//   if (client == nullptr) …
//   if (client->send("bob", "hello").get().outcome != onehop::client::Outcome::kDelivered) …
//
// THREADS. Every call may be made by any thread. Handlers and completions are called on the client's own thread, one at
// a time. They may call everything, but what waits is refused there at once, because the thread would wait for itself:
//   - close() and detach() answer Ending::Cause::kWouldDeadlock;
//   - wait_until_open() and flush() answer WaitStatus::kWouldDeadlock;
//   - get() of a SendFuture that is not ready answers SendStatus::kWouldDeadlock;
//   - send() and send_within() do not wait for room, and answer SendStatus::kWouldBlock.
// The destructor there cannot wait either. The client then ends as soon as the handler returns: no handler is called
// any more, and what has no outcome is kUnknown or kNotSent.
//
// EXCEPTIONS. What a handler or a completion throws is caught, counted (SendCounts::exceptions) and told to
// on_exception; the client goes on. If on_message throws and AckMode::kAuto is set, the delivery is refused with
// kHandlerFailedText, so that its sender learns of it.
//
// FORK. The client belongs to the process that started it. In a copy that fork() makes every call is refused at once
// with kForked (where it returns a status), and the destructor does nothing: nothing hangs, and the parent is not
// disturbed.
#pragma once

#include <cstdint>
#include <exception>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "onehop/client_types.h"
#include "onehop/export.h"
#include "onehop/io_thread.h"
#include "onehop/request.h"
#include "onehop/send_completion.h"
#include "onehop/send_future.h"
#include "onehop/topics.h"

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
    // A call answered kWouldBlock since the last on_room, and trying again makes sense now.
    std::function<void()> on_room = {};
    // The answer to renewed credentials: see ClientEvents::on_renewed().
    std::function<void(Reason reason, uint32_t expires_in_ms)> on_renewed = {};
    // The answers to subscribe() and unsubscribe(): see ClientEvents::on_subscribed() and on_unsubscribed().
    std::function<void(std::string_view filter, Reason reason)> on_subscribed = {};
    std::function<void(std::string_view filter)> on_unsubscribed = {};
    // The answers to serve() and unserve(): see ClientEvents::on_serving() and on_unserved().
    std::function<void(std::string_view service, Reason reason)> on_serving = {};
    std::function<void(std::string_view service)> on_unserved = {};
    // A handler or a completion threw this. Called on the thread where it was thrown: the client's, or that of a call
    // which called the completion itself, because the message was not accepted or the client had ended.
    std::function<void(std::exception_ptr)> on_exception = {};
  };

  // How many bytes of messages, payloads included, may be accepted and without an outcome before there is no room for
  // more: for one destination, and for all together. A message is accepted as long as there is less than that, so that
  // one may exceed it. Each counts as about 100 bytes more than its payload.
  struct Limits {
    uint64_t destination_bytes_max = 4 << 20;
    uint64_t total_bytes_max = 64 << 20;
  };

  // `server`: "tcp://host:port", "tcp://[address]:port" or "unix:///path". Returns at once; the client's thread
  // connects. With `thread`, that is the thread it shares with others; otherwise it has one of its own. If the address,
  // or the name in `options`, cannot be right, or the system has no thread left, returns nothing and says why in
  // `error`: one line for people.
  static std::unique_ptr<Client> start(std::string_view server, ClientOptions options, Handlers handlers,
                                       std::string& error);
  static std::unique_ptr<Client> start(std::string_view server, ClientOptions options, Handlers handlers, Limits limits,
                                       std::string& error);
  static std::unique_ptr<Client> start(IoThread& thread, std::string_view server, ClientOptions options,
                                       Handlers handlers, Limits limits, std::string& error);
  // Calls close() with five seconds, unless the client was closed before.
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Whether the caller is the client's own thread, where what waits is refused.
  bool is_own_thread() const;

  // Waits for at most `timeout_ms` until the session is open: kDone.
  WaitStatus wait_until_open(uint64_t timeout_ms);

  // Sends `payload` to the client named `to`, or to the topic or the service, as `options.destination` says. Messages
  // of one thread to one destination stay in order. Blocks while a limit is reached.
  SendFuture send(std::string_view to, std::string_view payload, const SendOptions& options = {});
  // The same with a completion instead of a future: called once, on the client's thread, or from within the call if the
  // message is not accepted (SendResult::status).
  void send(std::string_view to, std::string_view payload, const SendOptions& options, SendCompletion completion);
  // Never blocks: kWouldBlock if a limit is reached, and on_room follows. The completion is called once if the answer
  // is kAccepted, on the client's thread, and otherwise never.
  SendStatus try_send(std::string_view to, std::string_view payload, const SendOptions& options = {},
                      SendCompletion completion = {});
  // As try_send(), but waits for room for at most `timeout_ms`.
  SendStatus send_within(uint64_t timeout_ms, std::string_view to, std::string_view payload,
                         const SendOptions& options = {}, SendCompletion completion = {});

  // Sends a request to a client, or to a service, as `options.destination` says; that it is confirmed and wants a reply
  // goes without saying. Blocks while a limit is reached, as send(). `done` is called once: on the client's thread,
  // when the request has its outcome and, if that is kReplied, the reply has come or cannot come any more; or from
  // within the call if it is not accepted (SendResult::status). The reply to a message that was sent by send(), with
  // SendOptions::wants_reply, goes to on_message.
  void request(std::string_view to, std::string_view payload, SendOptions options, RequestCompletion done);
  // The same with a future. Waiting for it on the client's own thread would wait for ever.
  std::future<RequestResult> request(std::string_view to, std::string_view payload, SendOptions options = {});

  // Waits for at most `timeout_ms` until everything that was accepted before has its outcome: kDone. What is accepted
  // meanwhile may be waited for as well.
  WaitStatus flush(uint64_t timeout_ms);
  // The same without waiting: calls `done` once, on the client's thread, or from within the call if the client has
  // ended. Returns false in a copy that fork() made, where `done` is never called.
  bool flush(std::function<void()> done);
  // The messages that were accepted and have no outcome yet.
  uint64_t unsettled() const;
  // What the client has met with so far, as of the last time that its thread had something to do.
  SendCounts counts() const;

  // As those of ClientEngine: with AckMode::kManual a program acknowledges when it is done, in any order.
  void acknowledge(DeliveryTag tag);
  void acknowledge_up_to(DeliveryTag tag);
  void refuse(DeliveryTag tag, const Refusal& refusal);

  // New credentials of the same principal: see ClientEngine::renew(). kAccepted: on_renewed tells the result, or they
  // are shown with the next connection. A client that is ending may accept them without another word.
  SendStatus renew(std::string_view token);

  // Subscribes to the topics that `filter` matches, or ends that: see ClientEngine::subscribe().
  // Handlers::on_subscribed or on_unsubscribed tells the answer. kAccepted; kInvalid: it is no filter; kClosed;
  // kForked. A client that is ending may accept them without another word.
  SendStatus subscribe(std::string_view filter, const SubscribeOptions& options = {});
  SendStatus unsubscribe(std::string_view filter);

  // Serves the service, or ends that: see ClientEngine::serve(). Handlers::on_serving or on_unserved tells the answer.
  // kAccepted; kInvalid: it is no name; kClosed; kForked.
  SendStatus serve(std::string_view service);
  SendStatus unserve(std::string_view service);

  // Accepts no more messages, waits until each has its outcome, says goodbye and ends. If that takes longer than
  // `deadline_ms` (0: no deadline), it ends all the same: messages that were sent are then kUnknown, the others
  // kNotSent. Returns why the client ended. A second call returns the same.
  Ending close(uint64_t deadline_ms);
  // Ends as ClientEngine::detach() does, and returns the session, so that another process can go on with it; nothing if
  // no session was ever open. After close() the session has ended and cannot be resumed. `ending`, where given, says
  // why the client ended, or that the call was refused.
  std::optional<SavedSession> detach(uint64_t deadline_ms, Ending* ending = nullptr);

 private:
  class ONEHOP_HIDDEN Impl;
  Client(std::shared_ptr<IoHandle> thread, std::unique_ptr<Impl> impl);

  // In this order: the thread outlives what runs on it.
  std::shared_ptr<IoHandle> thread_;
  std::unique_ptr<Impl> impl_;
};

}  // namespace onehop::client
