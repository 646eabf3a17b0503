// See the header. With nlohmann-json: the one file that includes it.
#include "admin/json.h"

#include <nlohmann/json.hpp>

#include "admin/counter_table.h"

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
  return {{"unix_ms", end.unix_ms},    {"how", to_string(end.how)},
          {"name", end.name},          {"session", std::to_string(end.session)},
          {"shard", end.shard},        {"peer", end.peer},
          {"code", name_of(end.code)}, {"text", end.text}};
}

Json json_of(const OutcomeCount& outcome) {
  return {{"outcome", to_string(outcome.outcome)}, {"reason", name_of(outcome.reason)}, {"count", outcome.count}};
}

Json json_of(const EndCount& end) {
  return {{"kind", to_string(end.kind)}, {"code", name_of(end.code)}, {"count", end.count}};
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
                  {"reason", name_of(trace.reason)},
                  {"from_shard", trace.from_shard},
                  {"to_shard", trace.to_shard},
                  {"from", json_of(trace.from)},
                  {"to", json_of(trace.to)},
                  {"paused", trace.paused},
                  {"gate_closed", trace.gate_closed},
                  {"last_end", json_of(trace.last_end)}});
}

std::string json_counters(const BrokerCounters& c) {
  Json out = Json::object();
  for (const CounterRow& row : counter_table()) out[row.json] = c.*row.value;
  out["memory_stage"] = c.memory_stage;
  out["outcomes"] = array_of(c.outcomes);
  out["ends"] = array_of(c.ends);
  out["route_latency"] = {
      {"bounds_us", RouteLatency::kBoundsUs}, {"counts", c.route_latency.counts}, {"sum_us", c.route_latency.sum_us}};
  out["shards"] = array_of(c.shards);
  return text_of(out);
}

std::string json_kicked(bool had_client, uint64_t barred_ms) {
  return text_of({{"kicked", had_client}, {"for_ms", barred_ms}});
}

std::string json_permission(bool allowed, const std::string& why) {
  return text_of({{"allowed", allowed}, {"why", why}});
}

std::string json_draining(bool draining) {
  return text_of({{"draining", draining}});
}

std::string json_drain_state(Broker::DrainPhase phase, uint64_t connections) {
  static constexpr const char* kPhases[] = {"none", "delay", "leaving", "drained"};
  const bool draining = phase != Broker::DrainPhase::kNone;
  return text_of(
      {{"draining", draining}, {"phase", kPhases[static_cast<size_t>(phase)]}, {"connections", connections}});
}

}  // namespace onehop::admin
