// Conditions on a result, as in --threshold 'p99<5ms' and --slo: METRIC OPERATOR VALUE.
//
//   latency    p50 p90 p99 p99.9 p99.99 (any pNN.N), max, mean, min. The value is a duration with its unit.
//              A prefix (confirm. uncorrected. connect. handshake. slow. lag.) names another histogram:
//              confirm.p99<10ms
//   counts     sent delivered rejected expired lost unknown not_sent not_arrived unexplained, undelivered (everything
//              that was planned and not delivered; errors is the same), not_told duplicates out_of_order corrupted
//              misdirected untold contradicted, connect_failed unopened broken silent. The value is a number, or with %
//              a part of what was planned: lost==0, rejected<0.1%
//   rate       messages delivered a second: rate>=9500, rate>=9.5k
//   operators  < <= > >= == !=
//
// A number and a colon before the metric restrict it to one stage of the run, by the times at which messages were due:
// 2:p99<5ms. A stage has the latencies without a prefix and those of lag., the counts sent, delivered and undelivered,
// and the rate.
//
// Spaces around the operator do not matter. Everything else must be written exactly like this.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "loadgen/measure/result.h"

namespace onehop::loadgen {

// The state of a run or of a stage, against which one threshold is judged before the end.
struct SoFar {
  const Histogram& latency;
  // At least how many messages were due this long ago and have not arrived.
  std::function<uint64_t(uint64_t age_ns)> overdue;
  double messages_max = 0;              // The most messages that the run or the stage may have; 0 if unknown.
  const RunResult& counts;              // Only its account and its connections are set.
  std::optional<double> rate_max = {};  // The highest rate that is still possible.
};

class Threshold {
 public:
  // Returns nothing, and puts a line that names the text into `error`, if the text is no threshold.
  static std::optional<Threshold> parse(std::string_view text, std::string& error);

  // Does the same for --allow, which takes only an upper bound on a count of failures: lost<1%, undelivered<=10.
  static std::optional<Threshold> parse_allowance(std::string_view text, std::string& error);

  // Checks a result. A figure that was not measured keeps no threshold, since no sample is no proof. Values that never
  // came are later than any bound. A figure that the generator's own lag has spoiled keeps no threshold either, and the
  // result says that it is spoiled.
  ThresholdResult check(const RunResult& result) const;
  // Whether the threshold can no longer be kept, whatever follows: see early_end.h.
  bool is_lost(const SoFar& so_far) const;
  const std::string& text() const { return text_; }
  uint32_t stage() const { return stage_; }  // Stages count from 1; 0 means the whole run.
  // Whether the value of the result meets the condition, spoiled or not.
  bool holds_for(const ThresholdResult& result) const { return result.value && holds(*result.value); }
  // The metric without the prefix of its histogram.
  const std::string& metric() const { return metric_; }
  // Prints the value of a ThresholdResult in the unit of this threshold.
  std::string print_value(std::optional<double> value) const;

 private:
  enum class Kind : uint8_t { kLatency, kCount, kRate };
  enum class Operator : uint8_t { kLess, kLessOrEqual, kGreater, kGreaterOrEqual, kEqual, kNotEqual };

  bool read_stage(std::string_view& text);
  bool is_of_stages() const;
  ThresholdResult check_run(const RunResult& result) const;
  uint64_t count_so_far(const RunResult& result) const;
  bool read_metric(std::string_view metric);
  bool read_value(std::string_view value);
  bool holds(double value) const;
  std::optional<double> latency_in(const RunResult& result, bool& spoiled) const;
  std::optional<double> count_in(const RunResult& result) const;

  std::string text_;
  uint32_t stage_ = 0;
  Kind kind_ = Kind::kLatency;
  std::string histogram_;  // "", "confirm.", …
  std::string metric_;
  double quantile_ = -1;  // Set for pNN; negative if metric_ is max, mean or min.
  Operator operator_ = Operator::kLess;
  double value_ = 0;  // In nanoseconds, as a number, or in per cent.
  bool of_planned_ = false;
};

}  // namespace onehop::loadgen
