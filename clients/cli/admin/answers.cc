// See the header. With nlohmann-json: the one file that includes it.
#include "cli/admin/answers.h"

#include <nlohmann/json.hpp>

namespace onehop::cli {
namespace {

using Json = nlohmann::ordered_json;

Json parse(std::string_view text) {
  return Json::parse(text, nullptr, false);
}

template <typename Number>
void read(const Json& from, const char* key, Number& to) {
  const auto found = from.find(key);
  if (found != from.end() && found->is_number()) to = found->template get<Number>();
}
void read(const Json& from, const char* key, bool& to) {
  const auto found = from.find(key);
  if (found != from.end() && found->is_boolean()) to = found->get<bool>();
}
void read(const Json& from, const char* key, std::string& to) {
  const auto found = from.find(key);
  if (found != from.end() && found->is_string()) to = found->get<std::string>();
}
// A number with more digits than many readers keep may be a string.
void read_session(const Json& from, uint64_t& to) {
  read(from, "session", to);
  std::string text;
  read(from, "session", text);
  if (!text.empty()) to = std::strtoull(text.c_str(), nullptr, 10);
}

std::string in_one_line(const Json& json) {
  std::string text = json.dump(-1, ' ', true, Json::error_handler_t::replace);
  // The one control character that JSON does not escape.
  for (size_t at = text.find('\x7F'); at != text.npos; at = text.find('\x7F', at)) text.replace(at, 1, "\\u007f");
  return text;
}

ClientInfo client_in(const Json& json) {
  ClientInfo client;
  read(json, "name", client.name);
  read_session(json, client.session);
  read(json, "shard", client.shard);
  read(json, "connected", client.connected);
  read(json, "peer", client.peer);
  read(json, "connected_ms", client.connected_ms);
  read(json, "idle_ms", client.idle_ms);
  read(json, "queue_bytes", client.queue_bytes);
  read(json, "waiting_messages", client.waiting_messages);
  read(json, "unacknowledged", client.unacknowledged);
  read(json, "receive_window", client.receive_window);
  read(json, "open_sent", client.open_sent);
  read(json, "messages_sent", client.messages_sent);
  read(json, "messages_received", client.messages_received);
  read(json, "sent_per_second", client.sent_per_second);
  read(json, "received_per_second", client.received_per_second);
  read(json, "paused_senders", client.paused_senders);
  read(json, "closed_gates", client.closed_gates);
  read(json, "blocked", client.blocked);
  return client;
}

EndTold end_in(const Json& json) {
  EndTold end;
  read(json, "unix_ms", end.unix_ms);
  read(json, "how", end.how);
  read(json, "name", end.name);
  read_session(json, end.session);
  read(json, "shard", end.shard);
  read(json, "peer", end.peer);
  read(json, "code", end.code);
  read(json, "text", end.text);
  return end;
}

// The objects of the array `key`; nothing if there is no such array.
template <typename Thing, typename ReadOne>
bool read_array(const Json& from, const char* key, std::vector<Told<Thing>>& to, ReadOne read_one) {
  if (!from.is_object()) return false;
  const auto found = from.find(key);
  if (found == from.end() || !found->is_array()) return false;
  for (const Json& one : *found) {
    if (!one.is_object()) return false;
    to.push_back({read_one(one), in_one_line(one)});
  }
  return true;
}

void read_latency(const Json& json, RouteLatency& latency) {
  read(json, "sum_us", latency.sum_us);
  const auto counts = json.find("counts");
  if (counts == json.end() || !counts->is_array()) return;
  for (size_t i = 0; i < std::min(counts->size(), latency.counts.size()); ++i) {
    if ((*counts)[i].is_number()) latency.counts[i] = (*counts)[i].get<uint64_t>();
  }
}

}  // namespace

std::optional<ClientsTold> read_clients(std::string_view body) {
  const Json json = parse(body);
  ClientsTold told;
  if (!read_array(json, "clients", told.clients, client_in)) return std::nullopt;
  read(json, "found", told.found);
  return told;
}

std::optional<std::vector<Told<EndTold>>> read_closed(std::string_view body) {
  std::vector<Told<EndTold>> ends;
  if (!read_array(parse(body), "closed", ends, end_in)) return std::nullopt;
  return ends;
}

std::optional<Told<TraceTold>> read_trace(std::string_view body) {
  const Json json = parse(body);
  if (!json.is_object() || !json.contains("would_arrive")) return std::nullopt;
  TraceTold trace;
  read(json, "would_arrive", trace.would_arrive);
  read(json, "why", trace.why);
  read(json, "reason", trace.reason);
  read(json, "from_shard", trace.from_shard);
  read(json, "to_shard", trace.to_shard);
  read(json, "paused", trace.paused);
  read(json, "gate_closed", trace.gate_closed);
  const auto object = [&json](const char* key) {
    const auto found = json.find(key);
    return found != json.end() && found->is_object() ? &*found : nullptr;
  };
  if (const Json* from = object("from")) trace.from = client_in(*from);
  if (const Json* to = object("to")) trace.to = client_in(*to);
  if (const Json* end = object("last_end")) trace.last_end = end_in(*end);
  return Told<TraceTold>{std::move(trace), in_one_line(json)};
}

std::optional<Told<PermissionTold>> read_permission(std::string_view body) {
  const Json json = parse(body);
  if (!json.is_object() || !json.contains("allowed")) return std::nullopt;
  PermissionTold permission;
  read(json, "allowed", permission.allowed);
  read(json, "why", permission.why);
  return Told<PermissionTold>{std::move(permission), in_one_line(json)};
}

std::optional<BrokerCounters> read_counters(std::string_view body) {
  const Json json = parse(body);
  if (!json.is_object() || !json.contains("connections")) return std::nullopt;
  BrokerCounters counters;
  read(json, "connections", counters.connections);
  read(json, "sessions", counters.sessions);
  read(json, "messages_received", counters.messages_received);
  read(json, "messages_admitted", counters.messages_admitted);
  read(json, "messages_acknowledged", counters.messages_acknowledged);
  read(json, "messages_refused_by_recipient", counters.messages_refused_by_recipient);
  read(json, "messages_refused", counters.messages_refused);
  read(json, "messages_expired", counters.messages_expired);
  read(json, "messages_lost", counters.messages_lost);
  read(json, "gates_closed", counters.gates_closed);
  read(json, "bytes_received", counters.bytes_received);
  read(json, "bytes_sent", counters.bytes_sent);
  read(json, "queued_bytes", counters.queued_bytes);
  read(json, "open_bytes", counters.open_bytes);
  read(json, "paused_senders", counters.paused_senders);
  read(json, "memory_bytes", counters.memory_bytes);
  read(json, "memory_bytes_max", counters.memory_bytes_max);
  read(json, "memory_stage", counters.memory_stage);
  const auto latency = json.find("route_latency");
  if (latency != json.end() && latency->is_object()) read_latency(*latency, counters.route_latency);
  const auto shards = json.find("shards");
  if (shards == json.end() || !shards->is_array()) return counters;
  for (const Json& shard : *shards) {
    if (!shard.is_object()) continue;
    read(shard, "loop_lag_us_max", counters.shards.emplace_back().loop_lag_us_max);
  }
  return counters;
}

std::optional<DrainTold> read_drain(std::string_view body) {
  const Json json = parse(body);
  DrainTold told;
  if (!json.is_object()) return std::nullopt;
  read(json, "phase", told.phase);
  read(json, "connections", told.connections);
  if (told.phase.empty()) return std::nullopt;
  return told;
}

std::optional<bool> read_kicked(std::string_view body) {
  const Json json = parse(body);
  bool kicked = false;
  if (!json.is_object() || !json.contains("kicked")) return std::nullopt;
  read(json, "kicked", kicked);
  return kicked;
}

std::string error_in(std::string_view body) {
  const Json json = parse(body);
  std::string error;
  if (json.is_object()) read(json, "error", error);
  return error;
}

}  // namespace onehop::cli
