// See the header.
#include "loadgen/measure/stages.h"

#include <algorithm>
#include <utility>

#include "loadgen/measure/result.h"

namespace onehop::loadgen {

void StageFigures::add(const StageFigures& other) {
  due += other.due;
  delivered += other.delivered;
  timed += other.timed;
  arrivals += other.arrivals;
  latency.add(other.latency);
  lag.add(other.lag);
}

void StageRecorder::begin(uint64_t begin_ns, std::vector<uint64_t> ends_ns) {
  begin_ns_ = begin_ns;
  ends_ns_ = std::move(ends_ns);
  figures_.resize(ends_ns_.size());
}

// Returns nullptr before the run and after its last stage.
StageFigures* StageRecorder::of(uint64_t at_ns) {
  if (at_ns < begin_ns_) return nullptr;
  const auto end = std::upper_bound(ends_ns_.begin(), ends_ns_.end(), at_ns);
  return end == ends_ns_.end() ? nullptr : &figures_[static_cast<size_t>(end - ends_ns_.begin())];
}

void StageRecorder::note_due(uint64_t intended_ns, uint64_t lag_ns, bool timed) {
  StageFigures* const stage = of(intended_ns);
  if (stage == nullptr) return;
  ++stage->due;
  if (!timed) return;
  ++stage->timed;
  stage->lag.record(lag_ns);
}

void StageRecorder::note_arrival(uint64_t intended_ns, uint64_t arrived_ns, bool timed, bool to_slow_reader) {
  if (StageFigures* const now = of(arrived_ns)) ++now->arrivals;
  StageFigures* const stage = of(intended_ns);
  if (stage == nullptr) return;
  ++stage->delivered;
  if (!timed) return;
  if (to_slow_reader) {
    --stage->timed;  // The count may be of an earlier second. The sum is right even if this wraps around.
  } else {
    stage->latency.record(arrived_ns > intended_ns ? arrived_ns - intended_ns : 0);
  }
}

std::vector<StageFigures> StageRecorder::take() {
  std::vector<StageFigures> taken(figures_.size());
  taken.swap(figures_);
  return taken;
}

void add_stages(std::vector<StageFigures>& sum, const std::vector<StageFigures>& part) {
  if (sum.size() < part.size()) sum.resize(part.size());
  for (size_t i = 0; i < part.size(); ++i) sum[i].add(part[i]);
}

RunResult as_run(const RunResult& result, uint32_t stage) {
  RunResult run;
  if (stage == 0 || stage > result.stages.size()) return run;
  const StageResult& one = result.stages[stage - 1];
  run.latency = one.figures.latency;
  run.generator.lag = one.figures.lag;
  run.generator.read_lag =
      result.generator.read_lag;  // This is not known for a stage, so that of the run stands for it.
  run.generator.lag_allowed = result.generator.lag_allowed;
  run.account.sent = one.figures.due;
  run.account.delivered = one.figures.delivered;
  run.account.unknown = one.figures.due - std::min(one.figures.due, one.figures.delivered);
  run.achieved_rate = one.rate();
  run.duration_s = one.duration_s;
  return run;
}

}  // namespace onehop::loadgen
