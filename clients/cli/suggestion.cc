// See the header.
#include "cli/suggestion.h"

#include <algorithm>
#include <numeric>

namespace onehop::cli {
namespace {

// How many characters have to be added, left out, changed, or swapped with their neighbour.
size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> before;
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    std::vector<size_t> next(b.size() + 1, i);
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t changed = row[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      next[j] = std::min({changed, row[j] + 1, next[j - 1] + 1});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) next[j] = std::min(next[j], before[j - 2] + 1);
    }
    before = std::move(row);
    row = std::move(next);
  }
  return row.back();
}

}  // namespace

std::string did_you_mean(std::string_view typed, const std::vector<std::string>& names) {
  // Longer than any name; its distance would only cost time.
  if (typed.size() > 64) return {};
  const std::string* closest = nullptr;
  // A third of the word may be wrong.
  size_t distance = std::max<size_t>(1, typed.size() / 3) + 1;
  for (const std::string& name : names) {
    const size_t that = edit_distance(typed, name);
    if (that >= distance) continue;
    distance = that;
    closest = &name;
  }
  return closest == nullptr ? "" : "; did you mean '" + *closest + "'?";
}

}  // namespace onehop::cli
