// Durations in nanoseconds, counted in buckets. The width of a bucket is at most 1/1024 of its value, so percentiles
// are exact to 0.1 % from 1 ns to 18 minutes. Histograms of several threads or machines add up without loss.
// docs/adr/007-histogram.md says why this is no library.
//
// Values that never came are counted too, and are later than every other value. A percentile that falls among them is
// kNever, and then the mean is infinite.
//
// While values are recorded, every bucket up to the highest has a count of 8 bytes. pack() turns the histogram into a
// list of the buckets that are not empty, which takes a few bytes each and answers the same questions. The histograms
// of past seconds are kept in that form.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace onehop::loadgen {

class Histogram {
 public:
  // Larger values are counted as this one.
  static constexpr uint64_t kValueMax = (uint64_t{1} << 40) - 1;
  // Stands for a value that never came. record() does not take it; record_never() counts it.
  static constexpr uint64_t kNever = UINT64_MAX;

  // This runs several times for every message of a run. It only shifts and adds, and takes memory only for a new
  // highest bucket.
  void record(uint64_t value, uint64_t times = 1) {
    if (times == 0) return;
    value = std::min(value, kValueMax);
    const uint32_t bucket = bucket_of(value);
    if (bucket >= counts_.size()) grow(bucket);
    counts_[bucket] += times;
    count_ += times;
    sum_ += value * times;
    min_ = std::min(min_, value);
    max_ = std::max(max_, value);
  }
  void record_never(uint64_t times) { never_ += times; }
  void add(const Histogram& other);
  // Gives back the memory of empty buckets. The next value that is recorded or added takes that memory again.
  void pack();
  // The memory that the histogram has allocated.
  size_t memory_bytes() const { return counts_.capacity() * sizeof(uint64_t) + packed_.capacity(); }
  void clear();

  uint64_t count() const { return count_; }           // The values that came.
  uint64_t never() const { return never_; }           // The values that never came.
  uint64_t total() const { return count_ + never_; }  // The sum of both.
  bool empty() const { return total() == 0; }
  // These are exact. They are 0 without values, and kNever if no value came.
  uint64_t min() const { return count_ != 0 ? min_ : max(); }
  uint64_t max() const { return never_ != 0 ? kNever : max_; }
  uint64_t largest_value() const { return max_; }  // The largest of the values that came.
  // 0 without values, and infinite if any value never came.
  double mean() const;

  // The value of the lowest bucket such that at least this part of all values is not above it. The value is the middle
  // of the bucket, limited to the smallest and the largest value that came. `quantile` is from 0 to 1. Returns 0
  // without values, and kNever if that part includes values that never came.
  uint64_t quantile(double quantile) const;
  // How many values are not above `value`, exact to the width of a bucket.
  uint64_t count_up_to(uint64_t value) const;

  // The buckets that are not empty, in rising order, as number and count. from_buckets() makes the same histogram from
  // them and from the exact minimum, maximum and sum.
  std::vector<std::pair<uint32_t, uint64_t>> buckets() const;
  uint64_t sum() const { return sum_; }
  // `min` and `max` are those of the values that came. Throws std::invalid_argument if the parts contradict each other.
  static Histogram from_buckets(const std::vector<std::pair<uint32_t, uint64_t>>& buckets, uint64_t min, uint64_t max,
                                uint64_t sum, uint64_t never = 0);

  // The lowest and the highest value of bucket `number`.
  static uint64_t lowest_in(uint32_t number);
  static uint64_t highest_in(uint32_t number);
  // Each value below 2048 has a bucket of its own. Above that, each power of two is cut into 1024 buckets of equal
  // width.
  static uint32_t bucket_of(uint64_t value) {
    value = std::min(value, kValueMax);
    const uint32_t shift = static_cast<uint32_t>(std::bit_width(value | kSubBuckets)) - kSubBits - 1;
    return (shift << kSubBits) + static_cast<uint32_t>(value >> shift);
  }

  bool operator==(const Histogram& other) const;

 private:
  static constexpr uint32_t kSubBits = 10;
  static constexpr uint32_t kSubBuckets = 1u << kSubBits;

  static uint32_t shift_of_bucket(uint32_t number);
  void grow(uint32_t bucket);
  void unpack();
  // Calls visit(number, count) for each bucket that is not empty, in rising order, until it returns false.
  template <class Visit>
  void visit_buckets(Visit&& visit) const;

  // The counts up to the highest bucket that was used; empty while the histogram is packed.
  std::vector<uint64_t> counts_;
  // Two numbers for each bucket that is not empty: how many empty buckets come before it, and its count. A number takes
  // seven bits of each byte, the lowest bits first.
  std::vector<uint8_t> packed_;
  uint64_t count_ = 0;
  uint64_t sum_ = 0;
  uint64_t min_ = UINT64_MAX;
  uint64_t max_ = 0;
  uint64_t never_ = 0;
};

}  // namespace onehop::loadgen
