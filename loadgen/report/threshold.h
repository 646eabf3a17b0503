// Conditions on a result, as in --threshold 'p99<5ms' and --slo: METRIC OPERATOR VALUE.
//
//   latency    p50 p90 p99 p99.9 p99.99 (any pNN.N), max, mean, min     a duration with its unit
//              prefix confirm. uncorrected. connect. slow. lag. for another histogram: confirm.p99<10ms
//   counts     sent delivered rejected expired lost unknown not_sent not_arrived unexplained, undelivered (all that
//              were planned and not delivered; errors is the same), not_told duplicates out_of_order corrupted
//              misdirected untold contradicted, connect_failed unopened broken silent
//              a number, or a part of what was planned with %: lost==0, rejected<0.1%
//   rate       messages delivered a second: rate>=9500, rate>=9.5k
//   operators  < <= > >= == !=
//
// A number and a colon before it are about one stage of the run, by the times at which messages were due: 2:p99<5ms. Of
// a stage there are the latencies without a prefix, those of lag., the counts sent, delivered and undelivered, and the
// rate.
//
// Spaces around the operator do not matter; everything else is taken as written or refused.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "loadgen/measure/result.h"

namespace onehop::loadgen {

// What one threshold is held against.
struct SoFar {
  const Histogram& latency;
  // How many messages were due so long ago, and have not arrived: a lower bound.
  std::function<uint64_t(uint64_t age_ns)> overdue;
  double messages_max = 0;              // That the run or the stage may have in all; 0: it is not known.
  const RunResult& counts;              // Its account and its connections.
  std::optional<double> rate_max = {};  // The highest rate that can come out.
};

class Threshold {
 public:
  // Nothing, and in `error` a line that names the text, if it is none.
  static std::optional<Threshold> parse(std::string_view text, std::string& error);

  // The same of --allow: a count of what goes wrong, and the most of it: lost<1%, undelivered<=10.
  static std::optional<Threshold> parse_allowance(std::string_view text, std::string& error);

  // What was not measured keeps no threshold, neither a latency of nothing nor a part of nothing: no sample is no
  // proof. What never came is later than any bound. A figure that the generator's own lag has spoiled keeps none
  // either: then the result is spoiled.
  ThresholdResult check(const RunResult& result) const;
  // Whether it can no longer be kept, whatever comes: see early_end.h.
  bool is_lost(const SoFar& so_far) const;
  const std::string& text() const { return text_; }
  uint32_t stage() const { return stage_; }  // Counted from 1; 0: the whole run.
  // Whether the result's value is within the condition, spoiled or not.
  bool holds_for(const ThresholdResult& result) const { return result.value && holds(*result.value); }
  // Without the prefix of its histogram.
  const std::string& metric() const { return metric_; }
  // A ThresholdResult's value for people, in this threshold's unit.
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
  double quantile_ = -1;  // Of a pNN; below 0: metric_ says what.
  Operator operator_ = Operator::kLess;
  double value_ = 0;  // Nanoseconds, a number, or per cent.
  bool of_planned_ = false;
};

}  // namespace onehop::loadgen
