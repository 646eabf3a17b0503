// The seconds of a run as the workers report them: each worker reports each second once, in order. A second is complete
// when all workers have reported it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

#include "loadgen/measure/result.h"
#include "loadgen/measure/stages.h"
#include "loadgen/run/live.h"

namespace onehop::loadgen {

class SecondsSoFar {
 public:
  explicit SecondsSoFar(size_t workers) : workers_(workers), counts_by_worker_(workers) {}

  // A worker's share of the second that began at `second.at_s`, with its counts of the run so far and the figures that
  // the stages had in this second.
  void add(uint32_t worker, const Second& second, const LiveCounts& counts, const std::vector<StageFigures>& stages);

  // Whether there is a complete second that next() has not returned.
  bool has_next() const { return told_ < seconds_.size() && reported_[told_] == workers_; }
  // Returns the next complete second, and the run until its end. Valid until the next call of any other method.
  Live next();
  // Gives back memory of the second that next() returned last.
  void pack_last() { seconds_[told_ - 1].latency.pack(); }

  const std::vector<Second>& all() const { return seconds_; }
  // The figures of all stages, including seconds that are not complete.
  std::vector<StageFigures> stages() const;

 private:
  void count_in_flight();

  const size_t workers_;
  std::vector<Second> seconds_;
  std::vector<size_t> reported_;  // For each second: how many workers have reported it.
  std::vector<LiveCounts> counts_by_worker_;
  std::map<size_t, std::vector<StageFigures>> untold_stages_;  // For each second that next() has not returned.

  // What follows is of the seconds that next() has returned.
  size_t told_ = 0;
  std::vector<StageFigures> stages_;
  LiveCounts counts_;
  uint64_t sent_ = 0, delivered_ = 0;
  double latency_sum_ns_ = 0;
  uint64_t latency_count_ = 0;
  int64_t in_flight_ = 0;  // At their end.
};

}  // namespace onehop::loadgen
