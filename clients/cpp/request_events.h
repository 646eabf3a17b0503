// The events of a client on the caller's loop: those of its requests go to whoever asked, all others to the program.
#pragma once

#include <map>
#include <utility>

#include "client/requests.h"
#include "onehop/client_events.h"

namespace onehop::client {

class RequestEvents final : public ClientEvents {
 public:
  explicit RequestEvents(ClientEvents& program) : program_(program) {}

  // The message with this ticket, which is accepted, is a request.
  void add(uint64_t ticket, RequestCompletion&& done) { open_.try_emplace(ticket, std::move(done)); }

  void on_outcome(std::string_view to, const SendResult& result) override {
    const auto asked = open_.extract(result.ticket);
    if (asked.empty()) return program_.on_outcome(to, result);
    requests_.on_outcome(result, std::move(asked.mapped()));
  }
  void on_reply(uint64_t ticket, const Message& reply) override {
    const bool is_ours = open_.contains(ticket) || requests_.waits_for(ticket);
    return is_ours ? requests_.on_reply(ticket, reply) : program_.on_reply(ticket, reply);
  }
  void on_no_reply(uint64_t ticket) override {
    return requests_.waits_for(ticket) ? requests_.on_no_reply(ticket) : program_.on_no_reply(ticket);
  }
  void on_message(const Message& message) override { program_.on_message(message); }
  void on_ended(const Ending& ending) override { program_.on_ended(ending); }
  void on_open(const SessionInfo& session) override { program_.on_open(session); }
  void on_down(const Ending& ending, uint64_t retry_in_ms) override { program_.on_down(ending, retry_in_ms); }
  void on_room() override { program_.on_room(); }
  void on_pong(uint64_t nonce) override { program_.on_pong(nonce); }
  void on_renewed(Reason reason, uint32_t expires_in_ms) override { program_.on_renewed(reason, expires_in_ms); }
  void on_subscribed(std::string_view filter, Reason reason) override { program_.on_subscribed(filter, reason); }
  void on_unsubscribed(std::string_view filter) override { program_.on_unsubscribed(filter); }
  void on_serving(std::string_view service, Reason reason) override { program_.on_serving(service, reason); }
  void on_unserved(std::string_view service) override { program_.on_unserved(service); }
  void on_exception(const std::exception_ptr& exception) override { program_.on_exception(exception); }

 private:
  ClientEvents& program_;
  // By ticket: those without an outcome.
  std::map<uint64_t, RequestCompletion> open_;
  Requests requests_;
};

}  // namespace onehop::client
