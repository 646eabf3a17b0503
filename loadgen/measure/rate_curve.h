// The rate of a schedule that changes with time: ramps and levels that follow each other, as --stage asks for them.
// Times are nanoseconds from the run's start, rates are arrivals a second, and counts are arrivals since the start: the
// area under the curve.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace onehop::loadgen {

// One --stage: within its time the rate goes evenly from that of the stage before it to `to`.
struct Stage {
  uint64_t duration_ns = 0;
  double to = 0;
};

class RateCurve {
 public:
  RateCurve() = default;
  // `from`: the rate at the start.
  RateCurve(double from, const std::vector<Stage>& stages);

  bool empty() const { return pieces_.empty(); }
  // How many arrivals there are in all, and until `at_ns`.
  double total() const { return empty() ? 0 : pieces_.back().end_count; }
  double count_until(double at_ns) const;
  // When arrival number `count` is due. Infinite if there are not so many.
  double time_of(double count) const;
  uint64_t duration_ns() const { return duration_ns_; }
  // The rate at the beginning of a stage, counted from 0.
  double from(size_t stage) const { return pieces_[stage].from_rate; }

 private:
  struct Piece {
    double begin_ns = 0;
    double duration_ns = 0;
    double from_rate = 0;
    double from = 0;   // The same, as arrivals a nanosecond …
    double slope = 0;  // … and how much that grows in a nanosecond.
    double begin_count = 0;
    double end_count = 0;
  };

  std::vector<Piece> pieces_;
  uint64_t duration_ns_ = 0;
};

}  // namespace onehop::loadgen
