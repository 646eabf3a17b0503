// A one-shot timer with an absolute deadline on the loop's clock. For the few timers a loop needs; connections have
// wheels in core, not timers here.
#pragma once

#include <uv.h>

#include <cstdint>
#include <functional>

#include "reactor/loop.h"

namespace onehop::reactor {

// All methods: the loop's thread only. May be destroyed at any time, also from its own callback.
class Timer {
 public:
  // `on_due` is called once for each arming, in a turn of the loop in which now_ms() has reached the deadline and the
  // loop has just looked for events (Loop::has_looked): what peers sent before the deadline has been read by then.
  Timer(Loop& loop, std::function<void()> on_due);
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  ~Timer();

  // Replaces an earlier deadline. One that has passed is due in the next turn. No system call; cheap when unchanged.
  void arm_at(uint64_t deadline_ms);
  void disarm();
  bool armed() const;

 private:
  struct Handle;
  Handle* handle_;  // Deleted by libuv's close callback.
};

}  // namespace onehop::reactor
