// What the admin port answers, read from its JSON: the one place that knows the format. What is missing is as in a
// broker that has nothing to say about it; each answers nothing if the text is no such answer.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "onehop/inspection.h"

namespace onehop::cli {

// A thing, and the JSON it came as, in one line of ASCII without control characters.
template <typename Thing>
struct Told {
  Thing thing;
  std::string json;
};

struct ClientsTold {
  std::vector<Told<ClientInfo>> clients;
  size_t found = 0;
};

// RecentEnd and Trace in the admin port's words, because a later broker may have words that this program does not know.
struct EndTold {
  uint64_t unix_ms = 0;
  std::string how;
  std::string name;
  uint64_t session = 0;
  unsigned shard = 0;
  std::string peer;
  std::string code;
  std::string text;
};
struct TraceTold {
  bool would_arrive = false;
  std::string why;
  std::string reason;
  unsigned from_shard = 0;
  unsigned to_shard = 0;
  std::optional<ClientInfo> from;
  std::optional<ClientInfo> to;
  bool paused = false;
  bool gate_closed = false;
  std::optional<EndTold> last_end;
};

std::optional<ClientsTold> read_clients(std::string_view body);
std::optional<std::vector<Told<EndTold>>> read_closed(std::string_view body);
std::optional<Told<TraceTold>> read_trace(std::string_view body);
// Without the counts of single outcomes.
std::optional<BrokerCounters> read_counters(std::string_view body);
// How far a drain has come, in the admin port's word for it, and how many connections are left.
struct DrainTold {
  std::string phase;
  uint64_t connections = 0;
};
std::optional<DrainTold> read_drain(std::string_view body);
// Whether a kick has ended a client.
std::optional<bool> read_kicked(std::string_view body);
// Whether something is allowed, and which rule says so.
struct PermissionTold {
  bool allowed = false;
  std::string why;
};
std::optional<Told<PermissionTold>> read_permission(std::string_view body);
// Why a request was refused; empty if it does not say so.
std::string error_in(std::string_view body);

}  // namespace onehop::cli
