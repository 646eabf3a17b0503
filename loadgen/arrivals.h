// When messages are due: an endless schedule in rising order, fixed before the run begins and independent of how the
// system does. That is what an open loop is.
#pragma once

#include <cstdint>

#include "loadgen/random.h"

namespace onehop::loadgen {

enum class ArrivalKind : uint8_t { kConstant, kPoisson };

class Arrivals {
 public:
  // The share of thread `part` of `parts` in `rate` arrivals a second, above 0; the parts together have that rate, and
  // with kConstant their arrivals interleave evenly. Times are nanoseconds from the run's start.
  Arrivals(ArrivalKind kind, double rate, uint32_t part, uint32_t parts, uint64_t seed);

  // When the next one is due.
  uint64_t due_ns() const { return due_ns_; }
  // It was issued: on to the one after it.
  void advance();
  // How many are due before `until_ns` and not issued yet. With kPoisson it is estimated from the rate.
  uint64_t count_until(uint64_t until_ns) const;

 private:
  const ArrivalKind kind_;
  const double gap_ns_;   // The mean between two arrivals of this part.
  double offset_ns_ = 0;  // kConstant: of the first. kPoisson: the exact time of the next one.
  uint64_t number_ = 0;
  uint64_t due_ns_ = 0;
  Random random_;
};

}  // namespace onehop::loadgen
