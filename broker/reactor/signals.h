// SIGINT and SIGTERM as events of a loop, for programs: a library leaves signals alone.
#pragma once

#include <functional>

#include "reactor/fd.h"
#include "reactor/loop.h"
#include "reactor/watch.h"

namespace onehop::reactor {

// One at a time in a process. The loop's thread only, or before it runs.
class Signals {
 public:
  // `on_signal` is called once, for the first of them. A second one ends the process, as if this were not there.
  Signals(Loop& loop, std::function<void()> on_signal);
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;
  ~Signals();

 private:
  Fd read_end_;
  Fd write_end_;
  Watch watch_;
};

}  // namespace onehop::reactor
