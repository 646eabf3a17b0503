// See the header.
#include "loadgen/measure/distributions.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>

#include "loadgen/measure/quantity.h"

namespace onehop::loadgen {

Popularity::Popularity(uint32_t count, double exponent, uint64_t seed) : count_(count) {
  if (exponent == 0) return;
  keep_.resize(count);
  other_.resize(count);
  number_.resize(count);
  double total = 0;
  for (uint32_t i = 0; i < count; ++i) {
    keep_[i] = std::pow(i + 1.0, -exponent);
    total += keep_[i];
    other_[i] = number_[i] = i;
  }
  // Vose's method: each column holds the probability of one number, scaled to a mean of 1. A column below 1 is filled
  // up by a number that has more than 1.
  std::vector<uint32_t> poor, rich;
  for (uint32_t i = 0; i < count; ++i) {
    keep_[i] *= count / total;
    (keep_[i] < 1 ? poor : rich).push_back(i);
  }
  while (!poor.empty() && !rich.empty()) {
    const uint32_t giver = rich.back();
    const uint32_t taker = poor.back();
    poor.pop_back();
    other_[taker] = giver;
    keep_[giver] -= 1 - keep_[taker];
    if (keep_[giver] < 1) {
      rich.pop_back();
      poor.push_back(giver);
    }
  }
  // Only rounding keeps the remaining columns from being 1.
  for (const uint32_t i : poor) keep_[i] = 1;
  for (const uint32_t i : rich) keep_[i] = 1;
  Random random(seed);
  for (uint32_t i = count; i > 1; --i) std::swap(number_[i - 1], number_[random.below(i)]);
}

uint32_t Popularity::draw(Random& random) const {
  const uint32_t column = random.below(count_);
  if (keep_.empty()) return column;
  return number_[random.part() < keep_[column] ? column : other_[column]];
}

namespace {

std::optional<double> parse_decimal(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed);
  if (error != std::errc{} || end != text.data() + text.size() || !std::isfinite(value)) return {};
  return value;
}

}  // namespace

std::optional<PayloadSizes> PayloadSizes::parse(std::string_view text, size_t bytes_min, std::string& error) {
  const auto refuse = [&](const std::string& why) {
    error = "'" + std::string(text) + "' " + why;
    return std::nullopt;
  };
  const std::string no_sizes =
      "is no distribution of sizes, as 128, uniform:64-4096, 128:90,4KiB:10, lognormal:300/2.0";
  PayloadSizes sizes;
  sizes.text_ = text;
  const auto colon = text.find(':');
  const std::string_view kind = text.substr(0, colon);
  const std::string_view rest = colon == text.npos ? std::string_view() : text.substr(colon + 1);
  if (kind == "uniform") {
    const auto dash = rest.find('-');
    const auto low = parse_bytes(rest.substr(0, dash));
    const auto high = dash == rest.npos ? std::nullopt : parse_bytes(rest.substr(dash + 1));
    if (!low || !high || *low > *high || *high >= uint64_t{1} << 32) return refuse(no_sizes);
    sizes.kind_ = Kind::kUniform;
    sizes.bytes_min_ = *low;
    sizes.bytes_max_ = *high;
  } else if (kind == "lognormal") {
    const auto slash = rest.find('/');
    const auto median = parse_bytes(rest.substr(0, slash));
    const auto sigma = slash == rest.npos ? std::nullopt : parse_decimal(rest.substr(slash + 1));
    if (!median || !sigma || *sigma < 0 || *median >= uint64_t{1} << 32) return refuse(no_sizes);
    if (*median < bytes_min) return refuse("has sizes below the least, " + std::to_string(bytes_min) + " bytes");
    sizes.kind_ = Kind::kLognormal;
    sizes.median_ = static_cast<double>(*median);
    sizes.sigma_ = *sigma;
    sizes.bytes_min_ = bytes_min;  // Smaller draws are raised to the least size.
    sizes.bytes_max_ = *median * 100;
  } else if (colon == text.npos) {
    const auto size = parse_bytes(text);
    if (!size || *size >= uint64_t{1} << 32) return refuse(no_sizes);
    sizes.bytes_min_ = sizes.bytes_max_ = *size;
  } else {
    sizes.kind_ = Kind::kWeighted;
    double total = 0;
    for (std::string_view left = text;;) {
      const auto comma = left.find(',');
      const std::string_view entry = left.substr(0, comma);
      const auto weight_at = entry.find(':');
      const auto size = parse_bytes(entry.substr(0, weight_at));
      if (weight_at == entry.npos) return refuse(no_sizes);
      const auto weight = parse_decimal(entry.substr(weight_at + 1));
      if (!size || *size >= uint64_t{1} << 32 || !weight || *weight <= 0) return refuse(no_sizes);
      sizes.sizes_.push_back(*size);
      sizes.up_to_.push_back(total += *weight);
      if (comma == left.npos) break;
      left = left.substr(comma + 1);
    }
    if (!std::isfinite(total)) return refuse(no_sizes);
    for (double& part : sizes.up_to_) part /= total;
    const auto [low, high] = std::minmax_element(sizes.sizes_.begin(), sizes.sizes_.end());
    sizes.bytes_min_ = *low;
    sizes.bytes_max_ = *high;
  }
  if (sizes.bytes_min_ < bytes_min) return refuse("has sizes below the least, " + std::to_string(bytes_min) + " bytes");
  return sizes;
}

size_t PayloadSizes::draw_one(Random& random) const {
  switch (kind_) {
    case Kind::kFixed:
      return bytes_max_;
    case Kind::kUniform:
      return bytes_min_ + static_cast<size_t>(random.part() * static_cast<double>(bytes_max_ - bytes_min_ + 1));
    case Kind::kWeighted: {
      const auto found = std::upper_bound(up_to_.begin(), up_to_.end() - 1, random.part());
      return sizes_[static_cast<size_t>(found - up_to_.begin())];
    }
    case Kind::kLognormal:
      break;
  }
  // This is the method of Box and Muller. Its logarithm is finite because 1 - part() is above 0.
  const double normal = std::sqrt(-2 * std::log(1 - random.part())) * std::cos(2 * M_PI * random.part());
  const double size = median_ * std::exp(sigma_ * normal);
  return static_cast<size_t>(std::clamp(size, static_cast<double>(bytes_min_), static_cast<double>(bytes_max_)));
}

}  // namespace onehop::loadgen
