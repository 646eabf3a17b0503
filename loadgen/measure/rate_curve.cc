// The rate of each piece is a line, so the count within it is a parabola. time_of() solves that for the time.
#include "loadgen/measure/rate_curve.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace onehop::loadgen {

RateCurve::RateCurve(double from, const std::vector<Stage>& stages) {
  double count = 0;
  for (const Stage& stage : stages) {
    Piece piece;
    piece.begin_ns = static_cast<double>(duration_ns_);
    piece.duration_ns = static_cast<double>(stage.duration_ns);
    piece.from_rate = from;
    piece.from = from * 1e-9;
    piece.slope = stage.duration_ns == 0 ? 0 : (stage.to - from) * 1e-9 / piece.duration_ns;
    piece.begin_count = count;
    count += (from + stage.to) / 2 * piece.duration_ns / 1e9;  // This is exact where the count is a whole number.
    piece.end_count = count;
    pieces_.push_back(piece);
    duration_ns_ += stage.duration_ns;
    from = stage.to;
  }
}

double RateCurve::count_until(double at_ns) const {
  double count = 0;
  for (const Piece& piece : pieces_) {
    const double within = at_ns - piece.begin_ns;
    if (within <= 0) break;
    if (within >= piece.duration_ns) {
      count = piece.end_count;
    } else {
      count = piece.begin_count + (piece.from + piece.slope * within / 2) * within;
    }
  }
  return count;
}

double RateCurve::time_of(double count) const {
  // An arrival whose count is the end of a piece, apart from rounding, belongs to the next piece, or to none.
  const auto is_before = [&](const Piece& one) { return count < one.end_count * (1 - 1e-12) - 1e-9; };
  const auto piece = std::find_if(pieces_.begin(), pieces_.end(), is_before);
  if (piece == pieces_.end()) return std::numeric_limits<double>::infinity();
  const double within = count - piece->begin_count;
  if (within <= 0) return piece->begin_ns;
  // This form of the solution loses no digits where the slope is almost 0.
  const double root = std::sqrt(std::max(piece->from * piece->from + 2 * piece->slope * within, 0.0));
  return piece->begin_ns + std::min(2 * within / (piece->from + root), piece->duration_ns);
}

}  // namespace onehop::loadgen
