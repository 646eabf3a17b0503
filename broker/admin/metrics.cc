// See the header. With prometheus-cpp, whose part used here only writes the text.
#include "admin/metrics.h"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <utility>
#include <vector>

#include "admin/counter_table.h"

namespace onehop::admin {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using Labels = std::vector<ClientMetric::Label>;

class Families {
 public:
  void add(MetricType type, const char* name, const char* help) { all_.push_back({name, help, type, {}}); }
  // To the family that was added last.
  template <typename Number>
  void value(Number number, Labels labels = {}) {
    ClientMetric metric;
    metric.label = std::move(labels);
    // The type says which of the two is written.
    metric.counter.value = metric.gauge.value = static_cast<double>(number);
    all_.back().metric.push_back(std::move(metric));
  }
  template <typename Number>
  void counter(const char* name, const char* help, Number number) {
    add(MetricType::Counter, name, help);
    value(number);
  }
  template <typename Number>
  void gauge(const char* name, const char* help, Number number) {
    add(MetricType::Gauge, name, help);
    value(number);
  }
  MetricFamily& last() { return all_.back(); }
  std::string text() const { return prometheus::TextSerializer().Serialize(all_); }

 private:
  std::vector<MetricFamily> all_;
};

void add_counters(Families& to, const BrokerCounters& c) {
  for (const CounterRow& row : counter_table()) {
    if (row.metric == nullptr) continue;
    to.add(is_counter(row.metric) ? MetricType::Counter : MetricType::Gauge, row.metric, row.metric_help);
    to.value(c.*row.value);
  }
  to.add(MetricType::Counter, "onehop_messages_total", "Messages by their outcome and its reason.");
  for (const OutcomeCount& one : c.outcomes) {
    to.value(one.count, {{"outcome", std::string(to_string(one.outcome))}, {"reason", name_of(one.reason)}});
  }
  to.add(MetricType::Counter, "onehop_ends_total",
         "Refused connects, and ended connections and sessions, by the goodbye's code.");
  for (const EndCount& one : c.ends) {
    to.value(one.count, {{"kind", std::string(to_string(one.kind))}, {"code", name_of(one.code)}});
  }
  to.add(MetricType::Counter, "onehop_bytes_total", "Bytes from and to clients.");
  to.value(c.bytes_received, {{"direction", "in"}});
  to.value(c.bytes_sent, {{"direction", "out"}});
  to.add(MetricType::Counter, "onehop_renewals_total", "Renewals of credentials by their result.");
  to.value(c.renewals_accepted, {{"result", "accepted"}});
  to.value(c.renewals_refused, {{"result", "refused"}});
  to.value(c.renewals_undecided, {{"result", "undecided"}});
  to.gauge("onehop_memory_stage", "0: enough; 1: new clients and messages are refused; 2: clients are ended.",
           c.memory_stage);
}

void add_route_latency(Families& to, const RouteLatency& latency) {
  to.add(MetricType::Histogram, "onehop_route_latency_seconds",
         "The time from the read that brought a message to the write that passed it on, for a sample of messages.");
  ClientMetric metric;
  uint64_t count = 0;
  for (size_t i = 0; i < RouteLatency::kBoundsUs.size(); ++i) {
    count += latency.counts[i];
    metric.histogram.bucket.push_back({count, static_cast<double>(RouteLatency::kBoundsUs[i]) / 1e6});
  }
  metric.histogram.sample_count = count + latency.counts.back();
  metric.histogram.sample_sum = static_cast<double>(latency.sum_us) / 1e6;
  to.last().metric.push_back(std::move(metric));
}

void add_shards(Families& to, const std::vector<ShardState>& shards) {
  const auto add = [&](const char* name, const char* help, auto value_of) {
    to.add(MetricType::Gauge, name, help);
    for (size_t i = 0; i < shards.size(); ++i) to.value(value_of(shards[i]), {{"shard", std::to_string(i)}});
  };
  add("onehop_loop_lag_seconds", "The longest a shard was busy without looking for events, in the last 30 to 60 s.",
      [](const ShardState& shard) { return static_cast<double>(shard.loop_lag_us_max) / 1e6; });
  add("onehop_shard_connections", "Connections of a shard.", [](const ShardState& shard) { return shard.connections; });
  add("onehop_shard_sessions", "Sessions of a shard.", [](const ShardState& shard) { return shard.sessions; });
}

void add_program(Families& to, const ProgramState& program) {
  to.gauge("onehop_config_last_reload_successful", "1: the last reload, or the start, took the configuration over.",
           program.last_reload_successful ? 1 : 0);
  to.gauge("onehop_config_last_reload_success_timestamp_seconds",
           "When the configuration was last taken over, since 1970.", program.last_reload_success_unix_seconds);
  to.counter("onehop_log_lines_lost_total",
             "Log lines that were left out in a flood, or lost because nobody read them.", program.log_lines_lost);
}

void add_identity(Families& to, const ProgramState& program) {
  to.add(MetricType::Counter, "onehop_authentications_total", "Checked credentials, by their method and the result.");
  for (const auto& one : program.authentications) to.value(one.count, {{"method", one.method}, {"result", one.result}});
  to.counter("onehop_permissions_denied_total", "Names and destinations that permissions have denied.",
             program.denials);
}

void add_certificates(Families& to, const std::vector<ProgramState::Certificate>& certificates) {
  if (certificates.empty()) return;
  to.add(MetricType::Gauge, "onehop_tls_certificate_expiry_seconds", "When a certificate of TLS expires, since 1970.");
  for (const auto& one : certificates) to.value(one.expires_unix_seconds, {{"file", one.file}});
}

void add_process(Families& to, const ProcessFigures& p) {
  if (p.cpu_seconds) to.counter("process_cpu_seconds_total", "Processor time, of all threads.", *p.cpu_seconds);
  if (p.start_unix_seconds) {
    to.gauge("process_start_time_seconds", "When the process started, since 1970.", *p.start_unix_seconds);
  }
  if (p.resident_bytes) to.gauge("process_resident_memory_bytes", "Resident memory.", *p.resident_bytes);
  if (p.open_descriptors) to.gauge("process_open_fds", "Open descriptors.", *p.open_descriptors);
  if (p.descriptors_max) to.gauge("process_max_fds", "How many descriptors may be open.", *p.descriptors_max);
}

}  // namespace

std::string metrics_text(const BrokerCounters& counters, const ProcessFigures& process, const MetricsState& state) {
  Families families;
  families.add(MetricType::Gauge, "onehop_build_info", "Which version runs; always 1.");
  families.value(1, {{"version", std::string(state.version)}});
  families.gauge("onehop_ready", "1: new clients are let in.", state.ready ? 1 : 0);
  families.gauge("onehop_draining", "1: the broker drains.", state.draining ? 1 : 0);
  if (state.program) add_program(families, *state.program);
  if (state.program) add_certificates(families, state.program->certificates);
  add_counters(families, counters);
  add_route_latency(families, counters.route_latency);
  add_shards(families, counters.shards);
  add_process(families, process);
  if (state.program) add_identity(families, *state.program);
  return families.text();
}

}  // namespace onehop::admin
