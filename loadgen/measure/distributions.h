// Whom a message is for, and how large it is.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "loadgen/measure/random.h"

namespace onehop::loadgen {

// Draws 0 to count - 1: uniformly, or after Zipf's law (the k-th most popular as likely as 1/k^exponent), in O(1) by
// Vose's alias method.
class Popularity {
 public:
  // An exponent of 0: uniform. The popular ones are spread over the numbers by `seed`, so that they do not share a
  // thread.
  Popularity(uint32_t count, double exponent, uint64_t seed);
  uint32_t draw(Random& random) const;

 private:
  uint32_t count_;
  std::vector<double> keep_;  // Empty: uniform.
  std::vector<uint32_t> other_;
  std::vector<uint32_t> number_;  // Of a rank.
};

// The distribution of payload sizes, in bytes:
//   128                       always
//   uniform:64-4096           each as likely
//   128:90,4KiB:9,64KiB:1     each with its weight
//   lognormal:300/2.0         median / sigma; at most 100 times the median
class PayloadSizes {
 public:
  // Nothing, and in `error` a line that names the text, if it is none, or one may be below `bytes_min`.
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
  std::vector<double> up_to_;  // Cumulated weights, the last is 1.
};

}  // namespace onehop::loadgen
