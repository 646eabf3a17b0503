// See the header.
#include "fake_broker_delays.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <numeric>
#include <stdexcept>
#include <utility>

namespace onehop::test {
namespace {

[[noreturn]] void refuse(std::string_view text) {
  throw std::invalid_argument("not a delay: " + std::string(text));
}

// Splits at the first `separator`. The text must contain it.
std::pair<std::string_view, std::string_view> split(std::string_view text, char separator) {
  const size_t at = text.find(separator);
  if (at == std::string_view::npos) refuse(text);
  return {text.substr(0, at), text.substr(at + 1)};
}

double parse_number(std::string_view text, std::string_view& unit) {
  const std::string copy(text);
  char* end = nullptr;
  const double value = std::strtod(copy.c_str(), &end);
  if (end == copy.c_str() || !(value >= 0)) refuse(text);
  unit = text.substr(static_cast<size_t>(end - copy.c_str()));
  return value;
}

std::vector<std::pair<double, uint64_t>> parse_points(std::string_view text) {
  std::vector<std::pair<double, uint64_t>> points;  // The cumulated share and the delay.
  double sum = 0;
  while (!text.empty()) {
    const size_t comma = std::min(text.find(','), text.size());
    const auto [share, delay] = split(text.substr(0, comma), ':');
    std::string_view unit;
    sum += parse_number(share, unit) / 100;
    if (unit != "%") refuse(text);
    points.emplace_back(sum, parse_delay(delay));
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  if (std::abs(sum - 1) > 1e-9) throw std::invalid_argument("the shares are not 100 % together");
  points.back().first = 1;
  return points;
}

std::string print_us(double ns) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3f", ns / 1000);
  return text;
}

}  // namespace

uint64_t parse_delay(std::string_view text) {
  std::string_view unit;
  const double value = parse_number(text, unit);
  for (const auto& [name, ns] : {std::pair<std::string_view, double>{"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}}) {
    if (unit == name) return static_cast<uint64_t>(std::llround(value * ns));
  }
  refuse(text);
}

Delays::Delays(std::string_view text, uint64_t seed) : random_(seed) {
  const auto [kind, rest] = split(text, ':');
  if (kind == "fixed") {
    draw_ = [ns = parse_delay(rest)](std::mt19937_64&) { return ns; };
  } else if (kind == "uniform") {
    const auto [low, high] = split(rest, '-');
    draw_ = [spread = std::uniform_int_distribution<uint64_t>(parse_delay(low), parse_delay(high))](
                std::mt19937_64& random) mutable { return spread(random); };
  } else if (kind == "lognormal") {
    const auto [median, sigma] = split(rest, '/');
    std::string_view unit;
    const double sigma_value = parse_number(sigma, unit);
    draw_ = [spread =
                 std::lognormal_distribution<double>(std::log(static_cast<double>(parse_delay(median))), sigma_value)](
                std::mt19937_64& random) mutable { return static_cast<uint64_t>(spread(random)); };
  } else if (kind == "points") {
    draw_ = [points = parse_points(rest),
             part = std::uniform_real_distribution<double>()](std::mt19937_64& random) mutable {
      const double drawn = part(random);
      return std::find_if(points.begin(), points.end() - 1, [&](const auto& point) { return drawn < point.first; })
          ->second;
    };
  } else {
    refuse(text);
  }
}

std::string Truth::to_json() const {
  std::vector<uint64_t> sorted = delays_ns_;
  std::sort(sorted.begin(), sorted.end());
  const double count = static_cast<double>(sorted.size());
  // The smallest value such that at least this part of all values is not above it.
  const auto at = [&](double part) {
    if (sorted.empty()) return print_us(0);
    const double rank = std::max(std::ceil(part * count - 1e-9), 1.0);
    return print_us(static_cast<double>(sorted[static_cast<size_t>(rank) - 1]));
  };
  const double sum = std::accumulate(sorted.begin(), sorted.end(), 0.0);
  return "{\"count\": " + std::to_string(sorted.size()) + ", \"min\": " + at(0) + ", \"p50\": " + at(0.5) +
         ", \"p90\": " + at(0.9) + ", \"p95\": " + at(0.95) + ", \"p99\": " + at(0.99) + ", \"p99_9\": " + at(0.999) +
         ", \"p99_99\": " + at(0.9999) + ", \"max\": " + at(1) +
         ", \"mean\": " + print_us(sorted.empty() ? 0 : sum / count) + "}\n";
}

}  // namespace onehop::test
