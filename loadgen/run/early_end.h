// Decides after each second whether a run need not go on: with --abort-on-fail when a threshold can no longer be kept,
// and with --count in a closed loop when the target has fallen silent.
//
// A threshold can no longer be kept if even the most favourable rest of the run would not help: more messages are
// already late than the percentile allows of all planned messages, a count is already above its bound, or the rate is
// out of reach. Some things are judged only at the end: min and mean, which have no upper bound, latencies with a
// prefix, and the counts that only the end shows.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "loadgen/run/live.h"
#include "loadgen/run/settings.h"

namespace onehop::loadgen {

class EarlyEnd {
 public:
  explicit EarlyEnd(const Settings& settings);

  // Why the run has to end, or nothing if it goes on.
  std::optional<std::string> judge(const Live& live);

 private:
  bool has_fallen_silent(const Live& live);
  bool is_lost(const Threshold& threshold, const Live& live) const;
  uint64_t overdue(size_t stage, size_t stages, const Live& live, uint64_t age_ns) const;

  const Settings& settings_;
  // For each second: how many timed messages had been due until its end, by stage.
  std::vector<std::vector<uint64_t>> timed_until_;
  uint64_t settled_ = 0;
  double settled_s_ = 0;  // Since when settled_ has not changed.
};

}  // namespace onehop::loadgen
