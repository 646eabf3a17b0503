// The search for the highest rate that a system carries. It doubles the rate until a step fails, and then halves the
// interval on a logarithmic scale until it is narrow enough. A step fails only if it fails twice, since one disturbance
// of a shared machine is not the limit of the system. The class is pure; its owner makes the steps.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "loadgen/measure/result.h"
#include "loadgen/report/threshold.h"

namespace onehop::loadgen {

class CapacitySearch {
 public:
  // Begins at `first_rate` and never exceeds `rate_max`; 0 means no bound.
  CapacitySearch(double first_rate, double rate_max);

  // The rate of the next step, or nothing when the search is over.
  std::optional<double> next_rate() const;
  enum class Step : uint8_t { kHeld, kFailed, kGeneratorFailed };
  void add(Step step);

  double held_rate() const { return held_; }      // 0 if no rate held.
  double failed_rate() const { return failed_; }  // 0 if no rate failed.
  bool generator_was_limit() const { return generator_was_limit_; }

 private:
  double rate_;
  const double first_rate_;
  const double rate_max_;
  double held_ = 0;
  double failed_ = 0;
  bool again_ = false;  // The present rate has failed once.
  bool over_ = false;
  bool generator_was_limit_ = false;
};

// Why a step did not hold; empty if it held. The step must keep the conditions, over which messages that never came are
// infinitely late. It must succeed like any run (verdict.h), and the messages under way must not grow. The generator's
// lag neither excuses nor fails a step: it only adds to the latencies, so a condition that holds in spite of it holds.
std::string why_not_held(const RunResult& step, const std::vector<Threshold>& slo);

}  // namespace onehop::loadgen
