// See the header.
#include "loadgen/report/rank_statistics.h"

#include <algorithm>
#include <numeric>

namespace onehop::loadgen {
namespace {

double median(const std::vector<double>& sorted) {
  const size_t middle = sorted.size() / 2;
  return sorted.size() % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

}  // namespace

// The highest of all values belongs to a or to b. If it belongs to b, it makes no pair in which b's value is lower. If
// it belongs to a, it makes such a pair with each value of b. So counts(a, b, u) = counts(a - 1, b, u - b) + counts(a,
// b - 1, u).
std::vector<double> mann_whitney_counts(size_t a, size_t b) {
  const size_t length = a * b + 1;
  std::vector<std::vector<double>> row(
      b + 1, std::vector<double>(length, 0));  // For the present count of a, by the count of b.
  for (auto& counts : row) counts[0] = 1;      // Without values of a there is one order.
  for (size_t of_a = 1; of_a <= a; ++of_a) {
    // row[0] stays as it is, since there is also one order without values of b.
    for (size_t of_b = 1; of_b <= b; ++of_b) {
      std::vector<double> counts = row[of_b - 1];
      for (size_t u = of_b; u < length; ++u) counts[u] += row[of_b][u - of_b];
      row[of_b] = std::move(counts);
    }
  }
  return row[b];
}

Shift estimate_shift(const std::vector<double>& a, const std::vector<double>& b, double level) {
  std::vector<double> differences;
  differences.reserve(a.size() * b.size());
  for (const double of_a : a) {
    for (const double of_b : b) differences.push_back(of_b - of_a);
  }
  std::sort(differences.begin(), differences.end());

  // The interval goes from the k-th lowest difference to the k-th highest. It misses the true shift on one side if at
  // most k - 1 pairs lie beyond that shift.
  const std::vector<double> counts = mann_whitney_counts(a.size(), b.size());
  const double all = std::accumulate(counts.begin(), counts.end(), 0.0);
  size_t k = 1;
  double missed = counts[0];
  while (2 * k < differences.size() && 2 * (missed + counts[k]) <= (1 - level) * all) missed += counts[k++];
  return {median(differences), differences[k - 1], differences[differences.size() - k],
          std::max(0.0, 1 - 2 * missed / all)};
}

size_t smallest_sample(double level) {
  double orders = 2;  // The number of orders of one value and one value.
  size_t size = 1;
  // In the best case one of all orders lies beyond each end.
  while (1 - 2 / orders < level) {
    ++size;
    orders = orders * static_cast<double>(2 * (2 * size - 1)) / static_cast<double>(size);
  }
  return size;
}

}  // namespace onehop::loadgen
