// See the header.
#include "loadgen/report/threshold.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>

#include "loadgen/measure/quantity.h"
#include "loadgen/measure/text.h"
#include "loadgen/report/spoiled.h"

namespace onehop::loadgen {
namespace {

struct NamedHistogram {
  std::string_view prefix;
  Latency latency;  // nullptr stands for the generator's lag.
};

// The entry without a prefix is the last one, since every metric begins with an empty text.
constexpr std::array<NamedHistogram, 7> kHistograms = {{
    {"confirm.", &RunResult::confirm_latency},
    {"uncorrected.", &RunResult::uncorrected},
    {"connect.", &RunResult::connect_latency},
    {"handshake.", &RunResult::handshake_latency},
    {"slow.", &RunResult::slow_latency},
    {"lag.", nullptr},
    {"", &RunResult::latency},
}};

struct NamedCount {
  std::string_view name;
  uint64_t (*of)(const RunResult&);
};

constexpr std::array<NamedCount, 22> kCounts = {{
    {"sent", [](const RunResult& result) { return result.account.sent; }},
    {"delivered", [](const RunResult& result) { return result.account.delivered; }},
    {"rejected", [](const RunResult& result) { return result.account.rejected; }},
    {"expired", [](const RunResult& result) { return result.account.expired; }},
    {"lost", [](const RunResult& result) { return result.account.lost; }},
    {"unknown", [](const RunResult& result) { return result.account.unknown; }},
    {"not_sent", [](const RunResult& result) { return result.account.not_sent + result.generator.missed_arrivals; }},
    {"not_arrived", [](const RunResult& result) { return result.account.not_arrived; }},
    {"unexplained", [](const RunResult& result) { return result.account.unexplained; }},
    {"undelivered", [](const RunResult& result) { return result.undelivered(); }},
    {"errors", [](const RunResult& result) { return result.undelivered(); }},
    {"not_told", [](const RunResult& result) { return result.account.not_told; }},
    {"duplicates", [](const RunResult& result) { return result.account.duplicates; }},
    {"out_of_order", [](const RunResult& result) { return result.account.out_of_order; }},
    {"corrupted", [](const RunResult& result) { return result.account.corrupted; }},
    {"misdirected", [](const RunResult& result) { return result.account.misdirected; }},
    {"untold", [](const RunResult& result) { return result.account.untold; }},
    {"contradicted", [](const RunResult& result) { return result.account.contradicted; }},
    {"connect_failed", [](const RunResult& result) { return result.connections.failed; }},
    {"unopened", [](const RunResult& result) { return result.connections.unopened; }},
    {"broken", [](const RunResult& result) { return result.connections.broken; }},
    {"silent", [](const RunResult& result) { return result.connections.silent; }},
}};

std::string known_metrics() {
  std::string counts;
  for (const NamedCount& count : kCounts) counts += concat(" ", count.name);
  return concat(
      "p50 p90 p99 p99.9 (any pNN.N) max mean min, of confirm. uncorrected. connect. handshake. slow. lag. too;",
      counts, "; rate");
}

std::string_view without_spaces(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

// Reads digits with an optional fraction. It allows no sign, no exponent and no space.
std::optional<double> parse_decimal(std::string_view text) {
  const bool plain = !text.empty() && text.front() != '.' && text.back() != '.' &&
                     std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || c == '.'; });
  if (!plain || std::count(text.begin(), text.end(), '.') > 1) return std::nullopt;
  double value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

std::optional<Threshold> Threshold::parse(std::string_view text, std::string& error) {
  constexpr std::array<std::pair<std::string_view, Operator>, 6> kOperators = {{{"<=", Operator::kLessOrEqual},
                                                                                {">=", Operator::kGreaterOrEqual},
                                                                                {"==", Operator::kEqual},
                                                                                {"!=", Operator::kNotEqual},
                                                                                {"<", Operator::kLess},
                                                                                {">", Operator::kGreater}}};
  const size_t at = std::min(text.find_first_of("<>=!"), text.size());
  const std::string_view rest = text.substr(at);
  const auto* const found = std::find_if(kOperators.begin(), kOperators.end(), [&](const auto& candidate) {
    return rest.substr(0, candidate.first.size()) == candidate.first;
  });
  if (found == kOperators.end()) {
    error = concat("'", text, "' is no threshold: it needs one of < <= > >= == !=, as in p99<5ms or lost==0");
    return std::nullopt;
  }

  Threshold threshold;
  threshold.text_ = text;
  threshold.operator_ = found->second;
  std::string_view metric = without_spaces(text.substr(0, at));
  if (!threshold.read_stage(metric)) {
    error = concat("'", text, "': '", metric, "' is no stage and a metric, as in 2:p99<5ms");
    return std::nullopt;
  }
  const std::string_view value = without_spaces(rest.substr(found->first.size()));
  if (!threshold.read_metric(metric)) {
    error = concat("'", text, "': there is no metric '", metric, "'. There are ", known_metrics());
    return std::nullopt;
  }
  if (!threshold.is_of_stages()) {
    error = concat("'", text, "': a stage has no '", metric,
                   "'. There are pNN max mean min, of lag. too; sent delivered undelivered; rate");
    return std::nullopt;
  }
  if (!threshold.read_value(value)) {
    constexpr std::array<std::string_view, 3> kExpected = {"duration with its unit, as in p99<5ms",
                                                           "whole number nor a per cent, as in lost==0 or rejected<1%",
                                                           "rate, as in rate>=9500"};
    error = concat("'", text, "': '", value, "' is no ", kExpected[static_cast<size_t>(threshold.kind_)]);
    return std::nullopt;
  }
  return threshold;
}

// Takes the stage from the front of the text: "2:p99" becomes "p99".
bool Threshold::read_stage(std::string_view& metric) {
  const size_t colon = metric.find(':');
  if (colon == std::string_view::npos) return true;
  const char* const end = metric.data() + colon;
  const auto [read_to, problem] = std::from_chars(metric.data(), end, stage_);
  if (problem != std::errc() || read_to != end || stage_ == 0) return false;
  metric.remove_prefix(colon + 1);
  return true;
}

// Whether the metric exists for what the threshold is about: the whole run has all metrics, a stage has only some.
bool Threshold::is_of_stages() const {
  if (stage_ == 0 || kind_ == Kind::kRate) return true;
  if (kind_ == Kind::kLatency) return histogram_.empty() || histogram_ == "lag.";
  return metric_ == "sent" || metric_ == "delivered" || metric_ == "undelivered" || metric_ == "errors";
}

uint64_t Threshold::count_so_far(const RunResult& result) const {
  return std::find_if(kCounts.begin(), kCounts.end(), [&](const NamedCount& count) { return count.name == metric_; })
      ->of(result);
}

std::optional<Threshold> Threshold::parse_allowance(std::string_view text, std::string& error) {
  auto threshold = parse(text, error);
  if (!threshold) return std::nullopt;
  const bool is_most = threshold->operator_ == Operator::kLess || threshold->operator_ == Operator::kLessOrEqual;
  const bool goes_wrong = threshold->stage_ == 0 && threshold->kind_ == Kind::kCount && threshold->metric_ != "sent" &&
                          threshold->metric_ != "delivered";
  if (is_most && goes_wrong) return threshold;
  error = concat("'", text, "' is not an allowance: write a count and its limit, as in lost<1% or undelivered<=10");
  return std::nullopt;
}

bool Threshold::read_metric(std::string_view metric) {
  const auto same = [&](const NamedCount& count) { return count.name == metric; };
  if (metric == "rate" || std::any_of(kCounts.begin(), kCounts.end(), same)) {
    kind_ = metric == "rate" ? Kind::kRate : Kind::kCount;
    metric_ = metric;
    return true;
  }
  const auto* const histogram = std::find_if(kHistograms.begin(), kHistograms.end(), [&](const NamedHistogram& named) {
    return metric.substr(0, named.prefix.size()) == named.prefix;
  });
  histogram_ = histogram->prefix;
  metric_ = metric.substr(histogram_.size());
  if (metric_ == "max" || metric_ == "mean" || metric_ == "min") return true;
  if (metric_.empty() || metric_.front() != 'p') return false;
  const auto percent = parse_decimal(std::string_view(metric_).substr(1));
  if (!percent || *percent <= 0 || *percent > 100) return false;
  quantile_ = *percent / 100;
  return true;
}

bool Threshold::read_value(std::string_view value) {
  if (value.empty()) return false;
  if (kind_ == Kind::kLatency) {
    // A number without a unit means seconds elsewhere, but here many people would mean milliseconds. So a unit is
    // required.
    const bool has_unit = value.back() < '0' || value.back() > '9';
    const auto duration = has_unit ? parse_duration(value) : std::nullopt;
    value_ = static_cast<double>(duration.value_or(0));
    return duration.has_value();
  }
  if (kind_ == Kind::kRate) {
    const auto rate = parse_rate(value);
    value_ = rate.value_or(0);
    return rate.has_value();
  }
  of_planned_ = value.back() == '%';
  const auto number = parse_decimal(of_planned_ ? value.substr(0, value.size() - 1) : value);
  value_ = number.value_or(0);
  return number && (of_planned_ ? *number <= 100 : value.find('.') == std::string_view::npos);
}

std::optional<double> Threshold::latency_in(const RunResult& result, bool& spoiled) const {
  const auto* const named = std::find_if(kHistograms.begin(), kHistograms.end(),
                                         [&](const NamedHistogram& one) { return one.prefix == histogram_; });
  const Latency latency = named->latency;
  const Histogram& histogram = latency == nullptr ? result.generator.lag : result.*latency;
  if (histogram.empty()) return std::nullopt;
  const double quantile = quantile_ >= 0 ? quantile_ : metric_ == "max" ? 1 : 0;
  if (latency != nullptr) {
    spoiled = metric_ == "mean" ? is_mean_spoiled(result, latency) : is_spoiled(result, latency, quantile);
  }
  if (metric_ == "mean") return histogram.mean();
  const uint64_t value = metric_ == "min" ? histogram.min() : histogram.quantile(quantile);
  return value == Histogram::kNever ? std::numeric_limits<double>::infinity() : static_cast<double>(value);
}

std::optional<double> Threshold::count_in(const RunResult& result) const {
  const auto* const named =
      std::find_if(kCounts.begin(), kCounts.end(), [&](const NamedCount& count) { return count.name == metric_; });
  const auto count = static_cast<double>(named->of(result));
  if (!of_planned_) return count;
  if (result.planned() == 0) return std::nullopt;
  return 100 * count / static_cast<double>(result.planned());
}

ThresholdResult Threshold::check(const RunResult& result) const {
  return stage_ == 0 ? check_run(result) : check_run(as_run(result, stage_));
}

ThresholdResult Threshold::check_run(const RunResult& result) const {
  ThresholdResult checked;
  checked.text = text_;
  if (kind_ == Kind::kLatency) {
    checked.value = latency_in(result, checked.spoiled);
  } else if (kind_ == Kind::kCount) {
    checked.value = count_in(result);
  } else if (result.has_rate()) {
    checked.value = result.achieved_rate;
  }
  checked.kept = holds_for(checked) && !checked.spoiled;
  return checked;
}

bool Threshold::is_lost(const SoFar& so_far) const {
  const bool is_bound_above = operator_ == Operator::kLess || operator_ == Operator::kLessOrEqual;
  if (kind_ == Kind::kRate) {
    const bool is_bound_below = operator_ == Operator::kGreater || operator_ == Operator::kGreaterOrEqual;
    return is_bound_below && so_far.rate_max && !holds(*so_far.rate_max);
  }
  if (kind_ == Kind::kCount) {
    if (metric_ == "sent" || metric_ == "delivered") return false;
    if (!is_bound_above && operator_ != Operator::kEqual) return false;
    auto count = static_cast<double>(count_so_far(so_far.counts));
    if (of_planned_) {
      if (so_far.messages_max <= 0) return false;
      count = 100 * count / so_far.messages_max;
    }
    return operator_ == Operator::kEqual ? count > value_ : !holds(count);
  }
  const bool is_maximum = metric_ == "max";
  if (!histogram_.empty() || !is_bound_above || (quantile_ < 0 && !is_maximum)) return false;
  const auto bound_ns = static_cast<uint64_t>(value_);
  const uint64_t late = so_far.latency.count() - so_far.latency.count_up_to(bound_ns) + so_far.overdue(bound_ns);
  if (is_maximum) return late > 0;
  return so_far.messages_max > 0 && static_cast<double>(late) > (1 - quantile_) * so_far.messages_max + 1e-6;
}

bool Threshold::holds(double value) const {
  switch (operator_) {
    case Operator::kLess:
      return value < value_;
    case Operator::kLessOrEqual:
      return value <= value_;
    case Operator::kGreater:
      return value > value_;
    case Operator::kGreaterOrEqual:
      return value >= value_;
    case Operator::kEqual:
      return value == value_;
    case Operator::kNotEqual:
      return value != value_;
  }
  return false;
}

std::string Threshold::print_value(std::optional<double> value) const {
  if (!value) return "– (nothing measured)";
  if (kind_ == Kind::kLatency) return print_duration(*value);
  if (kind_ == Kind::kRate) return printed("%.1f/s", *value);
  return of_planned_ ? printed("%.4g %%", *value) : print_count(static_cast<uint64_t>(*value));
}

}  // namespace onehop::loadgen
