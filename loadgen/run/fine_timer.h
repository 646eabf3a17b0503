// A one-shot timer for a loop with the resolution that pacing needs: the loop's own timers count whole milliseconds.
// On Linux a timerfd. Elsewhere a loop timer, up to a millisecond late: the generator's report of its own lag shows it.
#pragma once

#include <cstdint>
#include <functional>

#include "loadgen/run/clock.h"
#include "reactor/fd.h"
#include "reactor/loop.h"
#include "reactor/timer.h"
#include "reactor/watch.h"

namespace onehop::loadgen {

// All methods: the loop's thread only, or before it runs.
class FineTimer {
 public:
  // `on_due` may be called early or more than once; whoever is called looks at the clock.
  FineTimer(reactor::Loop& loop, std::function<void()> on_due);

  // Replaces an earlier deadline, on the clock of now_ns(). One that has passed is due at once.
  void arm_at(uint64_t deadline_ns);

 private:
  uint64_t armed_ns_ = 0;
#ifdef __linux__
  reactor::Fd fd_;
  reactor::Watch watch_;
#else
  reactor::Loop& loop_;
  reactor::Timer timer_;
#endif
};

}  // namespace onehop::loadgen
