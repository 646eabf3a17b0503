// One-shot timers with absolute deadlines.
#include "reactor/timer.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <thread>

#include "connections.h"

namespace onehop::reactor {
namespace {

TEST(Timer, IsDueOnceAndNotEarly) {
  Loop loop;
  int due = 0;
  uint64_t at = 0;
  Timer timer(loop, [&] {
    ++due;
    at = loop.now_ms();
  });
  Timer end(loop, [&] { loop.stop(); });
  const uint64_t deadline = loop.now_ms() + 20;
  timer.arm_at(deadline);
  EXPECT_TRUE(timer.armed());
  end.arm_at(deadline + 20);
  loop.run();
  EXPECT_EQ(1, due);
  EXPECT_GE(at, deadline);
  EXPECT_FALSE(timer.armed());
}

TEST(Timer, TheLastDeadlineCounts) {
  Loop loop;
  std::string order;
  Timer moved(loop, [&] { order += "moved "; }), other(loop, [&] { order += "other "; });
  Timer never(loop, [&] { order += "never "; }), end(loop, [&] { loop.stop(); });
  const uint64_t now = loop.now_ms();
  moved.arm_at(now + 1);
  moved.arm_at(now + 20);
  other.arm_at(now + 10);
  never.arm_at(now + 5);
  never.disarm();
  end.arm_at(now + 30);
  loop.run();
  EXPECT_EQ("other moved ", order);
}

TEST(Timer, APassedDeadlineIsDueInTheNextTurn) {
  Loop loop;
  bool due = false;
  Timer timer(loop, [&] { due = true; });
  timer.arm_at(0);
  EXPECT_FALSE(due);
  loop.turn();
  EXPECT_TRUE(due);
}

TEST(Timer, MayArmOrDestroyItselfWhenDue) {
  Loop loop;
  std::unique_ptr<Timer> timer;
  int due = 0;
  timer = std::make_unique<Timer>(loop, [&] {
    if (++due < 3) {
      timer->arm_at(0);
    } else {
      timer.reset();
      loop.stop();
    }
  });
  timer->arm_at(0);
  loop.run();
  EXPECT_EQ(3, due);
  EXPECT_EQ(nullptr, timer);
}

// As a stop of the process, or an event that takes very long.
void stall(uint64_t ms) {
  const uint64_t until = uv_hrtime() + ms * 1'000'000;
  while (uv_hrtime() < until) std::this_thread::yield();
}

// What a peer sent in time counts, though the loop was not there to read it.
TEST(Timer, AfterAStallIsDueOnceTheLoopHasRead) {
  Loop loop;
  Ends ends = unix_ends();
  Calls calls;
  std::string order;
  calls.readable = [&](Socket& socket) {
    order += "heard ";
    socket.set_reading(false);
  };
  TestSocket ours(loop, calls, std::move(ends.ours));
  ours.socket.set_reading(true);
  Timer timer(loop, [&] {
    order += "due ";
    loop.stop();
  });
  loop.turn();
  timer.arm_at(loop.now_ms() + 10);
  write_all(ends.theirs, "x");
  stall(300);
  loop.run();
  EXPECT_EQ("heard due ", order);
}

// The same where the stall is an event: what came behind it in that time is read first.
TEST(Timer, AfterALongEventIsDueOnceTheLoopHasRead) {
  Loop loop;
  Ends first = unix_ends(), second = unix_ends();
  Calls slow, calls;
  std::string order;
  slow.readable = [&](Socket& socket) {
    socket.set_reading(false);
    write_all(second.theirs, "x");
    stall(300);
    order += "stalled ";
  };
  calls.readable = [&](Socket& socket) {
    order += "heard ";
    socket.set_reading(false);
  };
  TestSocket one(loop, slow, std::move(first.ours)), two(loop, calls, std::move(second.ours));
  one.socket.set_reading(true);
  two.socket.set_reading(true);
  Timer timer(loop, [&] {
    order += "due ";
    loop.stop();
  });
  loop.turn();
  timer.arm_at(loop.now_ms() + 50);
  write_all(first.theirs, "x");
  loop.run();
  EXPECT_EQ("stalled heard due ", order);
}

// Where every turn is long, deadlines pass all the same.
TEST(Timer, OfALoopThatIsAlwaysLateIsDueInTheEnd) {
  Loop loop;
  bool due = false;
  Timer timer(loop, [&] {
    due = true;
    loop.stop();
  });
  loop.after_events = [] { stall(110); };
  timer.arm_at(loop.now_ms() + 1);
  loop.run();
  EXPECT_TRUE(due);
  loop.after_events = nullptr;
}

}  // namespace
}  // namespace onehop::reactor
