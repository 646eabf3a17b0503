// What is known of a broker as JSON: the one place that knows the format. Fields have the names they have in
// onehop/inspection.h. A session's number is a string, because many readers keep only 53 bits of a number; bytes that
// are no UTF-8 come as U+FFFD.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "onehop/broker.h"
#include "onehop/inspection.h"

namespace onehop::admin {

// Whether it is UTF-8.
bool is_text(std::string_view bytes);

std::string json_error(std::string_view why);
std::string json_clients(const ClientPage& page, size_t offset);
std::string json_ends(const std::vector<RecentEnd>& ends);
std::string json_trace(const Trace& trace);
std::string json_counters(const BrokerCounters& counters);
std::string json_kicked(bool had_client, uint64_t barred_ms);
std::string json_permission(bool allowed, const std::string& why);
std::string json_draining(bool draining);
std::string json_drain_state(Broker::DrainPhase phase, uint64_t connections);

}  // namespace onehop::admin
