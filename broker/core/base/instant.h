// Time, as core knows it: what the host says it is. Milliseconds of a clock that never goes back.
#pragma once

#include <compare>
#include <cstdint>
#include <limits>

namespace onehop::core {

struct Instant {
  uint64_t ms = 0;

  // Later than every instant: "no deadline".
  static constexpr Instant never() { return {std::numeric_limits<uint64_t>::max()}; }

  friend constexpr auto operator<=>(Instant, Instant) = default;
  friend constexpr Instant operator+(Instant at, uint64_t later_ms) { return {at.ms + later_ms}; }
  // Milliseconds from `from` to `to`; 0 if `to` is earlier.
  friend constexpr uint64_t operator-(Instant to, Instant from) { return to.ms > from.ms ? to.ms - from.ms : 0; }
};

}  // namespace onehop::core
