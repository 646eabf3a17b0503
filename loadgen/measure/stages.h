// What is measured of each stage of a run, by the times at which messages were due: each message belongs to one stage,
// however late it comes.
#pragma once

#include <cstdint>
#include <vector>

#include "loadgen/measure/histogram.h"

namespace onehop::loadgen {

// The figures of one stage, of one thread or of several.
struct StageFigures {
  uint64_t due = 0;        // Messages that were due in it and were taken up.
  uint64_t delivered = 0;  // Of these, each once.
  uint64_t timed = 0;      // Of those due, the timed ones: without the warm-up, and what came to slow readers.
  uint64_t arrivals = 0;   // Messages that arrived while it lasted, whenever they were due.
  Histogram latency, lag;  // Of the timed ones.

  void add(const StageFigures& other);
};

// A stage and what became of it, in a result.
struct StageResult {
  double from_rate = 0, to_rate = 0;  // Messages a second, at its beginning and at its end.
  double begin_s = 0, duration_s = 0;
  StageFigures figures;

  // Messages delivered a second while it lasted; 0 if it takes no time.
  double rate() const { return duration_s > 0 ? static_cast<double>(figures.arrivals) / duration_s : 0; }
};

// One thread's figures since they were taken last.
class StageRecorder {
 public:
  // When each stage ends, on the clock that messages are timed by; the first begins at `begin_ns`.
  void begin(uint64_t begin_ns, std::vector<uint64_t> ends_ns);
  bool is_on() const { return !figures_.empty(); }

  // `timed`: it was not due during the warm-up.
  void note_due(uint64_t intended_ns, uint64_t lag_ns, bool timed);
  void note_arrival(uint64_t intended_ns, uint64_t arrived_ns, bool timed, bool to_slow_reader);

  std::vector<StageFigures> take();

 private:
  StageFigures* of(uint64_t at_ns);

  uint64_t begin_ns_ = 0;
  std::vector<uint64_t> ends_ns_;
  std::vector<StageFigures> figures_;
};

// Adds stage by stage; the longer list says how many there are.
void add_stages(std::vector<StageFigures>& sum, const std::vector<StageFigures>& part);

struct RunResult;
// The result as if the stage, counted from 1, had been the whole run: what a threshold of the stage is checked against.
// It knows latencies, lag, counts of sent, delivered and undelivered ones, and the rate. Without such a stage it is
// empty.
RunResult as_run(const RunResult& result, uint32_t stage);

}  // namespace onehop::loadgen
