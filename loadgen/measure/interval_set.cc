// See the header.
#include "loadgen/measure/interval_set.h"

#include <algorithm>
#include <iterator>

namespace onehop::loadgen {

uint64_t IntervalSet::insert(uint32_t first, uint32_t last) {
  uint64_t begin = first;
  uint64_t end = uint64_t{last} + 1;
  const uint64_t before = size_;
  auto next = intervals_.upper_bound(first);
  if (next != intervals_.begin()) {
    const auto left = std::prev(next);
    if (left->second >= end) return 0;
    if (left->second >= begin) {
      // Usually an interval grows at its end. Nothing is allocated then.
      begin = left->first;
      size_ -= left->second - left->first;
      while (next != intervals_.end() && next->first <= end) {
        end = std::max(end, next->second);
        size_ -= next->second - next->first;
        next = intervals_.erase(next);
      }
      left->second = end;
      size_ += end - begin;
      return size_ - before;
    }
  }
  while (next != intervals_.end() && next->first <= end) {
    end = std::max(end, next->second);
    size_ -= next->second - next->first;
    next = intervals_.erase(next);
  }
  intervals_.emplace_hint(next, first, end);
  size_ += end - begin;
  return size_ - before;
}

bool IntervalSet::erase(uint32_t number) {
  auto found = intervals_.upper_bound(number);
  if (found == intervals_.begin()) return false;
  --found;
  const uint64_t end = found->second;
  if (end <= number) return false;
  if (found->first == number) {
    intervals_.erase(found);
  } else {
    found->second = number;
  }
  if (end > uint64_t{number} + 1) intervals_.emplace(number + 1, end);
  --size_;
  return true;
}

bool IntervalSet::contains(uint32_t number) const {
  const auto next = intervals_.upper_bound(number);
  return next != intervals_.begin() && std::prev(next)->second > number;
}

}  // namespace onehop::loadgen
