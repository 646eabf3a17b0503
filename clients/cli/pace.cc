// See the header.
#include "cli/pace.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace onehop::cli {
namespace {

// Turns that were missed are made up for, but no more than those of this time.
constexpr double kBehindMsMax = 100;

}  // namespace

Pace::Pace(reactor::Loop& loop, double step_ms, std::function<void()> on_turn)
    : loop_(loop), step_ms_(step_ms), timer_(loop, std::move(on_turn)) {}

bool Pace::take_turn() {
  if (step_ms_ <= 0) return true;
  const auto now_ms = static_cast<double>(loop_.now_ms());
  if (next_ms_ == 0) next_ms_ = now_ms;
  if (now_ms < next_ms_) {
    timer_.arm_at(static_cast<uint64_t>(std::ceil(next_ms_)));
    return false;
  }
  // With steps longer than the limit, one that was missed is not made up for.
  next_ms_ = std::max(next_ms_ + step_ms_, now_ms - kBehindMsMax);
  return true;
}

}  // namespace onehop::cli
