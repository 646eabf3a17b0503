// Each number of BrokerCounters is told under its own name: as JSON, and in the metrics.
#include "admin/counter_table.h"

#include <gtest/gtest.h>

#include <iterator>
#include <string>

#include "admin/json.h"
#include "admin/metrics.h"

namespace onehop::admin {
namespace {

struct Told {
  uint64_t BrokerCounters::*value;
  const char* json;
  const char* metric;  // Empty: none of its own.
};

using B = BrokerCounters;

constexpr Told kTold[] = {
    {&B::connections, "connections", "onehop_connections"},
    {&B::connections_limit, "connections_limit", "onehop_connections_limit"},
    {&B::sessions, "sessions", "onehop_sessions"},
    {&B::sessions_opened, "sessions_opened", "onehop_sessions_opened_total"},
    {&B::connects_refused, "connects_refused", "onehop_connects_refused_total"},
    {&B::connects_refused_full, "connects_refused_full", "onehop_connects_refused_full_total"},
    {&B::sessions_evicted, "sessions_evicted", "onehop_sessions_evicted_total"},
    {&B::takeovers, "takeovers", "onehop_takeovers_total"},
    {&B::hand_overs, "hand_overs", "onehop_hand_overs_total"},
    {&B::messages_received, "messages_received", "onehop_messages_received_total"},
    {&B::messages_admitted, "messages_admitted", "onehop_messages_admitted_total"},
    {&B::messages_redelivered, "messages_redelivered", "onehop_messages_redelivered_total"},
    {&B::messages_dropped, "messages_dropped", "onehop_messages_dropped_total"},
    {&B::messages_acknowledged, "messages_acknowledged", ""},
    {&B::messages_refused_by_recipient, "messages_refused_by_recipient", ""},
    {&B::messages_expired, "messages_expired", ""},
    {&B::messages_lost, "messages_lost", ""},
    {&B::sessions_resumed, "sessions_resumed", "onehop_sessions_resumed_total"},
    {&B::messages_refused, "messages_refused", ""},
    {&B::pauses_told, "pauses_told", ""},
    {&B::resumes_told, "resumes_told", ""},
    {&B::gates_closed, "gates_closed", "onehop_gates_closed_total"},
    {&B::reading_stopped, "reading_stopped", "onehop_reading_stopped_total"},
    {&B::bytes_received, "bytes_received", "onehop_bytes_total{direction=\"in\"}"},
    {&B::bytes_sent, "bytes_sent", "onehop_bytes_total{direction=\"out\"}"},
    {&B::queued_bytes, "queued_bytes", "onehop_queue_bytes"},
    {&B::open_bytes, "open_bytes", "onehop_unacknowledged_bytes"},
    {&B::paused_senders, "paused_senders", "onehop_paused_senders"},
    {&B::address_refusals, "address_refusals", "onehop_address_refusals_total"},
    {&B::tls_handshakes, "tls_handshakes", "onehop_tls_handshakes_total"},
    {&B::tls_handshakes_failed, "tls_handshakes_failed", "onehop_tls_handshakes_failed_total"},
    {&B::proxy_refusals, "proxy_refusals", "onehop_proxy_refusals_total"},
    {&B::memory_bytes, "memory_bytes", "onehop_memory_bytes"},
    {&B::memory_bytes_max, "memory_bytes_max", "onehop_memory_limit_bytes"},
    {&B::memory_ended, "memory_ended", "onehop_memory_ended_total"},
    {&B::credentials_expired, "credentials_expired", "onehop_credentials_expired_total"},
    {&B::renewals_accepted, "renewals_accepted", "onehop_renewals_total{result=\"accepted\"}"},
    {&B::renewals_refused, "renewals_refused", "onehop_renewals_total{result=\"refused\"}"},
    {&B::renewals_undecided, "renewals_undecided", "onehop_renewals_total{result=\"undecided\"}"},
    {&B::sessions_revoked, "sessions_revoked", "onehop_sessions_revoked_total"},
    {&B::topic_messages, "topic_messages", "onehop_topic_messages_total"},
    {&B::topic_copies, "topic_copies", "onehop_topic_copies_total"},
    {&B::topic_skips, "topic_skips", "onehop_topic_skips_total"},
    {&B::handler_exceptions, "handler_exceptions", "onehop_handler_exceptions_total"},
};

// Each has a value that no other has.
BrokerCounters all_different() {
  BrokerCounters counters;
  uint64_t next = 1'001;
  for (const Told& told : kTold) counters.*told.value = next++;
  return counters;
}

TEST(CounterTable, EachNumberIsInTheJson) {
  const BrokerCounters counters = all_different();
  const std::string json = json_counters(counters);
  for (const Told& told : kTold) {
    const std::string wanted = '"' + std::string(told.json) + "\":" + std::to_string(counters.*told.value) + ',';
    EXPECT_NE(json.find(wanted), json.npos) << wanted << " in " << json;
  }
}

TEST(CounterTable, EachMetricHasItsNumberAndItsType) {
  const BrokerCounters counters = all_different();
  const std::string text = metrics_text(counters, {}, {});
  for (const Told& told : kTold) {
    const std::string metric = told.metric;
    if (metric.empty()) continue;
    const std::string line = '\n' + metric + ' ' + std::to_string(counters.*told.value) + '\n';
    EXPECT_NE(text.find(line), text.npos) << line << " in " << text;
    const std::string family = metric.substr(0, metric.find('{'));
    const std::string type = "# TYPE " + family + (family.ends_with("_total") ? " counter\n" : " gauge\n");
    EXPECT_NE(text.find(type), text.npos) << type << " in " << text;
  }
}

TEST(CounterTable, NothingElseIsInIt) {
  EXPECT_EQ(std::size(kTold), counter_table().size());
}

}  // namespace
}  // namespace onehop::admin
