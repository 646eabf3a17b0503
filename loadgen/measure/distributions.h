// Random choices: the recipient of a message, and its size.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "loadgen/measure/random.h"

namespace onehop::loadgen {

// Draws a number from 0 to count - 1, either uniformly or by Zipf's law, in which the k-th most popular number is as
// likely as 1/k^exponent. A draw takes O(1) by Vose's alias method.
class Popularity {
 public:
  // An exponent of 0 means uniform draws. `seed` spreads the popular numbers over all numbers, so that they do not
  // share a thread.
  Popularity(uint32_t count, double exponent, uint64_t seed);
  uint32_t draw(Random& random) const;

 private:
  uint32_t count_;
  std::vector<double> keep_;  // The probability to keep the column's own number; empty if draws are uniform.
  std::vector<uint32_t> other_;
  std::vector<uint32_t> number_;  // The number that has each rank.
};

// The distribution of payload sizes, in bytes:
//   128                       always this size
//   uniform:64-4096           every size in the range is as likely
//   128:90,4KiB:9,64KiB:1     each size with its weight
//   lognormal:300/2.0         median and sigma; at most 100 times the median
class PayloadSizes {
 public:
  // Returns nothing, and puts a line that names the text into `error`, if the text is no distribution or allows a size
  // below `bytes_min`.
  static std::optional<PayloadSizes> parse(std::string_view text, size_t bytes_min, std::string& error);

  size_t draw(Random& random) const { return kind_ == Kind::kFixed ? bytes_max_ : draw_one(random); }
  size_t bytes_max() const { return bytes_max_; }
  const std::string& text() const { return text_; }

 private:
  enum class Kind : uint8_t { kFixed, kUniform, kWeighted, kLognormal };
  size_t draw_one(Random& random) const;

  Kind kind_ = Kind::kFixed;
  std::string text_;
  size_t bytes_min_ = 0;
  size_t bytes_max_ = 0;
  double median_ = 0, sigma_ = 0;
  std::vector<size_t> sizes_;
  std::vector<double> up_to_;  // The cumulated weights; the last one is 1.
};

}  // namespace onehop::loadgen
