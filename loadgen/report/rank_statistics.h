// Whether two samples differ in place, and by how much, with nothing assumed about the shape of their distribution but
// that it is the same for both: the estimate of Hodges and Lehmann, and the exact confidence interval that belongs to
// the rank test of Mann and Whitney. docs/adr/008-comparing-runs.md says why these.
#pragma once

#include <cstddef>
#include <vector>

namespace onehop::loadgen {

// By how much b lies above a.
struct Shift {
  double estimate = 0;       // The median of all differences b - a.
  double low = 0, high = 0;  // The interval: a shift within it would be no surprise.
  double level = 0;          // How sure: the part of all such intervals that hold the true shift. At least what was
                             // asked for, unless the samples are too small for that.
};

// Both with at least one value. `level` above 0 and below 1.
Shift estimate_shift(const std::vector<double>& a, const std::vector<double>& b, double level);

// In how many of all orders of a sample of `a` and one of `b` values are there u pairs in which b's is the lower one:
// element u of a·b + 1.
std::vector<double> mann_whitney_counts(size_t a, size_t b);

// The smallest count of values in each of two samples at which an interval of this level exists.
size_t smallest_sample(double level);

}  // namespace onehop::loadgen
