// See the header. The position of an arrival is the number of this part's arrivals that the rate makes until then. With
// a constant rate the position follows from the number of the arrival, so rounding errors do not add up over hours.
#include "loadgen/measure/arrivals.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace onehop::loadgen {

Arrivals::Arrivals(ArrivalKind kind, double rate, uint32_t part, uint32_t parts, uint64_t seed)
    : kind_(kind), share_(1), gap_ns_(1e9 * parts / rate), offset_(static_cast<double>(part) / parts), random_(seed) {
  position_ = kind == ArrivalKind::kConstant ? offset_ : random_.exponential(1);
  due_ns_ = due_at(position_);
}

Arrivals::Arrivals(ArrivalKind kind, RateCurve curve, double share, uint32_t part, uint32_t parts, uint64_t seed)
    : kind_(kind),
      curve_(std::move(curve)),
      share_(share),
      gap_ns_(0),
      offset_(static_cast<double>(part) / parts),
      random_(seed) {
  position_ = kind == ArrivalKind::kConstant ? offset_ : random_.exponential(1);
  due_ns_ = due_at(position_);
}

uint64_t Arrivals::due_at(double position) const {
  if (curve_.empty()) return static_cast<uint64_t>(std::llround(position * gap_ns_));
  const double at_ns = curve_.time_of(position / share_);
  return at_ns < static_cast<double>(kNever) ? static_cast<uint64_t>(std::llround(at_ns)) : kNever;
}

void Arrivals::advance() {
  ++number_;
  if (kind_ == ArrivalKind::kConstant) {
    position_ = static_cast<double>(number_) + offset_;
  } else {
    position_ += random_.exponential(1);
  }
  due_ns_ = due_at(position_);
}

uint64_t Arrivals::count_until(uint64_t until_ns) const {
  if (due_ns_ >= until_ns) return 0;
  const auto until = static_cast<double>(until_ns);
  const double passed = curve_.empty() ? until / gap_ns_ : curve_.count_until(until) * share_;
  const double left = std::max(passed - position_, 0.0);
  if (kind_ == ArrivalKind::kPoisson)
    return 1 + static_cast<uint64_t>(left + 1e-6);  // The small addend keeps rounding from losing an arrival.
  // The estimate may be off by one, because due times are rounded.
  auto count = static_cast<uint64_t>(left);
  const auto due_of = [&](uint64_t ahead) { return due_at(static_cast<double>(number_ + ahead) + offset_); };
  while (count > 0 && due_of(count - 1) >= until_ns) --count;
  while (due_of(count) < until_ns) ++count;
  return count;
}

}  // namespace onehop::loadgen
