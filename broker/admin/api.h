// What the admin port answers to: probes, metrics, and the API under /api/v1/. docs/admin.md is its description.
//
// A broker of which a shard hangs lets each question wait a second. So that many who ask do not wait for each other in
// turn, the questions of a second after such a one are answered 503; and whether the broker is alive is asked at most
// once a second. A probe waits for one question of others at the most. Metrics, which are open to anybody and take the
// shards the longer the more clients there are, are gathered in a tenth of the time at the most, or once a second.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "admin/access.h"
#include "admin/http_answer.h"
#include "admin/http_request.h"
#include "admin/metrics.h"
#include "admin/process_figures.h"
#include "onehop/broker.h"

namespace onehop::admin {

// Somebody has changed something, or has tried to. The views are valid during the call only.
struct Change {
  Role role;
  std::string_view peer;   // Where the request came from; empty: a Unix socket, or nobody any more.
  std::string_view path;   // "/api/v1/kick".
  std::string_view query;  // As it was written: "name=alice".
  unsigned status;         // Of the answer.
};

// What a client may do, and which rule says so.
struct Permission {
  bool allowed = false;
  std::string why;
};

// What only the program around the broker can do.
struct Actions {
  std::function<std::string()> config_json;  // The settings in force, as JSON.
  std::function<void()> drain;               // Somebody asks for a drain.
  std::function<ProgramState()> state;       // For the metrics.
  // Nothing: there is no such action. An empty principal stands for anonymous clients.
  std::function<std::optional<Permission>(const std::string& principal, const std::string& action,
                                          const std::string& target)>
      permission;
  std::function<void(const Change&)>
      changed;  // After each request that was not refused and has another method than GET and HEAD.
};

// One thread at a time.
class Api {
 public:
  Api(Broker& broker, Actions actions, const Access& access);

  // `peer` is asked for where a request changes something.
  Answer answer(const Request& request, const std::function<std::string()>& peer);
  // Whether it is /livez or /readyz that is asked for: what must be answered whoever else is here.
  static bool is_probe(const Request& request);

 private:
  struct Route;
  static const Route* route_of(std::string_view path);
  Answer answer_admitted(const Request& request, bool open);
  Answer answer_on(const Route& route, const Request& request);

  Answer livez(const Request& request);
  Answer readyz(const Request& request);
  Answer metrics(const Request& request);
  Answer clients(const Request& request);
  Answer closed(const Request& request);
  Answer config(const Request& request);
  Answer trace(const Request& request);
  Answer permission(const Request& request);
  Answer counters(const Request& request);
  Answer kick(const Request& request);
  Answer start_drain(const Request& request);
  Answer take_drain_back(const Request& request);
  Answer drain_state(const Request& request);

  using Clock = std::chrono::steady_clock;

  Broker& broker_;
  const Actions actions_;
  const Access& access_;
  ProcessReader process_;
  Clock::time_point closed_until_{};  // For questions to the shards.
  std::string metrics_;
  Clock::time_point metrics_until_{};  // How long `metrics_` holds.
  bool alive_ = false;
  Clock::time_point alive_until_{};  // How long `alive_` holds.
};

}  // namespace onehop::admin
