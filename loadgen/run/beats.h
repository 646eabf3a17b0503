// When a worker looks at what depends on time: ticks, the ends of seconds, and questions to systems that tell only what
// they refuse.
#pragma once

#include <algorithm>
#include <cstdint>

#include "loadgen/measure/quantity.h"

namespace onehop::loadgen {

class Beats {
 public:
  static constexpr uint64_t kTickNs = 10 * kMs;

  // The first second of the run begins at `start_ns`.
  void begin(uint64_t start_ns) { next_second_ns_ = start_ns + kSecondNs; }

  uint64_t next_tick_ns() const { return next_tick_ns_; }
  // A tick comes at the end of each second too, so that its figures are those of that second.
  void set_next_tick(uint64_t now_ns) {
    next_tick_ns_ = next_second_ns_ == 0 ? now_ns + kTickNs : std::min(now_ns + kTickNs, next_second_ns_);
  }

  bool is_second_over(uint64_t now_ns) const { return now_ns >= next_second_ns_; }
  // Returns when the second began, in seconds since the start. The next one begins.
  double end_second() {
    next_second_ns_ += kSecondNs;
    return static_cast<double>(seconds_++);
  }

  // Whether it is time to ask; then the next time is later.
  bool takes_question(uint64_t now_ns) {
    if (now_ns < next_question_ns_) return false;
    next_question_ns_ = now_ns + kQuestionNs;
    return true;
  }

 private:
  static constexpr uint64_t kQuestionNs = 100 * kMs;

  uint64_t next_tick_ns_ = 0;
  uint64_t next_second_ns_ = 0;  // When the present second ends; 0: the run has not begun.
  uint64_t next_question_ns_ = 0;
  uint64_t seconds_ = 0;  // That are over.
};

}  // namespace onehop::loadgen
