// What tests of LoopClient share: a loop of the program's, and an owner that writes down what it is told.
#pragma once

#include <gtest/gtest.h>
#include <uv.h>

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "onehop/loop_client.h"

namespace onehop::client {

// A loop of the program's own, as an embedder has one.
class ProgramLoop {
 public:
  ProgramLoop() { uv_loop_init(&loop_); }
  ~ProgramLoop() {
    uv_run(&loop_, UV_RUN_DEFAULT);
    EXPECT_EQ(uv_loop_close(&loop_), 0) << "something of the library is still open";
  }
  uv_loop_t* get() { return &loop_; }
  // Turns the loop until `done`. The test's own time limit is what ends a failure.
  template <typename Done>
  void run_until(Done done) {
    while (!done()) uv_run(&loop_, UV_RUN_ONCE);
  }

 private:
  uv_loop_t loop_;
};

// One that must be able to start.
inline std::unique_ptr<LoopClient> started(ClientLoop& loop, std::string_view server, ClientOptions options,
                                           ClientEvents& events) {
  std::string error;
  auto client = LoopClient::start(loop, server, std::move(options), events, error);
  EXPECT_NE(client, nullptr) << error;
  return client;
}

struct Peer final : ClientEvents {
  void on_open(const SessionInfo&) override { ++opened; }
  void on_message(const Message& message) override {
    messages.emplace_back(message.payload);
    tags.push_back(message.tag);
    senders.emplace_back(message.from);
    if (at_message) at_message();
  }
  void on_outcome(std::string_view, const SendResult& result) override {
    ++outcomes;
    last = result;
    if (result.outcome == Outcome::kDelivered) ++delivered;
  }
  void on_room() override {
    if (fill) fill();
  }
  void on_down(const Ending&, uint64_t) override { ++downs; }
  void on_ended(const Ending& why) override {
    ended = true;
    ending = why;
    if (at_end) at_end();
  }

  std::function<void()> fill;
  std::function<void()> at_end;
  std::function<void()> at_message;
  std::vector<std::string> messages;
  std::vector<std::string> senders;
  std::vector<DeliveryTag> tags;
  SendResult last;
  Ending ending;
  int opened = 0;
  int outcomes = 0;
  int delivered = 0;
  int downs = 0;
  bool ended = false;
};

}  // namespace onehop::client
