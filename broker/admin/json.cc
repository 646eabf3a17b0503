// See the header. With nlohmann-json: the one file that includes it.
#include "admin/json.h"

#include <nlohmann/json.hpp>

namespace onehop::admin {
namespace {

using Json = nlohmann::ordered_json;

std::string text_of(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

Json json_of(const ClientInfo& client) {
  return {{"name", client.name},
          {"session", std::to_string(client.session)},
          {"shard", client.shard},
          {"connected", client.connected},
          {"peer", client.peer},
          {"connected_ms", client.connected_ms},
          {"idle_ms", client.idle_ms},
          {"queue_bytes", client.queue_bytes},
          {"waiting_messages", client.waiting_messages},
          {"unacknowledged", client.unacknowledged},
          {"receive_window", client.receive_window},
          {"open_sent", client.open_sent},
          {"messages_sent", client.messages_sent},
          {"messages_received", client.messages_received},
          {"sent_per_second", client.sent_per_second},
          {"received_per_second", client.received_per_second},
          {"paused_senders", client.paused_senders},
          {"closed_gates", client.closed_gates},
          {"blocked", client.blocked}};
}

Json json_of(const RecentEnd& end) {
  return {{"unix_ms", end.unix_ms}, {"how", end.how},   {"name", end.name}, {"session", std::to_string(end.session)},
          {"shard", end.shard},     {"peer", end.peer}, {"code", end.code}, {"text", end.text}};
}

Json json_of(const OutcomeCount& outcome) {
  return {{"outcome", outcome.outcome}, {"reason", outcome.reason}, {"count", outcome.count}};
}

Json json_of(const ShardState& shard) {
  return {{"connections", shard.connections},
          {"sessions", shard.sessions},
          {"queued_bytes", shard.queued_bytes},
          {"loop_lag_us_max", shard.loop_lag_us_max}};
}

template <typename Thing>
Json json_of(const std::optional<Thing>& thing) {
  return thing ? json_of(*thing) : Json(nullptr);
}

template <typename Thing>
Json array_of(const std::vector<Thing>& things) {
  Json array = Json::array();
  for (const Thing& thing : things) array.push_back(json_of(thing));
  return array;
}

}  // namespace

bool is_text(std::string_view bytes) {
  return Json(bytes).dump(-1, ' ', false, Json::error_handler_t::ignore) ==
         Json(bytes).dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string json_error(std::string_view why) {
  return text_of({{"error", why}});
}

std::string json_clients(const ClientPage& page, size_t offset) {
  return text_of({{"found", page.found}, {"offset", offset}, {"clients", array_of(page.clients)}});
}

std::string json_ends(const std::vector<RecentEnd>& ends) {
  return text_of({{"closed", array_of(ends)}});
}

std::string json_trace(const Trace& trace) {
  return text_of({{"would_arrive", trace.would_arrive},
                  {"why", trace.why},
                  {"reason", trace.reason},
                  {"from_shard", trace.from_shard},
                  {"to_shard", trace.to_shard},
                  {"from", json_of(trace.from)},
                  {"to", json_of(trace.to)},
                  {"paused", trace.paused},
                  {"gate_closed", trace.gate_closed},
                  {"last_end", json_of(trace.last_end)}});
}

std::string json_counters(const BrokerCounters& c) {
  return text_of({{"connections", c.connections},
                  {"sessions", c.sessions},
                  {"sessions_opened", c.sessions_opened},
                  {"connects_refused", c.connects_refused},
                  {"connects_refused_full", c.connects_refused_full},
                  {"sessions_evicted", c.sessions_evicted},
                  {"takeovers", c.takeovers},
                  {"hand_overs", c.hand_overs},
                  {"messages_received", c.messages_received},
                  {"messages_admitted", c.messages_admitted},
                  {"messages_redelivered", c.messages_redelivered},
                  {"messages_dropped", c.messages_dropped},
                  {"messages_acknowledged", c.messages_acknowledged},
                  {"messages_refused_by_recipient", c.messages_refused_by_recipient},
                  {"messages_expired", c.messages_expired},
                  {"messages_lost", c.messages_lost},
                  {"sessions_resumed", c.sessions_resumed},
                  {"messages_refused", c.messages_refused},
                  {"pauses_told", c.pauses_told},
                  {"resumes_told", c.resumes_told},
                  {"gates_closed", c.gates_closed},
                  {"reading_stopped", c.reading_stopped},
                  {"bytes_received", c.bytes_received},
                  {"bytes_sent", c.bytes_sent},
                  {"queued_bytes", c.queued_bytes},
                  {"open_bytes", c.open_bytes},
                  {"paused_senders", c.paused_senders},
                  {"address_refusals", c.address_refusals},
                  {"proxy_refusals", c.proxy_refusals},
                  {"memory_bytes", c.memory_bytes},
                  {"memory_bytes_max", c.memory_bytes_max},
                  {"memory_stage", c.memory_stage},
                  {"memory_ended", c.memory_ended},
                  {"outcomes", array_of(c.outcomes)},
                  {"route_latency",
                   {{"bounds_us", RouteLatency::kBoundsUs},
                    {"counts", c.route_latency.counts},
                    {"sum_us", c.route_latency.sum_us}}},
                  {"shards", array_of(c.shards)}});
}

std::string json_kicked() {
  return text_of({{"kicked", true}});
}

std::string json_draining() {
  return text_of({{"draining", true}});
}

std::string json_drain_state(bool draining, uint64_t connections) {
  return text_of({{"draining", draining}, {"connections", connections}});
}

}  // namespace onehop::admin
