// A set of numbers that mostly follow each other. It keeps half-open intervals, so a million numbers in a row cost as
// much as one number.
#pragma once

#include <cstdint>
#include <map>

namespace onehop::loadgen {

class IntervalSet {
 public:
  // Adds [first, last], and returns how many of these numbers were new.
  uint64_t insert(uint32_t first, uint32_t last);
  // Takes one number out. Returns false if it was not in the set.
  bool erase(uint32_t number);
  bool contains(uint32_t number) const;
  uint64_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  // The intervals in rising order: the first number → one past the last.
  const std::map<uint32_t, uint64_t>& intervals() const { return intervals_; }

 private:
  std::map<uint32_t, uint64_t> intervals_;  // No two intervals touch.
  uint64_t size_ = 0;
};

}  // namespace onehop::loadgen
