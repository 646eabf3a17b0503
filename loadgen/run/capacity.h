// The search for the highest rate that a system carries: doubles the rate until a step fails, then halves the interval,
// on a logarithmic scale, until it is narrow enough. A step that fails is made once more, since one disturbance of a
// shared machine is not the system's limit; it fails if it fails twice. Pure: whoever owns it makes the steps.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "loadgen/measure/result.h"
#include "loadgen/report/threshold.h"

namespace onehop::loadgen {

class CapacitySearch {
 public:
  // From `first_rate` on, not above `rate_max` (0: no bound).
  CapacitySearch(double first_rate, double rate_max);

  // The rate of the next step; nothing: the search is over.
  std::optional<double> next_rate() const;
  enum class Step : uint8_t { kHeld, kFailed, kGeneratorFailed };
  void add(Step step);

  double held_rate() const { return held_; }      // 0: none did.
  double failed_rate() const { return failed_; }  // 0: none did.
  bool generator_was_limit() const { return generator_was_limit_; }

 private:
  double rate_;
  const double first_rate_;
  const double rate_max_;
  double held_ = 0;
  double failed_ = 0;
  bool again_ = false;  // The present rate failed once.
  bool over_ = false;
  bool generator_was_limit_ = false;
};

// Why a step did not hold; empty: it held. Beside the conditions asked for, over which what never came is infinitely
// late, the step must have succeeded as a run does (verdict.h), and what is under way must not have grown. Lag of the
// generator is no excuse and no reason: it only adds to the latencies, so what holds in spite of it holds.
std::string why_not_held(const RunResult& step, const std::vector<Threshold>& slo);

}  // namespace onehop::loadgen
