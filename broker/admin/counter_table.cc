// The table: see the header.
#include "admin/counter_table.h"

#include <string_view>

namespace onehop::admin {
namespace {

using B = BrokerCounters;

constexpr CounterRow kTable[] = {
    {&B::connections, "connections", "onehop_connections", "Connections."},
    {&B::connections_limit, "connections_limit", "onehop_connections_limit",
     "How many connections there may be: connections_max, or what the limit of descriptors allows."},
    {&B::sessions, "sessions", "onehop_sessions", "Sessions, with a connection or waiting for one."},
    {&B::sessions_opened, "sessions_opened", "onehop_sessions_opened_total", "Sessions opened."},
    {&B::sessions_resumed, "sessions_resumed", "onehop_sessions_resumed_total",
     "Sessions resumed by a new connection."},
    {&B::takeovers, "takeovers", "onehop_takeovers_total", "Sessions ended because another connection took the name."},
    {&B::connects_refused, "connects_refused", "onehop_connects_refused_total",
     "Connections ended before they had a session."},
    {&B::connects_refused_full, "connects_refused_full", "onehop_connects_refused_full_total",
     "Connections refused because there was no room for one more session."},
    {&B::sessions_evicted, "sessions_evicted", "onehop_sessions_evicted_total",
     "Sessions that were away, held nothing and made place for newcomers."},
    {&B::hand_overs, "hand_overs", "onehop_hand_overs_total",
     "Connections accepted by another shard than their name's."},
    {&B::reading_stopped, "reading_stopped", "onehop_reading_stopped_total",
     "Times a connection was not read for a while."},
    {&B::address_refusals, "address_refusals", "onehop_address_refusals_total",
     "Connections and sessions over a limit of their source address."},
    {&B::tls_handshakes, "tls_handshakes", "onehop_tls_handshakes_total", "TLS handshakes begun."},
    {&B::tls_handshakes_failed, "tls_handshakes_failed", "onehop_tls_handshakes_failed_total",
     "TLS handshakes broken or too late, and connections that brought none."},
    {&B::proxy_refusals, "proxy_refusals", "onehop_proxy_refusals_total",
     "Connections without the PROXY header they need, or not allowed one."},
    {&B::messages_received, "messages_received", "onehop_messages_received_total", "Messages that clients have sent."},
    {&B::messages_admitted, "messages_admitted", "onehop_messages_admitted_total", "Messages queued for a client."},
    {&B::messages_redelivered, "messages_redelivered", "onehop_messages_redelivered_total",
     "Messages delivered once more, on a resumed session."},
    {&B::messages_dropped, "messages_dropped", "onehop_messages_dropped_total",
     "Unconfirmed messages lost with the connection they were queued for."},
    // In the metrics, these are onehop_messages_total by outcome.
    {&B::messages_acknowledged, "messages_acknowledged"},
    {&B::messages_refused_by_recipient, "messages_refused_by_recipient"},
    {&B::messages_expired, "messages_expired"},
    {&B::messages_lost, "messages_lost"},
    {&B::messages_refused, "messages_refused"},
    // In the JSON only.
    {&B::pauses_told, "pauses_told"},
    {&B::resumes_told, "resumes_told"},
    {&B::gates_closed, "gates_closed", "onehop_gates_closed_total",
     "Times a sender was refused at a full queue until it takes note."},
    {&B::paused_senders, "paused_senders", "onehop_paused_senders",
     "Pairs of a sender and a client it was told to pause for."},
    // In the metrics, these are onehop_bytes_total by direction.
    {&B::bytes_received, "bytes_received"},
    {&B::bytes_sent, "bytes_sent"},
    {&B::queued_bytes, "queued_bytes", "onehop_queue_bytes", "Bytes queued for clients."},
    {&B::open_bytes, "open_bytes", "onehop_unacknowledged_bytes", "Bytes delivered and not acknowledged."},
    {&B::memory_bytes, "memory_bytes", "onehop_memory_bytes", "Bytes that count against the memory limit."},
    {&B::memory_bytes_max, "memory_bytes_max", "onehop_memory_limit_bytes", "The memory limit."},
    {&B::memory_ended, "memory_ended", "onehop_memory_ended_total", "Clients ended for want of memory."},
    {&B::credentials_expired, "credentials_expired", "onehop_credentials_expired_total",
     "Connections that ended with their credentials."},
    // In the metrics, these are onehop_renewals_total by result.
    {&B::renewals_accepted, "renewals_accepted"},
    {&B::renewals_refused, "renewals_refused"},
    {&B::renewals_undecided, "renewals_undecided"},
    {&B::sessions_revoked, "sessions_revoked", "onehop_sessions_revoked_total",
     "Sessions ended because their permissions were taken away."},
    {&B::topic_messages, "topic_messages", "onehop_topic_messages_total",
     "Messages sent to topics that somebody had subscribed to."},
    {&B::topic_copies, "topic_copies", "onehop_topic_copies_total",
     "Messages of topics that were admitted, one for each subscriber."},
    {&B::topic_skips, "topic_skips", "onehop_topic_skips_total",
     "Messages of topics that a subscriber missed because it had no room."},
    {&B::handler_exceptions, "handler_exceptions", "onehop_handler_exceptions_total",
     "Exceptions that handlers of the program have thrown."},
};

}  // namespace

bool is_counter(const char* metric) {
  return std::string_view(metric).ends_with("_total");
}

std::span<const CounterRow> counter_table() {
  return kTable;
}

}  // namespace onehop::admin
