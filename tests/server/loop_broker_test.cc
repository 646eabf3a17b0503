// A broker on a loop of the program's own, beside whatever else the program does there. Clients are on other threads.
#include <gtest/gtest.h>
#include <uv.h>

#include <atomic>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

#include "server_test/broker_rig.h"
#include "server_test/raw_client.h"

namespace onehop::test {
namespace {

// The program: its loop with a timer that rings every few milliseconds.
class Program {
 public:
  explicit Program(BrokerOptions options = test_options()) {
    EXPECT_EQ(0, uv_loop_init(&loop_));
    timer_.data = this;
    uv_timer_init(&loop_, &timer_);
    uv_timer_start(
        &timer_, [](uv_timer_t* timer) { static_cast<Program*>(timer->data)->rings(); }, 1, 2);
    options.loop = &loop_;
    std::string error;
    broker = Broker::start(options, error);
    EXPECT_NE(nullptr, broker) << error;
    address_ = broker->addresses().front();
  }
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;
  // Everything of the broker has gone from the loop.
  ~Program() { EXPECT_EQ(0, uv_loop_close(&loop_)); }

  const std::string& address() const { return address_; }
  // Calls this once on the loop's thread, from the timer.
  void call_soon(std::function<void()> call) {
    const std::lock_guard lock(mutex_);
    call_ = std::move(call);
  }
  // The timer ends, and with it the program, as soon as the broker has gone.
  void end_timer() { uv_close(reinterpret_cast<uv_handle_t*>(&timer_), nullptr); }
  // Stops the broker, destroys it and ends the timer. The loop's thread.
  void end(uint32_t deadline_ms = 60'000) {
    EXPECT_TRUE(broker->stop_then(deadline_ms, [this](Broker::Stopped how) {
      stopped = how;
      broker.reset();
      end_timer();
    }));
  }
  // The same on any thread.
  void end_soon() {
    call_soon([this] { end(); });
  }
  // Until the broker and the timer have ended.
  void run() { uv_run(&loop_, UV_RUN_DEFAULT); }
  // While `client` runs on a thread of its own.
  void run_with(const std::function<void()>& client) {
    std::thread thread(client);
    run();
    thread.join();
  }
  int rung() const { return rung_; }

  std::unique_ptr<Broker> broker;
  std::optional<Broker::Stopped> stopped;

 private:
  void rings() {
    ++rung_;
    std::function<void()> call;
    {
      const std::lock_guard lock(mutex_);
      call = std::exchange(call_, nullptr);
    }
    if (call) call();
  }

  uv_loop_t loop_;
  uv_timer_t timer_;
  std::string address_;
  std::atomic<int> rung_{0};
  std::mutex mutex_;
  std::function<void()> call_;
};

TEST(LoopBroker, ServesBesideWhateverElseTheProgramDoes) {
  Program program;
  program.run_with([&] {
    RawClient alice(program.address());
    RawClient bob(program.address());
    alice.connect("alice");
    bob.connect("bob");
    const int rung = program.rung();
    while (program.rung() < rung + 3) continue;
    for (uint64_t id = 1; id <= 1'000; ++id) alice.send(message_frame("bob", id, std::to_string(id)));
    for (uint64_t id = 1; id <= 1'000; ++id) {
      EXPECT_EQ(std::to_string(id), bob.read_kind(v1::Frame::kMessage).message().payload());
    }
    EXPECT_EQ(2u, program.broker->clients({}).found) << "a question of another thread";
    EXPECT_FALSE(program.broker->stop_then(0, {})) << "this is not the loop's thread";
    program.end_soon();
    for (RawClient* client : {&alice, &bob}) {
      EXPECT_EQ(v1::CODE_SERVER_SHUTTING_DOWN, client->read_announcement().code());
      client->say_goodbye();
      client->close();
    }
  });
  EXPECT_EQ(Broker::Stopped::kAllEnded, program.stopped);
}

TEST(LoopBroker, AnswersTheLoopsThreadAtOnce) {
  Program program;
  program.run_with([&] {
    RawClient alice(program.address());
    alice.connect("alice");
    program.call_soon([&] {
      const ClientPage page = program.broker->clients({});
      EXPECT_EQ(1u, page.found);
      EXPECT_EQ(Answered::kFully, page.answered);
      EXPECT_TRUE(program.broker->alive(0));
      EXPECT_EQ(1u, program.broker->counters().sessions);
      BrokerOptions options = test_options();
      options.client_messages_per_second = 1;
      std::string error;
      EXPECT_TRUE(program.broker->reload(options, error)) << error;
      EXPECT_EQ(Broker::Stopped::kRefused, program.broker->stop(60'000)) << "it would wait for itself";
      EXPECT_EQ(Broker::Kick::kEnded, program.broker->kick("alice", "enough"));
      EXPECT_EQ(0u, program.broker->clients({}).found);
    });
    EXPECT_EQ("enough", alice.read_goodbye().text());
    program.end_soon();
  });
}

TEST(LoopBroker, StopOnAnotherThreadWaitsForTheLoop) {
  Program program;
  program.run_with([&] {
    RawClient alice(program.address());
    alice.connect("alice");
    EXPECT_EQ(Broker::Stopped::kCutOff, program.broker->stop(50));
    EXPECT_EQ(Broker::Stopped::kCutOff, program.broker->stop(50)) << "the same again";
    EXPECT_EQ(0u, program.broker->clients({}).found);
    EXPECT_EQ(v1::CODE_SERVER_SHUTTING_DOWN, alice.read_announcement().code());
    program.end_soon();  // Told although it has ended before.
  });
  EXPECT_EQ(Broker::Stopped::kCutOff, program.stopped);
}

// Mail that the loop's thread has posted is taken before its next question is answered.
TEST(LoopBroker, WhatTheLoopsThreadHasAskedForHoldsForItsNextQuestion) {
  std::atomic<bool> draining{false};
  BrokerOptions options = test_options();
  options.on_event = [&](const BrokerEvent& e) {
    if (e.kind == BrokerEvent::Kind::kDraining) draining = true;
  };
  Program program(options);
  program.call_soon([&] {
    program.broker->drain(60'000);
    EXPECT_TRUE(program.broker->alive(60'000));
    EXPECT_TRUE(draining);
    program.end();
  });
  program.run();
}

// Neither does the loop end before the broker is stopped, nor is anything left on it afterwards.
TEST(LoopBroker, KeepsTheLoopAliveUntilItIsStopped) {
  Program program;
  program.run_with([&] {
    program.broker->drain(60'000);
    while (program.broker->drain_phase() != Broker::DrainPhase::kDrained) continue;
    std::promise<void> ended;
    program.call_soon([&] {
      program.end_timer();
      ended.set_value();
    });
    ended.get_future().wait();
    EXPECT_TRUE(program.broker->alive(60'000));
    EXPECT_EQ(Broker::Stopped::kAllEnded, program.broker->stop(60'000));
  });
  program.broker.reset();
  program.run();
}

// From the program's own code, and from a handler.
TEST(LoopBroker, DestroyedWithoutAStopItEndsInTheNextTurns) {
  for (const bool in_handler : {false, true}) {
    std::atomic<bool> destroyed{false};
    std::atomic<int> told_too_late{0};
    Program* self = nullptr;
    BrokerOptions options = test_options();
    options.on_event = [&](const BrokerEvent& e) {
      if (destroyed) ++told_too_late;
      if (!in_handler || e.name != "last") return;
      destroyed = true;
      self->broker.reset();
      self->end_timer();
    };
    Program program(options);
    self = &program;
    program.run_with([&] {
      RawClient alice(program.address());
      alice.connect("alice");
      RawClient last(program.address());
      last.send(connect_frame("last"));
      if (!in_handler) {
        last.read_kind(v1::Frame::kConnected);
        program.call_soon([&] {
          destroyed = true;
          program.broker.reset();
          program.end_timer();
        });
      }
      EXPECT_EQ(v1::CODE_SERVER_SHUTTING_DOWN, alice.read_announcement().code());
      alice.read_to_end();
      last.read_to_end();
    });
    EXPECT_EQ(0, told_too_late);
  }
}

TEST(LoopBroker, WhatOnStoppedThrowsIsContained) {
  std::atomic<int> told{0};
  BrokerOptions options = test_options();
  options.on_exception = [&](const HandlerException& e) {
    EXPECT_EQ(Handler::kOnStopped, e.handler);
    ++told;
  };
  Program program(options);
  EXPECT_TRUE(program.broker->stop_then(0, [](Broker::Stopped) { throw std::runtime_error("oh"); }));
  program.end(0);
  program.run();
  EXPECT_EQ(1, told);
  EXPECT_EQ(Broker::Stopped::kAllEnded, program.stopped);
}

TEST(LoopBroker, AStartThatFailsLeavesNothingOnTheLoop) {
  uv_loop_t loop;
  ASSERT_EQ(0, uv_loop_init(&loop));
  std::string error;
  BrokerOptions options = test_options();
  options.loop = &loop;
  options.listen = {"tcp://127.0.0.1:0", "unix:///nowhere/at/all"};
  EXPECT_EQ(nullptr, Broker::start(options, error));
  EXPECT_FALSE(error.empty());
  uv_run(&loop, UV_RUN_DEFAULT);
  EXPECT_EQ(0, uv_loop_close(&loop));
}

TEST(LoopBroker, HasOneShardThatNeitherSpinsNorIsPinned) {
  uv_loop_t loop;
  BrokerOptions options = test_options();
  options.loop = &loop;
  options.shards = 0;
  EXPECT_EQ("", Broker::check(options));
  options.shards = 2;
  EXPECT_EQ("shards: must be 0 or 1 on a loop of the program's", Broker::check(options));
  options.shards = 1;
  options.pin = true;
  EXPECT_EQ("pin: cannot be set on a loop of the program's", Broker::check(options));
  options.pin = false;
  options.spin_us = 1;
  EXPECT_EQ("spin_us: must be 0 on a loop of the program's", Broker::check(options));
}

TEST(LoopBroker, ABrokerWithThreadsOfItsOwnIsStoppedByStop) {
  BrokerRig broker;
  EXPECT_FALSE(broker->stop_then(0, [](Broker::Stopped) { FAIL(); }));
  EXPECT_TRUE(broker->alive(60'000));
}

}  // namespace
}  // namespace onehop::test
