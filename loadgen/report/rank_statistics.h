// Whether two samples differ in location, and by how much. Nothing is assumed about the shape of their distribution
// except that both have the same. The methods are the estimate of Hodges and Lehmann, and the exact confidence interval
// of the rank test of Mann and Whitney. docs/adr/008-comparing-runs.md says why.
#pragma once

#include <cstddef>
#include <vector>

namespace onehop::loadgen {

// How much b lies above a.
struct Shift {
  double estimate = 0;       // The median of all differences b - a.
  double low = 0, high = 0;  // The interval that holds the true shift with certainty `level`.
  double level = 0;  // The part of all such intervals that hold the true shift. It is below the wanted level only if
                     // the samples are too small.
};

// Both samples need at least one value. `level` is above 0 and below 1.
Shift estimate_shift(const std::vector<double>& a, const std::vector<double>& b, double level);

// Element u of the a·b + 1 elements is the number of orders of `a` values and `b` values in which exactly u pairs have
// the lower value in b.
std::vector<double> mann_whitney_counts(size_t a, size_t b);

// The smallest size of both samples at which an interval of this level exists.
size_t smallest_sample(double level);

}  // namespace onehop::loadgen
