// Own and borrowed loops: hooks, stopping, threads, and an end that leaves nothing behind.
#include "reactor/loop.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>

#include "connections.h"
#include "reactor/mailbox.h"
#include "reactor/timer.h"

namespace onehop::reactor {
namespace {

TEST(Loop, HooksFrameTheEventsOfATurn) {
  Loop loop;
  Ends ends = unix_ends();
  Calls calls;
  std::string order;
  calls.readable = [&](Socket& socket) {
    order += "event ";
    socket.set_reading(false);
  };
  TestSocket ours(loop, calls, std::move(ends.ours));
  ours.socket.set_reading(true);
  write_all(ends.theirs, "x");
  loop.before_sleep = [&] { order += "before "; };
  loop.after_events = [&] { order += "after "; };
  loop.turn();
  EXPECT_EQ("before event after ", order);
  loop.before_sleep = loop.after_events = nullptr;
}

TEST(Loop, AnotherThreadStopsIt) {
  Loop loop;
  std::thread other([&] { loop.stop(); });
  loop.run();
  other.join();
}

TEST(Loop, SpinningItIsWokenAndStoppedAllTheSame) {
  Loop loop;
  Mailbox<int> mailbox(loop, [&](int item) {
    if (item == 3) loop.stop();
  });
  std::thread sender([&] {
    for (int item = 1; item <= 3; ++item) mailbox.post(item);
  });
  loop.run(200);
  sender.join();
}

TEST(Loop, AStopBeforeTheRunIsNotForgotten) {
  Loop loop;
  loop.stop();
  loop.run();

  // And is spent: a later wake-up does not stop the next run.
  bool due = false;
  Timer end(loop, [&] {
    due = true;
    loop.stop();
  });
  end.arm_at(loop.now_ms() + 5);
  loop.wake();
  loop.run();
  EXPECT_TRUE(due);
}

TEST(Loop, KnowsItsThread) {
  Loop loop;
  EXPECT_TRUE(loop.in_loop_thread());  // Nobody runs it: whoever sets it up may touch it.
  bool inside = false, outside = true;
  Timer timer(loop, [&] {
    inside = loop.in_loop_thread();
    std::thread([&] { outside = loop.in_loop_thread(); }).join();
    loop.stop();
  });
  timer.arm_at(0);
  loop.run();
  EXPECT_TRUE(inside);
  EXPECT_FALSE(outside);
}

TEST(LoopDeathTest, ForeignThreadsAreCaught) {
  testing::GTEST_FLAG(death_test_style) = "threadsafe";
  EXPECT_DEATH(
      {
        Loop loop;
        Timer timer(loop, [&] { std::thread([&] { timer.disarm(); }).join(); });
        timer.arm_at(0);
        loop.run();
      },
      "in_loop_thread");
}

TEST(LoopDeathTest, AnEndWithSomethingOpenIsCaught) {
  testing::GTEST_FLAG(death_test_style) = "threadsafe";
  EXPECT_DEATH(
      {
        Calls calls;
        auto loop = std::make_unique<Loop>();
        Socket socket(*loop, calls);
        Ends ends = unix_ends();
        static_cast<void>(socket.open(std::move(ends.ours)));
        loop.reset();
      },
      "still open");
}

TEST(Loop, BorrowsTheProgramsLoop) {
  uv_loop_t uv;
  ASSERT_EQ(0, uv_loop_init(&uv));
  int marker = 0;
  uv.data = &marker;
  {
    Loop loop(&uv);
    EXPECT_EQ(0, uv_run(&uv, UV_RUN_DEFAULT)) << "an idle onehop must not keep the program's loop alive";
    int due = 0;
    Timer timer(loop, [&] { ++due; });
    timer.arm_at(loop.now_ms() + 1);
    uv_run(&uv, UV_RUN_DEFAULT);
    EXPECT_EQ(1, due);
  }
  EXPECT_EQ(&marker, uv.data);
  uv_run(&uv, UV_RUN_DEFAULT);  // The program's next turn completes the closing.
  EXPECT_EQ(0, uv_loop_close(&uv));
}

}  // namespace
}  // namespace onehop::reactor
