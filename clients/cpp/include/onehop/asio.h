// Sending with Asio (the library without Boost): each completion token that it knows says how the outcome comes.
//
//   async_send(client, "bob", "hello", {}, asio::bind_executor(executor, [](SendResult result) { … }));
//   std::future<SendResult> sent = async_send(client, "bob", "hello", {}, asio::use_future);
//   const SendResult result = co_await async_send(client, "bob", "hello", {}, asio::use_awaitable);
//
// The program that includes this has Asio; the library does not need it.
#pragma once

#include <asio.hpp>
#include <memory>
#include <string_view>
#include <utility>

#include "onehop/client.h"
#include "onehop/owned_message.h"

namespace onehop::client {

// What is kept of a call until a token wants it to begin.
template <typename AnyClient>
class AsioSend {
 public:
  // For async_send().
  AsioSend(AnyClient& client, std::string_view to, std::string_view payload, const SendOptions& options)
      : client_(&client), options_(options), kept_(as_message(to, payload, options)) {}

  template <typename Handler>
  void operator()(Handler handler) {
    options_.headers = kept_->headers;
    // While the message is under way, the handler's executor has something to do.
    auto work = asio::make_work_guard(handler);
    auto shared = std::make_shared<Pending<Handler, decltype(work)>>(std::move(handler), std::move(work));
    const SendStatus status =
        client_->try_send(kept_->from, kept_->payload, options_, [shared](const SendResult& result) {
          shared->finish(result, [](const auto& executor, auto call) { asio::dispatch(executor, std::move(call)); });
        });
    if (status == SendStatus::kAccepted) return;
    // Never from within this call, as Asio wants it.
    shared->finish({.outcome = Outcome::kNotSent, .status = status},
                   [](const auto& executor, auto call) { asio::post(executor, std::move(call)); });
  }

 private:
  // A message has place for all that is to be kept.
  static Message as_message(std::string_view to, std::string_view payload, const SendOptions& options) {
    Message message;
    message.from = to;
    message.payload = payload;
    message.headers = options.headers;
    return message;
  }

  template <typename Handler, typename Work>
  struct Pending {
    Pending(Handler given_handler, Work given_work) : handler(std::move(given_handler)), work(std::move(given_work)) {}
    template <typename Run>
    void finish(const SendResult& result, Run run) {
      const auto executor = work.get_executor();
      run(executor, [handler = std::move(handler), result]() mutable { std::move(handler)(std::move(result)); });
      work.reset();
    }
    Handler handler;
    Work work;
  };

  AnyClient* client_;
  SendOptions options_;
  OwnedMessage kept_;
};

// Sends `payload` to the client named `to`; the handler gets a SendResult when the message has its outcome. It runs
// where its associated executor says, without one on the client's own thread. Never blocks: where a limit is reached,
// or the message is not accepted for another reason, the result's status says why. It cannot be cancelled, as what is
// sent cannot be called back. The client must live until then.
template <typename AnyClient, typename Token>
auto async_send(AnyClient& client, std::string_view to, std::string_view payload, const SendOptions& options,
                Token&& token) {
  return asio::async_initiate<Token, void(SendResult)>(AsioSend<AnyClient>(client, to, payload, options), token);
}

}  // namespace onehop::client
