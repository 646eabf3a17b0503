// The routes and their answers.
#include "admin/api.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "admin/json.h"
#include "admin/metrics.h"
#include "admin/parameters.h"

namespace onehop::admin {
namespace {

constexpr uint32_t kAliveWithinMs = 2'000;
constexpr std::chrono::milliseconds kAliveHolds{1'000};
// Broker waits a second for shards: who waited about as long met one that does not answer.
constexpr std::chrono::milliseconds kLong{900};
constexpr std::chrono::milliseconds kClosedFor{1'000};
// Metrics hold for so many times what it took to gather them.
constexpr int kMetricsRest = 9;
constexpr std::chrono::milliseconds kMetricsHoldMax{1'000};
constexpr size_t kClientsMax = 1'000;
constexpr size_t kEndsMax = 1'024;
// What a goodbye may say.
constexpr size_t kKickTextBytesMax = 256;
// For how long a kick may keep a name out: a day.
constexpr size_t kKickMsMax = 86'400'000;
constexpr std::string_view kUnderApi = "/api/";

Answer json_answer(std::string body, unsigned status = 200) {
  Answer answer;
  answer.status = status;
  answer.type = Answer::kJson;
  answer.body = std::move(body);
  return answer;
}

Answer probe_answer(bool fine, std::string_view word, std::string_view why) {
  Answer answer;
  answer.status = fine ? 200 : 503;
  answer.body.append(fine ? word : why).append("\n");
  return answer;
}

}  // namespace

// A path has one or two: what to do on GET (and HEAD), and on POST.
struct Api::Route {
  using Handler = Answer (Api::*)(const Request&);
  std::string_view path;
  Handler get;
  Handler post;
  bool asks_shards;
  std::vector<std::string_view> parameters;  // Others are refused.
};

const Api::Route* Api::route_of(std::string_view path) {
  static const std::vector<Route> routes{
      {"/livez", &Api::livez, nullptr, false, {}},
      {"/readyz", &Api::readyz, nullptr, false, {}},
      {"/metrics", &Api::metrics, nullptr, true, {}},
      {"/api/v1/clients", &Api::clients, nullptr, true, {"name", "sort", "offset", "limit"}},
      {"/api/v1/closed", &Api::closed, nullptr, false, {"name", "limit"}},
      {"/api/v1/config", &Api::config, nullptr, false, {}},
      {"/api/v1/trace", &Api::trace, nullptr, true, {"from", "to"}},
      {"/api/v1/permission", &Api::permission, nullptr, false, {"principal", "action", "target"}},
      {"/api/v1/counters", &Api::counters, nullptr, true, {}},
      {"/api/v1/kick", nullptr, &Api::kick, true, {"name", "text", "for_ms"}},
      {"/api/v1/undrain", nullptr, &Api::take_drain_back, false, {}},
      {"/api/v1/drain", &Api::drain_state, &Api::start_drain, true, {}},
  };
  const auto found = std::find_if(routes.begin(), routes.end(), [&](const Route& r) { return r.path == path; });
  return found == routes.end() ? nullptr : &*found;
}

Api::Api(Broker& broker, Actions actions, const Access& access)
    : broker_(broker), actions_(std::move(actions)), access_(access) {}

bool Api::is_probe(const Request& request) {
  return request.path == "/livez" || request.path == "/readyz";
}

Answer Api::answer(const Request& request, const std::function<std::string()>& peer) {
  const bool open = !std::string_view(request.path).starts_with(kUnderApi);
  if (open) return answer_admitted(request, open);
  Role role;
  if (std::optional<Answer> refusal = access_.refusal(request, role)) return *std::move(refusal);
  Answer answer = answer_admitted(request, open);
  if (request.method == Request::Method::kPost && actions_.changed) {
    actions_.changed({role, peer(), request.path, request.query, answer.status});
  }
  return answer;
}

Answer Api::answer_admitted(const Request& request, bool open) {
  const Route* route = route_of(request.path);
  if (route == nullptr) return error_answer(404, "there is no such path");
  const bool is_get = request.method == Request::Method::kGet || request.method == Request::Method::kHead;
  if ((is_get ? route->get : request.method == Request::Method::kPost ? route->post : nullptr) == nullptr) {
    Answer answer = error_answer(405, "this path has another method");
    answer.allow = route->get == nullptr ? "POST" : route->post == nullptr ? "GET, HEAD" : "GET, HEAD, POST";
    return answer;
  }
  // Probes and scrapes may carry what some tool adds.
  if (!open) {
    const std::string wrong = what_is_wrong_with(request.parameters, route->parameters);
    if (!wrong.empty()) return error_answer(400, wrong);
  }
  return answer_on(*route, request);
}

Answer Api::answer_on(const Route& route, const Request& request) {
  const Route::Handler handler = request.method == Request::Method::kPost ? route.post : route.get;
  // To begin a drain asks nobody.
  if (!route.asks_shards || handler == &Api::start_drain) return (this->*handler)(request);
  const Clock::time_point before = Clock::now();
  if (before < closed_until_) return error_answer(503, "a shard does not answer: ask again in a second");
  Answer answer = (this->*handler)(request);
  const Clock::time_point after = Clock::now();
  if (after - before >= kLong) closed_until_ = after + kClosedFor;
  return answer;
}

Answer Api::livez(const Request&) {
  if (Clock::now() >= alive_until_) {
    alive_ = broker_.alive(kAliveWithinMs);
    alive_until_ = Clock::now() + kAliveHolds;
  }
  return probe_answer(alive_, "ok", "a shard has not answered for 2 s");
}

Answer Api::readyz(const Request&) {
  std::string why_not;
  const bool ready = broker_.ready(why_not);
  return probe_answer(ready, "ready", why_not);
}

Answer Api::metrics(const Request&) {
  const Clock::time_point before = Clock::now();
  if (before >= metrics_until_) {
    std::string why_not;
    MetricsState state;
    state.version = ONEHOP_VERSION;
    const Broker::Readiness readiness = broker_.readiness(why_not);
    state.ready = readiness == Broker::Readiness::kReady;
    state.draining = readiness == Broker::Readiness::kDraining;
    if (actions_.state) state.program = actions_.state();
    metrics_ = metrics_text(broker_.counters(), process_.read(), state);
    const Clock::time_point after = Clock::now();
    metrics_until_ = after + std::min<Clock::duration>(kMetricsRest * (after - before), kMetricsHoldMax);
  }
  Answer answer;
  answer.type = kMetricsType;
  answer.body = metrics_;
  return answer;
}

Answer Api::clients(const Request& request) {
  static const std::vector<std::pair<std::string_view, ClientOrder>> orders{
      {"name", ClientOrder::kName},          {"queue_bytes", ClientOrder::kQueueBytes},
      {"send_rate", ClientOrder::kSendRate}, {"receive_rate", ClientOrder::kReceiveRate},
      {"idle", ClientOrder::kIdle},
  };
  ClientQuery query;
  query.name_part = text_parameter(request.parameters, "name");
  if (!number_parameter(request.parameters, "offset", query.offset) ||
      !number_parameter(request.parameters, "limit", query.limit) || query.limit > kClientsMax) {
    return error_answer(400, "offset and limit are numbers, and limit at most 1000");
  }
  if (const std::string* sort = parameter(request.parameters, "sort")) {
    const auto order = std::find_if(orders.begin(), orders.end(), [&](const auto& o) { return o.first == *sort; });
    if (order == orders.end()) return error_answer(400, "sort is name, queue_bytes, send_rate, receive_rate or idle");
    query.order = order->second;
  }
  return json_answer(json_clients(broker_.clients(query), query.offset));
}

Answer Api::closed(const Request& request) {
  size_t limit = 100;
  if (!number_parameter(request.parameters, "limit", limit) || limit > kEndsMax) {
    return error_answer(400, "limit is a number, and at most 1024");
  }
  return json_answer(json_ends(broker_.recent_ends(limit, text_parameter(request.parameters, "name"))));
}

Answer Api::config(const Request&) {
  if (!actions_.config_json) return error_answer(404, "this program does not tell its settings");
  return json_answer(actions_.config_json());
}

Answer Api::trace(const Request& request) {
  const std::string* from = parameter(request.parameters, "from");
  const std::string* to = parameter(request.parameters, "to");
  if (from == nullptr || to == nullptr) return error_answer(400, "from and to name two clients");
  return json_answer(json_trace(broker_.trace(*from, *to)));
}

Answer Api::permission(const Request& request) {
  if (!actions_.permission) return error_answer(404, "this program has no permissions");
  const std::string* action = parameter(request.parameters, "action");
  const std::string* target = parameter(request.parameters, "target");
  if (action == nullptr || target == nullptr) return error_answer(400, "action and target say what the client wants");
  const auto found = actions_.permission(text_parameter(request.parameters, "principal"), *action, *target);
  if (!found) {
    return error_answer(400, "action is names, take_over, send, publish, subscribe, serve, request or watch");
  }
  return json_answer(json_permission(found->allowed, found->why));
}

Answer Api::counters(const Request&) {
  return json_answer(json_counters(broker_.counters()));
}

Answer Api::kick(const Request& request) {
  const std::string* name = parameter(request.parameters, "name");
  if (name == nullptr) return error_answer(400, "name says which client");
  const std::string text = text_parameter(request.parameters, "text");
  if (text.size() > kKickTextBytesMax || !is_text(text))
    return error_answer(400, "text is UTF-8, of at most 256 bytes");
  size_t for_ms = 0;
  if (!number_parameter(request.parameters, "for_ms", for_ms) || for_ms > kKickMsMax) {
    return error_answer(400, "for_ms is a number, and at most 86400000");
  }
  const Broker::Kick kicked = broker_.kick(*name, text, static_cast<uint32_t>(for_ms));
  if (kicked == Broker::Kick::kNoAnswer) return error_answer(503, "its shard does not answer: nothing was done");
  const bool had_client = kicked == Broker::Kick::kEnded;
  if (!had_client && for_ms == 0) return error_answer(404, "there is no client of this name");
  return json_answer(json_kicked(had_client, for_ms));
}

Answer Api::start_drain(const Request&) {
  if (!actions_.drain) return error_answer(404, "this program does not drain when asked");
  actions_.drain();
  return json_answer(json_draining(true), 202);
}

Answer Api::take_drain_back(const Request&) {
  if (!broker_.undrain()) {
    return error_answer(409, "clients have been told and the listeners are closed: start the broker anew");
  }
  return json_answer(json_draining(false));
}

Answer Api::drain_state(const Request&) {
  // In this order: of a broker that is drained no connection is told.
  const Broker::DrainPhase phase = broker_.drain_phase();
  return json_answer(json_drain_state(phase, broker_.counters().connections));
}

}  // namespace onehop::admin
