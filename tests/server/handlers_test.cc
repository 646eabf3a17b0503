// What a handler of the embedder may do: call the broker, throw, and even try to destroy it.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <functional>
#include <future>
#include <latch>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <vector>

#include "server_test/broker_rig.h"
#include "server_test/raw_client.h"

namespace onehop::test {
namespace {

// A broker whose on_event calls `in_handler` when a client of this name has come.
class CallingBroker {
 public:
  CallingBroker(BrokerOptions options, std::string name, std::function<void(Broker&)> in_handler)
      : name_(std::move(name)), in_handler_(std::move(in_handler)) {
    options.on_event = [this](const BrokerEvent& e) {
      if (e.kind == BrokerEvent::Kind::kSessionOpened && e.name == name_) in_handler_(*broker_);
    };
    std::string error;
    broker_ = Broker::start(options, error);
    if (broker_ == nullptr) throw std::runtime_error(error);
  }
  Broker* operator->() { return broker_.get(); }
  std::string address() const { return broker_->addresses().front(); }

 private:
  const std::string name_;
  const std::function<void(Broker&)> in_handler_;
  std::unique_ptr<Broker> broker_;
};

TEST(Handlers, WhatAHandlerAsksIsAnsweredFromItsOwnShardOrRefused) {
  BrokerCounters counters;
  ClientPage page;
  Trace trace;
  bool alive = false;
  bool ready = false;
  size_t ends = 0;
  Broker::Stopped stopped = Broker::Stopped::kAllEnded;
  CallingBroker broker(test_options(), "caller", [&](Broker& self) {
    counters = self.counters();
    page = self.clients({});
    trace = self.trace("caller", "caller");
    alive = self.alive(0);
    std::string why_not;
    ready = self.ready(why_not);
    ends = self.recent_ends(10, "").size();
    stopped = self.stop(1'000);
  });
  RawClient(broker.address()).send(connect_frame("breaks the rules"));
  while (broker->recent_ends(10, "").empty()) continue;
  RawClient client(broker.address());
  client.connect("caller");
  EXPECT_EQ(1u, counters.sessions_opened);
  EXPECT_EQ(Answered::kNotFromHandler, page.answered);
  EXPECT_EQ(Answered::kNotFromHandler, trace.answered);
  EXPECT_FALSE(trace.would_arrive);
  EXPECT_TRUE(alive);
  EXPECT_TRUE(ready);
  EXPECT_EQ(1u, ends);
  EXPECT_EQ(Broker::Stopped::kRefused, stopped);
  // It serves on, and from a thread of the program's own everything is answered.
  EXPECT_EQ(1u, broker->clients({}).found);
  EXPECT_EQ(Answered::kFully, broker->clients({}).answered);
  EXPECT_EQ(Answered::kFully, broker->trace("caller", "caller").answered);
  EXPECT_TRUE(broker->alive(60'000));
}

// Each of two shards is in a handler that wants something of the other. Neither can answer before its handler returns.
TEST(Handlers, TwoShardsWhoseHandlersAskEachOtherDoNotWait) {
  std::latch both(2);
  std::mutex mutex;
  std::vector<Broker::DrainPhase> phases;
  std::atomic<Broker*> self{nullptr};
  std::array<bool, 2> seen{};
  BrokerOptions options = test_options(2);
  options.on_event = [&](const BrokerEvent& e) {
    if (e.kind != BrokerEvent::Kind::kSessionOpened) return;
    {
      const std::lock_guard lock(mutex);
      if (std::exchange(seen[e.shard], true)) return;
    }
    both.arrive_and_wait();
    Broker& broker = *self.load();
    std::string error;
    EXPECT_TRUE(broker.reload(test_options(2), error)) << error;
    EXPECT_EQ(Broker::Kick::kSoon, broker.kick("kicked", "from a handler"));
    EXPECT_EQ(2u, broker.counters().shards.size());
    const std::lock_guard lock(mutex);
    phases.push_back(broker.drain_phase());
  };
  std::string error;
  const std::unique_ptr<Broker> broker = Broker::start(options, error);
  ASSERT_NE(nullptr, broker) << error;
  self = broker.get();
  std::vector<RawClient> clients;
  for (int i = 0; i < 64; ++i) {
    clients.emplace_back(broker->addresses().front()).send(connect_frame("client-" + std::to_string(i)));
  }
  for (RawClient& client : clients) client.read_kind(v1::Frame::kConnected);
  const std::lock_guard lock(mutex);
  EXPECT_EQ((std::vector{Broker::DrainPhase::kNone, Broker::DrainPhase::kNone}), phases);
}

TEST(Handlers, AKickFromAHandlerEndsTheClientSoon) {
  for (const unsigned shards : {1u, 3u}) {
    Broker::Kick kicked = Broker::Kick::kNoAnswer;
    CallingBroker broker(test_options(shards), "banned",
                         [&](Broker& self) { kicked = self.kick("banned", "you are not wanted", 3'600'000); });
    RawClient client(broker.address());
    client.send(connect_frame("banned"));
    const v1::Goodbye goodbye = client.read_goodbye();
    EXPECT_EQ(v1::CODE_ADMINISTRATIVE, goodbye.code());
    EXPECT_EQ("you are not wanted", goodbye.text());
    EXPECT_EQ(Broker::Kick::kSoon, kicked);
    RawClient again(broker.address());
    again.send(connect_frame("banned"));
    EXPECT_EQ("an operator keeps this name out for a while", again.read_goodbye().text());
  }
}

TEST(Handlers, AHandlerMayDrainTheBroker) {
  CallingBroker broker(test_options(2), "last", [](Broker& self) {
    self.drain(60'000);
    EXPECT_NE(Broker::DrainPhase::kNone, self.drain_phase());
    EXPECT_NE(Broker::DrainPhase::kDrained, self.drain_phase());
  });
  RawClient client(broker.address());
  client.send(connect_frame("last"));
  EXPECT_EQ(v1::CODE_SERVER_SHUTTING_DOWN, client.read_announcement().code());
  client.say_goodbye();
  client.close();
  EXPECT_EQ(Broker::Stopped::kAllEnded, broker->stop(60'000));
}

TEST(Handlers, WhatAHandlerThrowsIsToldAndTheBrokerGoesOn) {
  std::mutex mutex;
  std::vector<std::string> told;
  BrokerOptions options = test_options(2);
  options.on_event = [](const BrokerEvent& e) {
    if (e.name == "number") throw 7;  // NOLINT: what an embedder may do.
    throw std::runtime_error(std::string(to_string(e.kind)));
  };
  options.on_exception = [&](const HandlerException& e) {
    EXPECT_EQ(Handler::kOnEvent, e.handler);
    const std::lock_guard lock(mutex);
    told.emplace_back(e.what);
    throw std::runtime_error("once more");
  };
  std::string error;
  const std::unique_ptr<Broker> broker = Broker::start(options, error);
  ASSERT_NE(nullptr, broker) << error;
  RawClient number(broker->addresses().front());
  number.connect("number");
  RawClient client(broker->addresses().front());
  client.connect("client");
  client.send(message_frame("number", 1, "hello"));
  EXPECT_EQ("hello", number.read_kind(v1::Frame::kMessage).message().payload());
  const std::lock_guard lock(mutex);
  EXPECT_EQ((std::vector<std::string>{"", "session_opened"}), told);
  EXPECT_EQ(2u, broker->counters().handler_exceptions);
}

// In a process of its own, because this broker can never be taken down.
TEST(HandlersDeathTest, ABrokerThatIsDestroyedInItsHandlerServesOn) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  const auto destroy_in_handler = [] {
    std::string address;
    std::unique_ptr<Broker> broker;
    std::promise<Handler> refused;
    BrokerOptions options = test_options();
    options.on_event = [&](const BrokerEvent& e) {
      if (e.name == "first") broker.reset();
    };
    options.on_exception = [&](const HandlerException& e) { refused.set_value(e.handler); };
    std::string error;
    broker = Broker::start(options, error);
    address = broker->addresses().front();
    RawClient first(address);
    first.connect("first");
    if (refused.get_future().get() != Handler::kDestructor) std::_Exit(2);
    RawClient second(address);
    second.connect("second");
    second.send(message_frame("first", 1, "hello"));
    std::_Exit(first.read_kind(v1::Frame::kMessage).message().payload() == "hello" ? 0 : 3);
  };
  EXPECT_EXIT(destroy_in_handler(), testing::ExitedWithCode(0), "");
}

// What is wrong with a broker in a forked child; 0: nothing.
int use_in_child(std::unique_ptr<Broker> broker) {
  std::string text;
  if (broker->counters().sessions != 0) return 2;
  if (broker->clients({}).answered != Answered::kForked) return 3;
  if (broker->trace("a", "b").answered != Answered::kForked) return 4;
  if (broker->readiness(text) != Broker::Readiness::kForked || text.empty()) return 5;
  if (broker->alive(60'000) || broker->undrain()) return 6;
  if (broker->reload(test_options(2), text)) return 7;
  if (!broker->recent_ends(1, "").empty()) return 8;
  if (broker->kick("alice", "") != Broker::Kick::kNoAnswer) return 9;
  broker->drain(0);
  if (broker->drain_phase() != Broker::DrainPhase::kNone) return 10;
  broker->stop_now();
  if (broker->stop(60'000) != Broker::Stopped::kRefused) return 11;
  if (broker->shards() != 2 || broker->addresses().empty()) return 12;
  broker.reset();
  return 0;
}

// The alarm ends a child that hangs.
TEST(Handlers, InAForkedChildNothingHangs) {
  constexpr unsigned kHangsAfterSeconds = 60;
  std::string error;
  std::unique_ptr<Broker> broker = Broker::start(test_options(2), error);
  ASSERT_NE(nullptr, broker) << error;
  RawClient alice(broker->addresses().front());
  alice.connect("alice");
  const pid_t child = fork();
  if (child == 0) {
    alarm(kHangsAfterSeconds);
    std::_Exit(use_in_child(std::move(broker)));
  }
  int status = 0;
  ASSERT_EQ(child, waitpid(child, &status, 0));
  EXPECT_TRUE(WIFEXITED(status)) << "it hung, or crashed: " << WTERMSIG(status);
  EXPECT_EQ(0, WEXITSTATUS(status));
  // The parent's broker has met with nothing of that.
  EXPECT_EQ(1u, broker->clients({}).found);
  alice.close();
  EXPECT_EQ(Broker::Stopped::kAllEnded, broker->stop(60'000));
}

}  // namespace
}  // namespace onehop::test
