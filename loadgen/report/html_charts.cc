// The numbers behind the charts of the page. Durations are nanoseconds.
#include <algorithm>
#include <cmath>
#include <initializer_list>

#include "loadgen/measure/text.h"
#include "loadgen/report/html.h"

namespace onehop::loadgen {
namespace {

// The percentile spectrum goes up to 99.999 %, which is five decades of 1/(1-q), with this many points in each decade.
constexpr int kDecades = 5;
constexpr int kPointsPerDecade = 40;

// JSON knows neither infinity nor NaN.
std::string number(double value) {
  return std::isfinite(value) ? printed("%.10g", value) : "null";
}
std::string number(uint64_t value) {
  return concat(value);
}

template <class Items, class Of>
std::string list(const Items& items, Of&& of) {
  return concat("[", joined(items, ",", of), "]");
}

std::string object(std::initializer_list<std::pair<const char*, std::string>> members) {
  const auto member = [](const auto& one) { return concat("\"", one.first, "\":", one.second); };
  return concat("{", joined(members, ",", member), "}");
}

// A second in which nothing arrived has no latency. It leaves a gap in the line.
std::string latency(const Histogram& histogram, double quantile) {
  if (histogram.empty() || histogram.quantile(quantile) == Histogram::kNever) return "null";
  return number(histogram.quantile(quantile));
}

std::string series(const std::vector<Second>& seconds) {
  return object({
      {"t", list(seconds, [](const Second& one) { return number(one.at_s); })},
      {"sent", list(seconds, [](const Second& one) { return number(one.sent); })},
      {"delivered", list(seconds, [](const Second& one) { return number(one.delivered); })},
      {"toldOtherwise", list(seconds, [](const Second& one) { return number(one.told_otherwise); })},
      {"opened", list(seconds, [](const Second& one) { return number(one.opened); })},
      {"inFlight", list(seconds, [](const Second& one) { return number(one.in_flight); })},
      {"lag", list(seconds, [](const Second& one) { return number(one.lag_max); })},
      {"p50", list(seconds, [](const Second& one) { return latency(one.latency, 0.5); })},
      {"p99", list(seconds, [](const Second& one) { return latency(one.latency, 0.99); })},
      {"max", list(seconds, [](const Second& one) { return latency(one.latency, 1); })},
  });
}

// The x of a point is log10(1/(1-q)). There is no point where less than one value lies above q.
std::string spectrum(const Histogram& histogram) {
  std::vector<std::string> values;
  const double last = std::log10(static_cast<double>(std::max<uint64_t>(histogram.total(), 1)));
  for (int i = 0; i <= kDecades * kPointsPerDecade; ++i) {
    const double x = static_cast<double>(i) / kPointsPerDecade;
    const bool known = !histogram.empty() && x <= last;
    values.push_back(known ? latency(histogram, 1 - std::pow(10, -x)) : "null");
  }
  return list(values, [](const std::string& value) { return value; });
}

// The place on that axis where the values begin that never came. Null if all came.
std::string never_from(const Histogram& histogram) {
  if (histogram.never() == 0) return "null";
  return number(std::log10(static_cast<double>(histogram.total()) / static_cast<double>(histogram.never())));
}

std::string spectra(const RunResult& result) {
  std::vector<double> x;
  for (int i = 0; i <= kDecades * kPointsPerDecade; ++i) x.push_back(static_cast<double>(i) / kPointsPerDecade);
  return object({
      {"x", list(x, [](double value) { return number(value); })},
      {"latency", spectrum(result.latency)},
      {"never", never_from(result.latency)},
      {"uncorrected", spectrum(result.uncorrected)},
      {"confirm", spectrum(result.confirm_latency)},
      {"connect", spectrum(result.connect_latency)},
      {"handshake", spectrum(result.handshake_latency)},
      {"slow", spectrum(result.slow_latency)},
  });
}

std::string capacity(const Capacity& found) {
  std::vector<const CapacityStep*> steps;
  for (const CapacityStep& step : found.steps) steps.push_back(&step);
  std::stable_sort(steps.begin(), steps.end(), [](const auto* a, const auto* b) { return a->rate < b->rate; });
  return object({
      {"knee", number(found.unfinished.empty() ? found.rate : 0)},
      {"failed", number(found.failed_rate)},
      {"rate", list(steps, [](const CapacityStep* step) { return number(step->rate); })},
      {"achieved", list(steps, [](const CapacityStep* step) { return number(step->achieved_rate); })},
      {"p50", list(steps, [](const CapacityStep* step) { return latency(step->latency, 0.5); })},
      {"p99", list(steps, [](const CapacityStep* step) { return latency(step->latency, 0.99); })},
      {"held", list(steps, [](const CapacityStep* step) { return std::string(step->held ? "true" : "false"); })},
  });
}

}  // namespace

std::string chart_data(const RunResult& result) {
  return object({{"series", series(result.series)},
                 {"spectra", spectra(result)},
                 {"capacity", result.capacity ? capacity(*result.capacity) : "null"}});
}

}  // namespace onehop::loadgen
