// The owner's events as the engine calls them: nothing that they throw gets any further. libuv is written in C, and the
// engine's own invariants hold at each event only because it returns.
#pragma once

#include <exception>
#include <functional>
#include <string_view>

#include "onehop/client_events.h"

namespace onehop::client {

class ContainedEvents {
 public:
  explicit ContainedEvents(ClientEvents& events) : events_(events) {}

  // False: it threw.
  bool on_message(const Message& message) {
    return contain([&] { events_.on_message(message); });
  }
  bool on_reply(uint64_t ticket, const Message& reply) {
    return contain([&] { events_.on_reply(ticket, reply); });
  }
  void on_no_reply(uint64_t ticket) {
    contain([&] { events_.on_no_reply(ticket); });
  }
  void on_outcome(std::string_view to, const SendResult& result) {
    contain([&] { events_.on_outcome(to, result); });
  }
  void on_ended(const Ending& ending) {
    contain([&] { events_.on_ended(ending); });
  }
  void on_open(const SessionInfo& session) {
    contain([&] { events_.on_open(session); });
  }
  void on_down(const Ending& ending, uint64_t retry_in_ms) {
    contain([&] { events_.on_down(ending, retry_in_ms); });
  }
  void on_room() {
    contain([&] { events_.on_room(); });
  }
  void on_pong(uint64_t nonce) {
    contain([&] { events_.on_pong(nonce); });
  }
  void on_renewed(Reason reason, uint32_t expires_in_ms) {
    contain([&] { events_.on_renewed(reason, expires_in_ms); });
  }
  void on_subscribed(std::string_view filter, Reason reason) {
    contain([&] { events_.on_subscribed(filter, reason); });
  }
  void on_unsubscribed(std::string_view filter) {
    contain([&] { events_.on_unsubscribed(filter); });
  }
  void on_serving(std::string_view service, Reason reason) {
    contain([&] { events_.on_serving(service, reason); });
  }
  void on_unserved(std::string_view service) {
    contain([&] { events_.on_unserved(service); });
  }
  void call(const std::function<void()>& callback) {
    contain([&] { callback(); });
  }

  // How many have thrown.
  uint64_t exceptions() const { return exceptions_; }

 private:
  template <typename Call>
  bool contain(Call call) {
    try {
      call();
      return true;
    } catch (...) {
      report(std::current_exception());
      return false;
    }
  }
  void report(const std::exception_ptr& exception) {
    ++exceptions_;
    try {
      events_.on_exception(exception);
    } catch (...) {
      ++exceptions_;
    }
  }

  ClientEvents& events_;
  uint64_t exceptions_ = 0;
};

}  // namespace onehop::client
