// Quantities as people write and read them. Each parser returns nothing if the text is no such quantity.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace onehop::loadgen {

// A millisecond and a second in nanoseconds.
inline constexpr uint64_t kMs = 1'000'000;
inline constexpr uint64_t kSecondNs = 1'000 * kMs;

// "8s", "300ms", "1.5s", "50us" (or "50µs"), "2m", "1h", "10ns", and "8" alone for seconds → nanoseconds.
std::optional<uint64_t> parse_duration(std::string_view text);
// "128", "4KiB", "4k" (1024), "1MiB" → bytes.
std::optional<uint64_t> parse_bytes(std::string_view text);
// "5000", "10k" (10,000), "1.5M" → messages a second; above 0.
std::optional<double> parse_rate(std::string_view text);
// "50%", "0.5" → a part from 0 to 1.
std::optional<double> parse_part(std::string_view text);

// A duration of at least this stands for something that never came. Histogram::kNever is above it.
inline constexpr double kNeverNs = 0x1p63;

// Three significant digits and a unit that suits: "1.23 ms", "845 ns", "12.3 s". From kNeverNs on it prints "never".
std::string print_duration(double ns);
// "12,345"; "1.2 MiB".
std::string print_count(uint64_t value);
std::string print_bytes(uint64_t bytes);
// Seconds since 1970 → "2026-01-31T12:34:56.789Z".
std::string iso_time(double unix_s);

}  // namespace onehop::loadgen
