// When `onehop send` may send its next message: at once, or in even steps with --interval and --rate.
#pragma once

#include <cstdint>
#include <functional>

#include "reactor/loop.h"
#include "reactor/timer.h"

namespace onehop::cli {

class Pace {
 public:
  // `step_ms`: between two messages; 0: none. `on_turn` is called when take_turn() may be asked again.
  Pace(reactor::Loop& loop, double step_ms, std::function<void()> on_turn);

  // Whether a message may be sent now, which uses the turn.
  bool take_turn();

 private:
  reactor::Loop& loop_;
  const double step_ms_;
  reactor::Timer timer_;
  // On the loop's clock; 0: there was no message yet.
  double next_ms_ = 0;
};

}  // namespace onehop::cli
