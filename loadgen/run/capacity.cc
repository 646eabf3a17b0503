// See the header.
#include "loadgen/run/capacity.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "loadgen/measure/quantity.h"
#include "loadgen/measure/text.h"
#include "loadgen/report/verdict.h"

namespace onehop::loadgen {
namespace {

// The search ends when the two ends are this close.
constexpr double kNarrow = 1.04;
// If even this part of the first rate fails, the search gives up.
constexpr double kLeast = 1.0 / 1024;
// More growth of the messages under way than this part of the rate is more than the noise of two samples.
constexpr double kGrowthMax = 0.01;

// The growth of the messages under way in each second, from the end of the first second to the end of the last whole
// one.
double growth(const RunResult& step) {
  size_t whole = 0;
  while (whole < step.series.size() && step.series[whole].at_s + 1 <= step.duration_s + 0.01) ++whole;
  if (whole < 2) return 0;
  const double change =
      static_cast<double>(step.series[whole - 1].in_flight) - static_cast<double>(step.series[0].in_flight);
  return change / static_cast<double>(whole - 1);
}

}  // namespace

CapacitySearch::CapacitySearch(double first_rate, double rate_max)
    : rate_(rate_max > 0 ? std::min(first_rate, rate_max) : first_rate), first_rate_(rate_), rate_max_(rate_max) {}

std::optional<double> CapacitySearch::next_rate() const {
  return over_ ? std::nullopt : std::optional(rate_);
}

void CapacitySearch::add(Step step) {
  if (step == Step::kHeld) {
    again_ = false;
    held_ = rate_;
    over_ = rate_max_ > 0 && rate_ >= rate_max_;
  } else {
    if (!std::exchange(again_, true)) return;
    again_ = false;
    failed_ = rate_;
    generator_was_limit_ = step == Step::kGeneratorFailed;
  }
  if (failed_ == 0) {
    rate_ *= 2;
    if (rate_max_ > 0) rate_ = std::min(rate_, rate_max_);
  } else if (held_ == 0) {
    rate_ /= 2;
    over_ = rate_ < first_rate_ * kLeast;
  } else {
    rate_ = std::sqrt(held_ * failed_);
    over_ = over_ || failed_ <= held_ * kNarrow;
  }
}

std::string why_not_held(const RunResult& step, const std::vector<Threshold>& slo) {
  if (const std::vector<std::string> failed = failures(step); !failed.empty()) return joined(failed, "; ");
  for (const Threshold& threshold : slo) {
    const ThresholdResult result = threshold.check(step);
    if (!threshold.holds_for(result)) {
      return concat(result.text, " was not kept: ", threshold.print_value(result.value));
    }
  }
  if (const double growing = growth(step); growing > kGrowthMax * step.wanted_rate) {
    return "what was under way grew by " + print_count(static_cast<uint64_t>(growing)) + " messages a second";
  }
  return "";
}

}  // namespace onehop::loadgen
