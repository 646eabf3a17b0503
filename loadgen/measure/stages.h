// The figures of each stage of a run. A message belongs to the stage in which it was due, however late it arrives.
#pragma once

#include <cstdint>
#include <vector>

#include "loadgen/measure/histogram.h"

namespace onehop::loadgen {

// The figures of one stage, from one thread or from several.
struct StageFigures {
  uint64_t due = 0;        // Messages that were due in the stage and were taken up.
  uint64_t delivered = 0;  // Those of them that arrived, each once.
  uint64_t timed = 0;      // Those of the due messages that are timed, so without warm-up and slow readers.
  uint64_t arrivals = 0;   // Messages that arrived during the stage, whenever they were due.
  Histogram latency, lag;  // The timed messages.

  void add(const StageFigures& other);
};

// A stage in a result.
struct StageResult {
  double from_rate = 0, to_rate = 0;  // Messages a second at the beginning and at the end of the stage.
  double begin_s = 0, duration_s = 0;
  StageFigures figures;

  // Messages delivered a second during the stage; 0 if the stage takes no time.
  double rate() const { return duration_s > 0 ? static_cast<double>(figures.arrivals) / duration_s : 0; }
};

// The figures of one thread since they were last taken.
class StageRecorder {
 public:
  // The ends of the stages, on the clock that times messages. The first stage begins at `begin_ns`.
  void begin(uint64_t begin_ns, std::vector<uint64_t> ends_ns);
  bool is_on() const { return !figures_.empty(); }

  // `timed` is false for messages that were due during the warm-up.
  void note_due(uint64_t intended_ns, uint64_t lag_ns, bool timed);
  void note_arrival(uint64_t intended_ns, uint64_t arrived_ns, bool timed, bool to_slow_reader);

  std::vector<StageFigures> take();

 private:
  StageFigures* of(uint64_t at_ns);

  uint64_t begin_ns_ = 0;
  std::vector<uint64_t> ends_ns_;
  std::vector<StageFigures> figures_;
};

// Adds stage by stage. The longer list decides how many stages there are.
void add_stages(std::vector<StageFigures>& sum, const std::vector<StageFigures>& part);

struct RunResult;
// The result as if this stage had been the whole run, for thresholds of the stage. Stages count from 1. It has
// latencies, lag, the counts of sent, delivered and undelivered messages, and the rate. It is empty if there is no such
// stage.
RunResult as_run(const RunResult& result, uint32_t stage);

}  // namespace onehop::loadgen
