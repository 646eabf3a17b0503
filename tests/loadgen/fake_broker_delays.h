// The delays of the fake broker: how long it holds each message back, and a record of how long it really did.
#pragma once

#include <cstdint>
#include <functional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace onehop::test {

// "5ms", "250us", "1.5s", "300ns" → nanoseconds. Throws std::invalid_argument.
uint64_t parse_delay(std::string_view text);

// A distribution of delays:
//   fixed:5ms                         always this delay
//   uniform:1ms-20ms                  every delay in the range is as likely
//   lognormal:3ms/0.8                 median and sigma
//   points:50%:2ms,49%:10ms,1%:100ms  each delay with its share; the shares add up to 100 %
class Delays {
 public:
  // Throws std::invalid_argument.
  Delays(std::string_view text, uint64_t seed);
  uint64_t draw_ns() { return draw_(random_); }

 private:
  std::mt19937_64 random_;
  std::function<uint64_t(std::mt19937_64&)> draw_;
};

// Keeps every single delay, so that percentiles are exact.
class Truth {
 public:
  void note(uint64_t delay_ns) { delays_ns_.push_back(delay_ns); }
  // Returns one object with the keys of the generator's own `latency_us`, in microseconds.
  std::string to_json() const;

 private:
  std::vector<uint64_t> delays_ns_;
};

}  // namespace onehop::test
