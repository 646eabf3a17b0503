// See the header.
#include "loadgen/run/seconds_so_far.h"

#include <algorithm>

namespace onehop::loadgen {
namespace {

int64_t change_in_flight(const Second& second) {
  return static_cast<int64_t>(second.sent) - static_cast<int64_t>(second.delivered + second.told_otherwise);
}

}  // namespace

void SecondsSoFar::add(uint32_t worker, const Second& second, const LiveCounts& counts,
                       const std::vector<StageFigures>& stages) {
  const auto number = static_cast<size_t>(second.at_s);
  if (seconds_.size() <= number) {
    seconds_.resize(number + 1);
    reported_.resize(number + 1);
  }
  seconds_[number].at_s = second.at_s;
  seconds_[number] += second;
  ++reported_[number];
  counts_by_worker_[worker] = counts;
  if (!stages.empty()) add_stages(untold_stages_[number], stages);
  count_in_flight();
}

// The messages under way are known only for all threads together, since the two ends of a message may be on different
// threads.
void SecondsSoFar::count_in_flight() {
  int64_t in_flight = in_flight_;
  for (size_t number = told_; number < seconds_.size(); ++number) {
    in_flight += change_in_flight(seconds_[number]);
    seconds_[number].in_flight = static_cast<uint64_t>(std::max<int64_t>(in_flight, 0));
  }
}

Live SecondsSoFar::next() {
  const size_t number = told_++;
  const Second& second = seconds_[number];
  in_flight_ += change_in_flight(second);
  if (const auto stages = untold_stages_.extract(number); !stages.empty()) add_stages(stages_, stages.mapped());
  counts_ = {};
  for (const LiveCounts& part : counts_by_worker_) counts_.add(part);
  sent_ += second.sent;
  delivered_ += second.delivered;
  latency_sum_ns_ += static_cast<double>(second.latency.sum());
  latency_count_ += second.latency.count();
  return {.at_s = static_cast<double>(told_),
          .sent = sent_,
          .delivered = delivered_,
          .latency_sum_ns = latency_sum_ns_,
          .latency_count = latency_count_,
          .last = second,
          .counts = counts_,
          .stages = stages_};
}

std::vector<StageFigures> SecondsSoFar::stages() const {
  std::vector<StageFigures> all = stages_;
  for (const auto& [second, stages] : untold_stages_) add_stages(all, stages);
  return all;
}

}  // namespace onehop::loadgen
