// One-shot timers with absolute deadlines.
#include "reactor/timer.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

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

}  // namespace
}  // namespace onehop::reactor
