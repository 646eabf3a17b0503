// HdrHistogram's text form of a distribution, which the plotters of HdrHistogram and wrk2 read. There is a line
// wherever the part of the values that is not above the line's value reaches the next tick. There are five ticks for
// each halving of the rest. Two lines with sums follow.
#include <algorithm>
#include <cinttypes>
#include <cmath>

#include "loadgen/measure/text.h"
#include "loadgen/report/report.h"

namespace onehop::loadgen {
namespace {

constexpr double kTicksForEachHalf = 5;
constexpr double kNsInMs = 1e6;

// The tick after `percent`.
double next_tick(double percent) {
  const double halves = std::floor(std::log2(100 / (100 - percent))) + 1;
  return percent + 100 / (kTicksForEachHalf * std::pow(2, halves));
}

double mean_of_what_came(const Histogram& histogram) {
  return histogram.count() == 0 ? 0 : static_cast<double>(histogram.sum()) / static_cast<double>(histogram.count());
}

double deviation(const Histogram& histogram) {
  if (histogram.count() == 0) return 0;
  const double mean = mean_of_what_came(histogram);
  double squares = 0;
  for (const auto& [number, count] : histogram.buckets()) {
    const double middle =
        (static_cast<double>(Histogram::lowest_in(number)) + static_cast<double>(Histogram::highest_in(number))) / 2;
    squares += static_cast<double>(count) * (middle - mean) * (middle - mean);
  }
  return std::sqrt(squares / static_cast<double>(histogram.count()));
}

}  // namespace

std::string to_hgrm(const Histogram& histogram) {
  std::string text = printed("%12s %14s %10s %14s\n\n", "Value", "Percentile", "TotalCount", "1/(1-Percentile)");
  const auto total = histogram.total();  // Values that never came lie beyond the last line.
  uint64_t seen = 0;
  double percent = 0;
  for (const auto& [number, count] : histogram.buckets()) {
    seen += count;
    const double value =
        static_cast<double>(std::min(Histogram::highest_in(number), histogram.largest_value())) / kNsInMs;
    const double reached = 100 * static_cast<double>(seen) / static_cast<double>(total);
    while (percent <= reached && percent < 100) {
      text += printed("%12.6f %2.12f %10" PRIu64 " %14.2f\n", value, percent / 100, seen, 100 / (100 - percent));
      percent = next_tick(percent);
      if (seen == total) break;
    }
  }
  const double max = static_cast<double>(histogram.largest_value()) / kNsInMs;
  if (total > 0 && histogram.never() == 0) text += printed("%12.6f %2.12f %10" PRIu64 "\n", max, 1.0, total);
  const auto last = histogram.empty() ? 0 : Histogram::bucket_of(histogram.largest_value()) + 1;
  if (histogram.never() > 0) text += printed("#[Never   = %12" PRIu64 "]\n", histogram.never());
  text += printed("#[Mean    = %12.6f, StdDeviation   = %12.6f]\n", mean_of_what_came(histogram) / kNsInMs,
                  deviation(histogram) / kNsInMs);
  text += printed("#[Max     = %12.6f, Total count    = %12" PRIu64 "]\n", max, total);
  text += printed("#[Buckets = %12d, SubBuckets     = %12d]\n", last / 1024 + 1, 1024);
  return text;
}

}  // namespace onehop::loadgen
