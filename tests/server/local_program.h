// A program with a local client, as tests want it: it keeps what it is told, and waits for it.
#pragma once

#include <gtest/gtest.h>

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "onehop/broker.h"
#include "onehop/local_client.h"

namespace onehop::test {

// A name of this beginning that lives on this shard.
inline std::string name_on(Broker& broker, unsigned shard, const std::string& beginning) {
  for (int i = 0;; ++i) {
    std::string name = beginning + std::to_string(i);
    if (broker.home_of(name) == shard) return name;
  }
}

class LocalProgram final : public LocalClientEvents {
 public:
  struct Arrived {
    std::string from;
    std::string payload;
    client::DeliveryTag tag;
    uint64_t id;
  };

  LocalProgram(Broker& broker, LocalClientOptions options) {
    std::string error;
    client_ = broker.attach(options, *this, error);
    if (client_ == nullptr) throw std::runtime_error(error);
  }
  LocalProgram(Broker& broker, const std::string& name) : LocalProgram(broker, LocalClientOptions{.name = name}) {}

  LocalClient* operator->() { return client_.get(); }
  void destroy() { client_.reset(); }

  // Called on the shard's thread, before the event is kept. Set before anything can happen.
  std::function<void(const client::Message&)> message_hook;
  std::function<void(const client::SendResult&)> outcome_hook;
  std::function<void()> room_hook;

  client::SessionInfo wait_until_open() {
    wait([this] { return session_ != 0; });
    return {.session = session_};
  }
  std::vector<Arrived> wait_for_messages(size_t count) {
    wait([&] { return messages_.size() >= count; });
    const std::lock_guard lock(mutex_);
    return messages_;
  }
  std::vector<client::SendResult> wait_for_outcomes(size_t count) {
    wait([&] { return outcomes_.size() >= count; });
    const std::lock_guard lock(mutex_);
    return outcomes_;
  }
  client::SendResult wait_for_outcome_of(uint64_t ticket) {
    std::optional<client::SendResult> found;
    wait([&] {
      for (const client::SendResult& result : outcomes_) {
        if (result.ticket == ticket) found = result;
      }
      return found.has_value();
    });
    return *found;
  }
  client::Ending wait_until_ended() {
    wait([this] { return ending_.has_value(); });
    const std::lock_guard lock(mutex_);
    return *ending_;
  }
  void wait_for_room(size_t times) {
    wait([&] { return rooms_ >= times; });
  }
  size_t wait_for_exceptions(size_t count) {
    wait([&] { return exceptions_ >= count; });
    return exceptions_;
  }
  size_t messages() {
    const std::lock_guard lock(mutex_);
    return messages_.size();
  }
  size_t rooms() {
    const std::lock_guard lock(mutex_);
    return rooms_;
  }

  // Sends, and waits for room as often as it has to.
  uint64_t send(const std::string& to, const std::string& payload, const client::SendOptions& options = {}) {
    for (;;) {
      const size_t before = rooms();
      uint64_t ticket = 0;
      const client::SendStatus status = client_->send(to, payload, options, &ticket);
      if (status == client::SendStatus::kAccepted) return ticket;
      if (status != client::SendStatus::kWouldBlock) throw std::runtime_error(std::string(to_string(status)));
      wait_for_room(before + 1);
    }
  }

 private:
  void on_message(const client::Message& message) override {
    if (message_hook) message_hook(message);
    keep([&] {
      messages_.push_back({std::string(message.from), std::string(message.payload), message.tag, message.id});
    });
  }
  void on_outcome(const client::SendResult& result) override {
    if (outcome_hook) outcome_hook(result);
    keep([&] { outcomes_.push_back(result); });
  }
  void on_open(const client::SessionInfo& session) override {
    keep([&] { session_ = session.session; });
  }
  void on_room() override {
    if (room_hook) room_hook();
    keep([&] { ++rooms_; });
  }
  void on_ended(const client::Ending& ending) override {
    keep([&] { ending_ = ending; });
  }
  void on_exception(const std::exception_ptr&) noexcept override {
    keep([&] { ++exceptions_; });
  }

  template <typename Change>
  void keep(Change change) {
    const std::lock_guard lock(mutex_);
    change();
    changed_.notify_all();
  }
  template <typename Condition>
  void wait(Condition condition) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, condition);
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Arrived> messages_;
  std::vector<client::SendResult> outcomes_;
  uint64_t session_ = 0;
  size_t rooms_ = 0;
  size_t exceptions_ = 0;
  std::optional<client::Ending> ending_;
  std::unique_ptr<LocalClient> client_;  // Last: no event comes once it is gone.
};

}  // namespace onehop::test
