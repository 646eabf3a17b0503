// See the header.
#include "loadgen/run/metrics_text.h"

#include <array>
#include <cmath>

#include "loadgen/measure/text.h"

namespace onehop::loadgen {
namespace {

constexpr std::array<double, 4> kQuantiles = {0.5, 0.9, 0.95, 0.99};

std::string number(double value) {
  return std::isnan(value) ? "NaN" : printed("%.9g", value);
}

double seconds(double ns) {
  return ns * 1e-9;
}

class Text {
 public:
  // Begins a metric. The samples that follow belong to it.
  void family(const char* name, const char* type, const char* help) {
    name_ = concat("onehop_loadgen_", name);
    out_ += concat("# HELP ", name_, " ", help, "\n# TYPE ", name_, " ", type, "\n");
  }
  void sample(double value, const std::string& labels = "", const char* suffix = "") {
    out_ += concat(name_, suffix, labels.empty() ? "" : concat("{", labels, "}"), " ", number(value), "\n");
  }
  void count(uint64_t value, const std::string& labels = "", const char* suffix = "") {
    out_ += concat(name_, suffix, labels.empty() ? "" : concat("{", labels, "}"), " ", value, "\n");
  }
  void one(const char* name, const char* type, const char* help, uint64_t value) {
    family(name, type, help);
    count(value);
  }
  void quantiles(const Histogram& histogram, const std::string& labels) {
    for (const double quantile : kQuantiles) {
      const std::string label = concat(labels, labels.empty() ? "" : ",", printed("quantile=\"%g\"", quantile));
      sample(histogram.empty() ? std::nan("") : seconds(static_cast<double>(histogram.quantile(quantile))), label);
    }
  }
  std::string take() { return std::move(out_); }

 private:
  std::string name_;
  std::string out_;
};

void add_build(Text& text) {
  text.family("build_info", "gauge", "The version of the load generator.");
  text.count(1, "version=\"" ONEHOP_VERSION "\"");
}

// The rate of the schedule at a time. A closed loop has none.
double planned_rate(const Settings& settings, double at_s) {
  const RateCurve& curve = settings.scenario.curve;
  if (settings.window != 0) return std::nan("");
  if (curve.empty()) return settings.rate;
  return curve.count_until(at_s * 1e9) - curve.count_until(std::max(at_s - 1, 0.0) * 1e9);
}

void add_stages(Text& text, const Live& live, const Settings& settings) {
  const auto& stages = settings.scenario.stages;
  if (stages.empty() || live.stages.size() != stages.size()) return;
  const auto label = [](size_t stage) { return concat("stage=\"", stage + 1, "\""); };
  size_t present = 0;
  double end_s = 0;
  for (const Stage& stage : stages) {
    end_s += seconds(static_cast<double>(stage.duration_ns));
    if (live.at_s > end_s && present + 1 < stages.size()) ++present;
  }
  text.one("stage", "gauge", "The stage in which the last whole second ended.", present + 1);
  text.family("stage_sent_total", "counter", "Messages that were due in the stage.");
  for (size_t i = 0; i < stages.size(); ++i) text.count(live.stages[i].due, label(i));
  text.family("stage_delivered_total", "counter", "Of these, those that have arrived.");
  for (size_t i = 0; i < stages.size(); ++i) text.count(live.stages[i].delivered, label(i));
  text.family("stage_rate", "gauge", "Messages that arrived a second while the stage lasted, as far as it has come.");
  double begin_s = 0;
  for (size_t i = 0; i < stages.size(); ++i) {
    const double duration_s = seconds(static_cast<double>(stages[i].duration_ns));
    const double passed_s = std::min(live.at_s - begin_s, duration_s);
    text.sample(passed_s > 0 ? static_cast<double>(live.stages[i].arrivals) / passed_s : std::nan(""), label(i));
    begin_s += duration_s;
  }
  text.family("stage_latency_seconds", "summary",
              "From when messages of the stage were due to their arrival, all of the stage so far.");
  for (size_t i = 0; i < stages.size(); ++i) {
    const Histogram& latency = live.stages[i].latency;
    text.quantiles(latency, label(i));
    text.sample(seconds(static_cast<double>(latency.sum())), label(i), "_sum");
    text.count(latency.count(), label(i), "_count");
  }
}

}  // namespace

std::string metrics_before(const Settings& settings) {
  Text text;
  add_build(text);
  text.family("planned_rate", "gauge", "Messages a second that the schedule makes.");
  text.sample(planned_rate(settings, 1));
  return text.take();
}

std::string to_metrics(const Live& live, const Settings& settings) {
  Text text;
  add_build(text);
  text.family("seconds_total", "counter", "Seconds of the run that are over.");
  text.sample(live.at_s);
  text.family("planned_rate", "gauge", "Messages a second that the schedule makes.");
  text.sample(planned_rate(settings, live.at_s));
  text.one("rate", "gauge", "Messages that arrived in the last second.", live.last.delivered);
  text.family("latency_seconds", "summary",
              "From when messages were due to their arrival: quantiles of the last second, sum and count of the run.");
  text.quantiles(live.last.latency, "");
  text.sample(seconds(live.latency_sum_ns), "", "_sum");
  text.count(live.latency_count, "", "_count");
  text.one("sent_total", "counter", "Messages that the workload wanted sent.", live.sent);
  text.one("delivered_total", "counter", "Messages that their recipients have.", live.delivered);
  text.one("in_flight", "gauge", "Messages that nothing has become of, and those that wait in the generator.",
           live.last.in_flight);
  text.family("undelivered_total", "counter", "Messages whose senders were told this, or that the generator gave up.");
  text.count(live.counts.rejected, "outcome=\"rejected\"");
  text.count(live.counts.expired, "outcome=\"expired\"");
  text.count(live.counts.lost, "outcome=\"lost\"");
  text.count(live.counts.unknown, "outcome=\"unknown\"");
  text.count(live.counts.not_sent, "outcome=\"not_sent\"");
  text.family("faults_total", "counter", "Deliveries that must not be.");
  text.count(live.counts.duplicates, "fault=\"duplicate\"");
  text.count(live.counts.corrupted, "fault=\"corrupted\"");
  text.count(live.counts.misdirected, "fault=\"misdirected\"");
  text.one("connections_broken_total", "counter", "Connections that ended other than by the generator.",
           live.counts.connections_broken);
  text.one("connects_failed_total", "counter", "Connections that could not be opened.", live.counts.connects_failed);
  text.family("lag_max_seconds", "gauge", "The longest that the generator itself was behind in the last second.");
  text.sample(seconds(static_cast<double>(live.last.lag_max)));
  add_stages(text, live, settings);
  return text.take();
}

}  // namespace onehop::loadgen
