// Sampling of a log under flood: so many lines each second, and a count of those left out.
#pragma once

#include <atomic>
#include <cstdint>

namespace onehop::daemon {

// Any thread. Several threads may admit a few lines too many where one second becomes the next.
class LineBudget {
 public:
  explicit LineBudget(int64_t lines_per_second) : lines_per_second_(lines_per_second) {}

  // Whether a line may be written in this second. Sets `left_out` to what take_left_out() returns.
  bool admit(int64_t second, int64_t& left_out) {
    left_out = take_left_out(second);
    return lines_.fetch_add(1) < lines_per_second_;
  }

  // The first call in a second gets the number of lines that were left out in the last second that had any. Otherwise
  // 0.
  int64_t take_left_out(int64_t second) {
    int64_t seen = second_.load();
    if (seen == second || !second_.compare_exchange_strong(seen, second)) return 0;
    const int64_t left_out = lines_.exchange(0) - lines_per_second_;
    return left_out > 0 ? left_out : 0;
  }

 private:
  const int64_t lines_per_second_;
  std::atomic<int64_t> second_{0};
  std::atomic<int64_t> lines_{0};
};

}  // namespace onehop::daemon
