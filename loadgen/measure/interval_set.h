// A set of numbers that come in runs: kept as half-open intervals, so that a million numbers in a row cost as much as
// one.
#pragma once

#include <cstdint>
#include <map>

namespace onehop::loadgen {

class IntervalSet {
 public:
  // Adds [first, last]; returns how many of them were new.
  uint64_t insert(uint32_t first, uint32_t last);
  // Takes one out; false if it was not there.
  bool erase(uint32_t number);
  bool contains(uint32_t number) const;
  uint64_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  // First → one past the last, in rising order.
  const std::map<uint32_t, uint64_t>& intervals() const { return intervals_; }

 private:
  std::map<uint32_t, uint64_t> intervals_;  // First → one past the last; no two touch.
  uint64_t size_ = 0;
};

}  // namespace onehop::loadgen
