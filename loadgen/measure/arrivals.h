// The schedule: when messages are due, in rising order. It is fixed before the run begins and does not depend on what
// the system does, which is what makes a loop open. A schedule at one rate is endless; a schedule along a curve ends
// with the curve.
#pragma once

#include <cstdint>

#include "loadgen/measure/random.h"
#include "loadgen/measure/rate_curve.h"

namespace onehop::loadgen {

enum class ArrivalKind : uint8_t { kConstant, kPoisson };

class Arrivals {
 public:
  // The due time when nothing more is due. Added to a time of the clock, it is still later than every other time.
  static constexpr uint64_t kNever = UINT64_MAX / 2;

  // The share of thread `part` of `parts` in `rate` arrivals a second, which must be above 0. All parts together have
  // that rate, and with kConstant their arrivals interleave evenly. Times are nanoseconds since the start of the run.
  Arrivals(ArrivalKind kind, double rate, uint32_t part, uint32_t parts, uint64_t seed);
  // The same along `curve`, of which this thread has `share`, which must be above 0. With kConstant, arrival n of the
  // curve is due exactly when the curve has counted n.
  Arrivals(ArrivalKind kind, RateCurve curve, double share, uint32_t part, uint32_t parts, uint64_t seed);

  // When the next arrival is due.
  uint64_t due_ns() const { return due_ns_; }
  // The next arrival was issued. The one after it becomes the next.
  void advance();
  // How many arrivals are due before `until_ns` and not issued yet. With kPoisson this is an estimate from the rate.
  uint64_t count_until(uint64_t until_ns) const;

 private:
  uint64_t due_at(double position) const;

  const ArrivalKind kind_;
  const RateCurve curve_;  // Empty if the rate is constant.
  const double share_;     // The part of the curve's arrivals that this thread has.
  const double gap_ns_;    // The mean time between two arrivals of this part, if the rate is constant.
  const double offset_;    // The position of the first arrival with kConstant.
  double position_ = 0;    // The position of the next arrival. With kConstant it is number_ + offset_.
  uint64_t number_ = 0;
  uint64_t due_ns_ = 0;
  Random random_;
};

}  // namespace onehop::loadgen
