// The rate of a schedule that changes with time: ramps and levels that follow each other, as --stage asks for them.
// Times are nanoseconds since the start of the run, and rates are arrivals a second. A count is the number of arrivals
// since the start, which is the area under the curve.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace onehop::loadgen {

// One --stage. Within its duration the rate changes evenly, from the rate at the end of the stage before it to `to`.
struct Stage {
  uint64_t duration_ns = 0;
  double to = 0;
};

class RateCurve {
 public:
  RateCurve() = default;
  // `from` is the rate at the start.
  RateCurve(double from, const std::vector<Stage>& stages);

  bool empty() const { return pieces_.empty(); }
  // The number of arrivals in all, and until `at_ns`.
  double total() const { return empty() ? 0 : pieces_.back().end_count; }
  double count_until(double at_ns) const;
  // When arrival number `count` is due. Infinite if the curve has fewer arrivals.
  double time_of(double count) const;
  uint64_t duration_ns() const { return duration_ns_; }
  // The rate at the beginning of a stage. Stages count from 0.
  double from(size_t stage) const { return pieces_[stage].from_rate; }

 private:
  struct Piece {
    double begin_ns = 0;
    double duration_ns = 0;
    double from_rate = 0;
    double from = 0;   // The same rate in arrivals a nanosecond.
    double slope = 0;  // The growth of `from` in a nanosecond.
    double begin_count = 0;
    double end_count = 0;
  };

  std::vector<Piece> pieces_;
  uint64_t duration_ns_ = 0;
};

}  // namespace onehop::loadgen
