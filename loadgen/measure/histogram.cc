// See the header. Here is everything that is not done for every message.
#include "loadgen/measure/histogram.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

namespace onehop::loadgen {

uint32_t Histogram::shift_of_bucket(uint32_t number) {
  return number < 2 * kSubBuckets ? 0 : (number >> kSubBits) - 1;
}

uint64_t Histogram::lowest_in(uint32_t number) {
  const uint32_t shift = shift_of_bucket(number);
  return static_cast<uint64_t>(number - (shift << kSubBits)) << shift;
}

uint64_t Histogram::highest_in(uint32_t number) {
  return lowest_in(number) + (uint64_t{1} << shift_of_bucket(number)) - 1;
}

template <class Visit>
void Histogram::visit_buckets(Visit&& visit) const {
  const uint8_t* at = packed_.data();
  const uint8_t* const end = at + packed_.size();
  const auto read = [&at] {
    uint64_t value = 0;
    for (uint32_t shift = 0;; shift += 7) {
      const uint8_t byte = *at++;
      value |= uint64_t{byte & 0x7FU} << shift;
      if (byte < 0x80) return value;
    }
  };
  for (uint32_t number = 0; at != end; ++number) {
    number += static_cast<uint32_t>(read());
    if (!visit(number, read())) return;
  }
  for (uint32_t number = 0; number < counts_.size(); ++number) {
    if (counts_[number] != 0 && !visit(number, counts_[number])) return;
  }
}

void Histogram::pack() {
  if (counts_.empty()) return;
  std::vector<uint8_t> bytes;
  const auto write = [&bytes](uint64_t value) {
    for (; value >= 0x80; value >>= 7) bytes.push_back(static_cast<uint8_t>(value | 0x80));
    bytes.push_back(static_cast<uint8_t>(value));
  };
  uint32_t next = 0;
  visit_buckets([&](uint32_t number, uint64_t count) {
    write(number - next);
    write(count);
    next = number + 1;
    return true;
  });
  bytes.shrink_to_fit();
  packed_.swap(bytes);
  std::vector<uint64_t>().swap(counts_);
}

void Histogram::unpack() {
  std::vector<uint64_t> counts;
  visit_buckets([&](uint32_t number, uint64_t count) {
    counts.resize(number + 1);
    counts[number] = count;
    return true;
  });
  counts_.swap(counts);
  std::vector<uint8_t>().swap(packed_);
}

void Histogram::grow(uint32_t bucket) {
  if (!packed_.empty()) unpack();
  if (bucket >= counts_.size()) counts_.resize(bucket + 1);
}

void Histogram::add(const Histogram& other) {
  if (!packed_.empty()) unpack();
  if (other.counts_.size() > counts_.size()) counts_.resize(other.counts_.size());
  other.visit_buckets([&](uint32_t number, uint64_t count) {
    if (number >= counts_.size()) counts_.resize(number + 1);
    counts_[number] += count;
    return true;
  });
  count_ += other.count_;
  sum_ += other.sum_;
  min_ = std::min(min_, other.min_);
  max_ = std::max(max_, other.max_);
  never_ += other.never_;
}

void Histogram::clear() {
  std::fill(counts_.begin(), counts_.end(), 0);
  packed_.clear();
  count_ = sum_ = max_ = never_ = 0;
  min_ = UINT64_MAX;
}

double Histogram::mean() const {
  if (never_ != 0) return std::numeric_limits<double>::infinity();
  return count_ == 0 ? 0 : static_cast<double>(sum_) / static_cast<double>(count_);
}

uint64_t Histogram::quantile(double quantile) const {
  if (empty()) return 0;
  const double wanted = std::ceil(std::clamp(quantile, 0.0, 1.0) * static_cast<double>(total()));
  const uint64_t rank = std::clamp<uint64_t>(static_cast<uint64_t>(wanted), 1, total());
  if (rank > count_) return kNever;
  if (rank == count_) return max_;
  uint64_t seen = 0, value = max_;
  visit_buckets([&](uint32_t number, uint64_t count) {
    seen += count;
    if (seen < rank) return true;
    value = std::clamp(lowest_in(number) + (highest_in(number) - lowest_in(number)) / 2, min_, max_);
    return false;
  });
  return value;
}

uint64_t Histogram::count_up_to(uint64_t value) const {
  const uint32_t last = bucket_of(value);
  uint64_t seen = 0;
  visit_buckets([&](uint32_t number, uint64_t count) {
    if (number <= last) seen += count;
    return number < last;
  });
  return seen;
}

std::vector<std::pair<uint32_t, uint64_t>> Histogram::buckets() const {
  std::vector<std::pair<uint32_t, uint64_t>> buckets;
  visit_buckets([&](uint32_t number, uint64_t count) {
    buckets.emplace_back(number, count);
    return true;
  });
  return buckets;
}

Histogram Histogram::from_buckets(const std::vector<std::pair<uint32_t, uint64_t>>& buckets, uint64_t min, uint64_t max,
                                  uint64_t sum, uint64_t never) {
  Histogram histogram;
  histogram.never_ = never;
  if (buckets.empty()) {
    if (max != 0 || sum != 0) throw std::invalid_argument("a histogram without values has a maximum or a sum");
    return histogram;
  }
  double least = 0, most = 0;
  int64_t last = -1;
  for (const auto& [number, count] : buckets) {
    if (number <= last || count == 0) throw std::invalid_argument("a histogram's buckets do not rise, or are empty");
    last = number;
    if (number > bucket_of(kValueMax)) throw std::invalid_argument("a histogram's bucket is too high");
    histogram.counts_.resize(number + 1);
    histogram.counts_[number] = count;
    if (__builtin_add_overflow(histogram.count_, count, &histogram.count_)) {
      throw std::invalid_argument("a histogram counts too many values");
    }
    least += static_cast<double>(lowest_in(number)) * static_cast<double>(count);
    most += static_cast<double>(highest_in(number)) * static_cast<double>(count);
  }
  if (min > max || max > kValueMax || bucket_of(min) != buckets.front().first ||
      bucket_of(max) != buckets.back().first) {
    throw std::invalid_argument("a histogram's minimum or maximum is not in its buckets");
  }
  // Doubles are exact to 1 in 2^53, so the sum of a huge histogram may seem to lie outside its bounds by that much.
  const auto total = static_cast<double>(sum);
  if (total < least * (1 - 1e-9) || total > most * (1 + 1e-9)) {
    throw std::invalid_argument("a histogram's sum does not fit its buckets");
  }
  histogram.min_ = min;
  histogram.max_ = max;
  histogram.sum_ = sum;
  return histogram;
}

bool Histogram::operator==(const Histogram& other) const {
  // Empty buckets at the end, which clear() leaves behind, make no difference.
  return count_ == other.count_ && never_ == other.never_ && sum_ == other.sum_ && min_ == other.min_ &&
         max_ == other.max_ && buckets() == other.buckets();
}

}  // namespace onehop::loadgen
