// When messages are due: a schedule in rising order, fixed before the run begins and independent of how the system
// does. That is what an open loop is. At one rate it is endless; along a curve it ends with the curve.
#pragma once

#include <cstdint>

#include "loadgen/measure/random.h"
#include "loadgen/measure/rate_curve.h"

namespace onehop::loadgen {

enum class ArrivalKind : uint8_t { kConstant, kPoisson };

class Arrivals {
 public:
  // When nothing more is due. Added to a time of the clock it is still later than every other one.
  static constexpr uint64_t kNever = UINT64_MAX / 2;

  // The share of thread `part` of `parts` in `rate` arrivals a second, above 0; the parts together have that rate, and
  // with kConstant their arrivals interleave evenly. Times are nanoseconds from the run's start.
  Arrivals(ArrivalKind kind, double rate, uint32_t part, uint32_t parts, uint64_t seed);
  // The same along `curve`, of which this thread has `share`, above 0. With kConstant arrival n of the curve is due
  // exactly when the curve has counted n.
  Arrivals(ArrivalKind kind, RateCurve curve, double share, uint32_t part, uint32_t parts, uint64_t seed);

  // When the next one is due.
  uint64_t due_ns() const { return due_ns_; }
  // It was issued: on to the one after it.
  void advance();
  // How many are due before `until_ns` and not issued yet. With kPoisson it is estimated from the rate.
  uint64_t count_until(uint64_t until_ns) const;

 private:
  uint64_t due_at(double position) const;

  const ArrivalKind kind_;
  const RateCurve curve_;  // Empty: one rate.
  const double share_;     // Of the curve.
  const double gap_ns_;    // Of one rate: the mean between two arrivals of this part.
  const double offset_;    // kConstant: where the first one stands.
  double position_ = 0;    // Where the next one stands, in arrivals of this part. kConstant: number and offset.
  uint64_t number_ = 0;
  uint64_t due_ns_ = 0;
  Random random_;
};

}  // namespace onehop::loadgen
