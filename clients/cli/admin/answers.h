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

std::optional<ClientsTold> read_clients(std::string_view body);
std::optional<std::vector<Told<RecentEnd>>> read_closed(std::string_view body);
std::optional<Told<Trace>> read_trace(std::string_view body);
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
// Why a request was refused; empty if it does not say so.
std::string error_in(std::string_view body);

}  // namespace onehop::cli
