// See the header. Constant times follow from the arrival's number, so that no rounding adds up over the hours.
#include "loadgen/arrivals.h"

#include <cmath>

namespace onehop::loadgen {

Arrivals::Arrivals(ArrivalKind kind, double rate, uint32_t part, uint32_t parts, uint64_t seed)
    : kind_(kind), gap_ns_(1e9 * parts / rate), random_(seed) {
  offset_ns_ = kind == ArrivalKind::kConstant ? gap_ns_ * part / parts : random_.exponential(gap_ns_);
  due_ns_ = static_cast<uint64_t>(std::llround(offset_ns_));
}

void Arrivals::advance() {
  ++number_;
  if (kind_ == ArrivalKind::kConstant) {
    due_ns_ = static_cast<uint64_t>(std::llround(offset_ns_ + static_cast<double>(number_) * gap_ns_));
  } else {
    offset_ns_ += random_.exponential(gap_ns_);
    due_ns_ = static_cast<uint64_t>(std::llround(offset_ns_));
  }
}

uint64_t Arrivals::count_until(uint64_t until_ns) const {
  if (due_ns_ >= until_ns) return 0;
  const double left = static_cast<double>(until_ns - due_ns_);
  if (kind_ == ArrivalKind::kPoisson) return 1 + static_cast<uint64_t>(left / gap_ns_);
  // The estimate may be one beside the truth, since due times are rounded.
  uint64_t count = static_cast<uint64_t>(left / gap_ns_);
  const auto due_of = [&](uint64_t ahead) {
    return static_cast<uint64_t>(std::llround(offset_ns_ + static_cast<double>(number_ + ahead) * gap_ns_));
  };
  while (count > 0 && due_of(count - 1) >= until_ns) --count;
  while (due_of(count) < until_ns) ++count;
  return count;
}

}  // namespace onehop::loadgen
