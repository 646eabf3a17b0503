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

// The value that is highest of all is one of a's or one of b's. One of b's makes no pair in which b's is lower; one of
// a's makes such a pair with each of b's: counts(a, b, u) = counts(a - 1, b, u - b) + counts(a, b - 1, u).
std::vector<double> mann_whitney_counts(size_t a, size_t b) {
  const size_t length = a * b + 1;
  std::vector<std::vector<double>> row(b + 1, std::vector<double>(length, 0));  // Of so many of a, by how many of b.
  for (auto& counts : row) counts[0] = 1;                                       // With none of a there is one order.
  for (size_t of_a = 1; of_a <= a; ++of_a) {
    // row[0] stays as it is: with none of b there is one order as well.
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
  // most k - 1 pairs lie beyond it.
  const std::vector<double> counts = mann_whitney_counts(a.size(), b.size());
  const double all = std::accumulate(counts.begin(), counts.end(), 0.0);
  size_t k = 1;
  double missed = counts[0];
  while (2 * k < differences.size() && 2 * (missed + counts[k]) <= (1 - level) * all) missed += counts[k++];
  return {median(differences), differences[k - 1], differences[differences.size() - k],
          std::max(0.0, 1 - 2 * missed / all)};
}

size_t smallest_sample(double level) {
  double orders = 2;  // Of one and one: 2 over 1.
  size_t size = 1;
  // At the best one order of all is beyond each end.
  while (1 - 2 / orders < level) {
    ++size;
    orders = orders * static_cast<double>(2 * (2 * size - 1)) / static_cast<double>(size);
  }
  return size;
}

}  // namespace onehop::loadgen
