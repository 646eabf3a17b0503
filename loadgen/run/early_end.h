// When a run need not go on: --abort-on-fail and a threshold that can no longer be kept, or --count in a closed loop
// whose target has fallen silent. Asked after each second.
//
// A threshold can no longer be kept when the most favourable rest of the run would not mend it: when more messages are
// later than its bound than the percentile lets be of all that are planned, or a count is above its bound already, or
// the rate is out of reach. Not judged before the end: what has no upper bound (min, mean), latencies with a prefix,
// and the counts that only the end shows.
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

  // Why the run has to end; nothing: it goes on.
  std::optional<std::string> judge(const Live& live);

 private:
  bool has_fallen_silent(const Live& live);
  bool is_lost(const Threshold& threshold, const Live& live) const;
  uint64_t overdue(size_t stage, size_t stages, const Live& live, uint64_t age_ns) const;

  const Settings& settings_;
  // By second: how many timed messages had been due until its end, of each stage.
  std::vector<std::vector<uint64_t>> timed_until_;
  uint64_t settled_ = 0;
  double settled_s_ = 0;  // Since when nothing more was.
};

}  // namespace onehop::loadgen
