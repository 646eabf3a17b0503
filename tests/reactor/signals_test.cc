// A signal becomes one event of the loop; the second one ends the process.
#include "reactor/signals.h"

#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>

namespace onehop::reactor {
namespace {

TEST(SignalsTest, FirstSignalIsAnEventOfTheLoop) {
  for (const int signal : {SIGINT, SIGTERM}) {
    Loop loop;
    int events = 0;
    {
      const Signals signals(loop, [&] {
        ++events;
        loop.stop();
      });
      raise(signal);
      EXPECT_EQ(events, 0) << "not in the handler";
      loop.run();
    }
    EXPECT_EQ(events, 1);
    loop.turn();
  }
}

void signal_twice() {
  Loop loop;
  const Signals signals(loop, [&] { loop.stop(); });
  raise(SIGTERM);
  loop.run();
  raise(SIGTERM);
  std::exit(0);
}

TEST(SignalsDeathTest, SecondSignalEndsTheProcess) {
  EXPECT_EXIT(signal_twice(), testing::KilledBySignal(SIGTERM), "");
}

}  // namespace
}  // namespace onehop::reactor
