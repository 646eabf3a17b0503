// A one-shot timer for a loop, with the resolution that pacing needs: the loop's own timers count whole milliseconds.
// On Linux it is a timerfd. Elsewhere it is a loop timer, which is up to a millisecond late; the generator's lag shows
// that.
#pragma once

#include <cstdint>
#include <functional>

#include "loadgen/run/clock.h"
#include "reactor/fd.h"
#include "reactor/loop.h"
#include "reactor/timer.h"
#include "reactor/watch.h"

namespace onehop::loadgen {

// All methods belong to the loop's thread, or to any thread before the loop runs.
class FineTimer {
 public:
  // `on_due` may be called early or more than once, so it must look at the clock.
  FineTimer(reactor::Loop& loop, std::function<void()> on_due);

  // Sets the deadline, on the clock of now_ns(), in place of an earlier one. A deadline that has passed is due at once.
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
