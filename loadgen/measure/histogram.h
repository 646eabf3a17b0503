// Durations in nanoseconds, counted in buckets whose width is at most 1/1024 of their value: percentiles are exact to
// 0.1 %, from 1 ns to 18 minutes, and histograms of the same run, of several threads or of several machines add up
// without loss. Why not a library: docs/adr/007-histogram.md.
//
// What never came is counted too, as later than every value: a percentile over it is kNever, and the mean is infinite.
//
// While values are recorded every bucket up to the highest has its count, 8 bytes each. A histogram that is kept, as
// those of past seconds are, is packed: it holds the buckets that are not empty, a few bytes each, and can do the same.
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
  // Values above are counted as this.
  static constexpr uint64_t kValueMax = (uint64_t{1} << 40) - 1;
  // Later than every value. It is not recorded with record().
  static constexpr uint64_t kNever = UINT64_MAX;

  // Several times for every message of a run: shifts and additions only, and memory only for a new highest bucket.
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
  // Gives back the memory of empty buckets. The next value that is recorded or added takes it again.
  void pack();
  // What it holds beside itself.
  size_t memory_bytes() const { return counts_.capacity() * sizeof(uint64_t) + packed_.capacity(); }
  void clear();

  uint64_t count() const { return count_; }           // Without what never came.
  uint64_t never() const { return never_; }           // What never came.
  uint64_t total() const { return count_ + never_; }  // Both.
  bool empty() const { return total() == 0; }
  // Exact, as recorded; 0 with no values, kNever where that is all there is.
  uint64_t min() const { return count_ != 0 ? min_ : max(); }
  uint64_t max() const { return never_ != 0 ? kNever : max_; }
  uint64_t largest_value() const { return max_; }  // Of what came.
  // 0 with no values; infinite if anything never came.
  double mean() const;

  // The smallest bucket's value such that at least this part of all is not above it: the middle of the bucket, but
  // never outside the smallest and the largest value. `quantile` from 0 to 1; 0 with no values; kNever if so much
  // never came.
  uint64_t quantile(double quantile) const;
  // How many of the values are not above `value`, to the bucket's width.
  uint64_t count_up_to(uint64_t value) const;

  // The buckets that are not empty, in rising order: number and count. From them, with the exact minimum, maximum and
  // sum, the same histogram can be made again.
  std::vector<std::pair<uint32_t, uint64_t>> buckets() const;
  uint64_t sum() const { return sum_; }
  // `min` and `max` are those of what came. Throws std::invalid_argument if they contradict each other.
  static Histogram from_buckets(const std::vector<std::pair<uint32_t, uint64_t>>& buckets, uint64_t min, uint64_t max,
                                uint64_t sum, uint64_t never = 0);

  // The values that share bucket `number`: the lowest and the highest.
  static uint64_t lowest_in(uint32_t number);
  static uint64_t highest_in(uint32_t number);
  // Below 2048 each value has its own bucket; above, each power of two is cut into 1024 of equal width.
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

  // As long as the highest bucket that was used; empty while packed.
  std::vector<uint64_t> counts_;
  // For each bucket that is not empty two numbers of seven bits a byte, the lowest first: how many empty ones are
  // before it, and its count.
  std::vector<uint8_t> packed_;
  uint64_t count_ = 0;
  uint64_t sum_ = 0;
  uint64_t min_ = UINT64_MAX;
  uint64_t max_ = 0;
  uint64_t never_ = 0;
};

}  // namespace onehop::loadgen
