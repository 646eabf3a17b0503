// See the header.
#include "loadgen/measure/quantity.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <initializer_list>
#include <utility>

#include "loadgen/measure/text.h"

namespace onehop::loadgen {
namespace {

struct Quantity {
  double number;
  std::string_view unit;
};

// Splits the text into digits with at most one point, and the rest.
std::optional<Quantity> split(std::string_view text) {
  const size_t end = std::min(text.find_first_not_of("0123456789."), text.size());
  double number = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + end, number, std::chars_format::fixed);
  if (end == 0 || error != std::errc{} || stop != text.data() + end) return {};
  return Quantity{number, text.substr(end)};
}

using Units = std::initializer_list<std::pair<std::string_view, double>>;

std::optional<double> scaled(std::string_view text, Units units) {
  const auto quantity = split(text);
  if (!quantity) return {};
  for (const auto& [unit, factor] : units) {
    if (unit == quantity->unit) return quantity->number * factor;
  }
  return {};
}

std::optional<uint64_t> whole(std::optional<double> value) {
  if (!value || *value >= 0x1p63) return {};
  return static_cast<uint64_t>(std::llround(*value));
}

// Three significant digits of a value from 0 to 9999.
std::string print_three(double value, const char* unit) {
  char text[64];
  const int decimals = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
  std::snprintf(text, sizeof text, "%.*f %s", decimals, value, unit);
  return text;
}

}  // namespace

std::optional<uint64_t> parse_duration(std::string_view text) {
  return whole(scaled(
      text, {{"", 1e9}, {"ns", 1}, {"us", 1e3}, {"µs", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"m", 60e9}, {"h", 3600e9}}));
}

std::optional<uint64_t> parse_bytes(std::string_view text) {
  const auto bytes = scaled(text, {{"", 1},
                                   {"B", 1},
                                   {"k", 0x1p10},
                                   {"KiB", 0x1p10},
                                   {"M", 0x1p20},
                                   {"MiB", 0x1p20},
                                   {"G", 0x1p30},
                                   {"GiB", 0x1p30}});
  if (!bytes || *bytes != std::floor(*bytes)) return {};
  return whole(bytes);
}

std::optional<double> parse_rate(std::string_view text) {
  const auto rate = scaled(text, {{"", 1}, {"k", 1e3}, {"M", 1e6}});
  if (!rate || *rate <= 0 || !std::isfinite(*rate)) return {};
  return rate;
}

std::optional<double> parse_part(std::string_view text) {
  const auto part = scaled(text, {{"", 1}, {"%", 0.01}});
  if (!part || *part > 1) return {};
  return part;
}

std::string print_duration(double ns) {
  if (ns >= kNeverNs) return "never";
  if (ns < 999.5) return std::to_string(std::llround(ns)) + " ns";
  if (ns < 999.5e3) return print_three(ns / 1e3, "µs");
  if (ns < 999.5e6) return print_three(ns / 1e6, "ms");
  return print_three(ns / 1e9, "s");
}

std::string print_count(uint64_t value) {
  const std::string digits = std::to_string(value);
  std::string text;
  for (size_t i = 0; i < digits.size(); ++i) {
    if (i != 0 && (digits.size() - i) % 3 == 0) text += ',';
    text += digits[i];
  }
  return text;
}

std::string print_bytes(uint64_t bytes) {
  static constexpr const char* kUnits[] = {"KiB", "MiB", "GiB", "TiB"};
  if (bytes < 1024) return std::to_string(bytes) + " B";
  double value = static_cast<double>(bytes) / 1024;
  size_t unit = 0;
  while (value >= 1023.95 && unit < 3) value /= 1024, ++unit;
  char text[64];
  std::snprintf(text, sizeof text, "%.1f %s", value, kUnits[unit]);
  return text;
}

std::string iso_time(double unix_s) {
  const auto ms = static_cast<int64_t>(std::floor(unix_s * 1000 + 0.5));
  const auto seconds = static_cast<time_t>(ms / 1000);
  tm parts{};
  gmtime_r(&seconds, &parts);
  return printed("%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday,
                 parts.tm_hour, parts.tm_min, parts.tm_sec, static_cast<int>(ms % 1000));
}

}  // namespace onehop::loadgen
