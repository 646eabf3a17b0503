// Sums of counters: see the header.
#include "server/counter_sums.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "onehop/v1/onehop.pb.h"

namespace onehop::server {
namespace {

std::string_view outcome_name(int outcome) {
  return std::string_view(v1::Outcome_Name(static_cast<v1::Outcome>(outcome))).substr(sizeof "OUTCOME_" - 1);
}

std::string_view reason_name(size_t reason) {
  if (reason == 0) return {};
  return std::string_view(v1::Reason_Name(static_cast<v1::Reason>(reason))).substr(sizeof "REASON_" - 1);
}

void add_outcomes(const core::Counters& all, std::vector<OutcomeCount>& out) {
  const auto add = [&out](int outcome, size_t reason, uint64_t count) {
    if (count != 0) out.push_back({outcome_name(outcome), reason_name(reason), count});
  };
  add(v1::OUTCOME_DELIVERED, 0, all.outcomes[v1::OUTCOME_DELIVERED]);
  for (size_t reason = 0; reason < core::kReasons; ++reason) {
    const bool by_recipient = reason == v1::REASON_REFUSED_BY_RECIPIENT;
    add(v1::OUTCOME_REJECTED, reason,
        all.messages_refused[reason] + (by_recipient ? all.outcomes[v1::OUTCOME_REJECTED] : 0));
  }
  add(v1::OUTCOME_EXPIRED, 0, all.outcomes[v1::OUTCOME_EXPIRED]);
  for (size_t reason = 0; reason < core::kReasons; ++reason) {
    add(v1::OUTCOME_LOST, reason, all.messages_lost[reason]);
  }
}

template <size_t kSize>
void add_each(std::array<uint64_t, kSize>& sum, const std::array<uint64_t, kSize>& more) {
  for (size_t i = 0; i < kSize; ++i) sum[i] += more[i];
}

void add(BrokerCounters& sum, const core::Counters& c) {
  sum.connections += c.links;
  sum.sessions += c.sessions;
  sum.sessions_opened += c.sessions_opened;
  sum.connects_refused += c.connects_refused;
  sum.connects_refused_full += c.connects_refused_full;
  sum.sessions_evicted += c.sessions_evicted;
  sum.takeovers += c.takeovers;
  sum.hand_overs += c.hand_overs;
  sum.messages_received += c.messages_received;
  sum.messages_admitted += c.messages_admitted;
  sum.messages_redelivered += c.messages_redelivered;
  sum.messages_dropped += c.messages_dropped;
  sum.messages_acknowledged += c.outcomes[v1::OUTCOME_DELIVERED];
  sum.messages_refused_by_recipient += c.outcomes[v1::OUTCOME_REJECTED];
  sum.messages_expired += c.outcomes[v1::OUTCOME_EXPIRED] + c.messages_expired;
  sum.messages_lost += c.outcomes[v1::OUTCOME_LOST];
  sum.sessions_resumed += c.sessions_resumed;
  for (const uint64_t refused : c.messages_refused) sum.messages_refused += refused;
  sum.pauses_told += c.pauses_told;
  sum.resumes_told += c.resumes_told;
  sum.gates_closed += c.gates_closed;
  sum.reading_stopped += c.reading_stopped;
  sum.bytes_received += c.bytes_received;
  sum.bytes_sent += c.bytes_sent;
  sum.queued_bytes += c.queued_bytes;
  sum.open_bytes += c.open_bytes;
  sum.memory_ended += c.memory_ended;
}

}  // namespace

BrokerCounters sum_of(const std::vector<CountersOfShard>& shards) {
  BrokerCounters sum;
  core::Counters all;
  for (const CountersOfShard& shard : shards) {
    add(sum, shard.counters);
    add_each(all.outcomes, shard.counters.outcomes);
    add_each(all.messages_refused, shard.counters.messages_refused);
    add_each(all.messages_lost, shard.counters.messages_lost);
    add_each(sum.route_latency.counts, shard.route_latency.counts);
    sum.route_latency.sum_us += shard.route_latency.sum_us;
    sum.paused_senders += shard.paused_senders;
    sum.transport_bytes += shard.transport_bytes;
    if (sum.shards.size() <= shard.index) sum.shards.resize(shard.index + 1);
    sum.shards[shard.index] = {shard.counters.links, shard.counters.sessions, shard.counters.queued_bytes,
                               shard.loop_lag_us_max};
  }
  add_outcomes(all, sum.outcomes);
  return sum;
}

}  // namespace onehop::server
