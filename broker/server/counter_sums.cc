// Sums of counters: see the header.
#include "server/counter_sums.h"

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include "message/message_codec.h"
#include "onehop/v1/onehop.pb.h"

namespace onehop::server {
namespace {

constexpr int kRefusals[] = {v1::REASON_UNKNOWN_CLIENT, v1::REASON_QUEUE_FULL,           v1::REASON_RATE_LIMITED,
                             v1::REASON_TOO_LARGE,      v1::REASON_REFUSED_BY_RECIPIENT, v1::REASON_STALE_SESSION,
                             v1::REASON_BROKER_BUSY,    v1::REASON_SHUTTING_DOWN,        v1::REASON_UNSUPPORTED,
                             v1::REASON_NOT_AUTHORIZED, v1::REASON_NOBODY_THERE};
constexpr int kLosses[] = {v1::REASON_CONNECTION_LOST, v1::REASON_SHUTTING_DOWN};

// Whether the broker gives a message this outcome for this reason.
bool can_occur(int outcome, size_t reason) {
  const auto is_among = [reason](std::span<const int> reasons) {
    return std::find(reasons.begin(), reasons.end(), static_cast<int>(reason)) != reasons.end();
  };
  if (outcome == v1::OUTCOME_REJECTED) return is_among(kRefusals);
  return outcome != v1::OUTCOME_LOST || is_among(kLosses);
}

// What can occur is told before it has, for whoever asks how much a number has risen.
void add_outcomes(const core::Counters& all, std::vector<OutcomeCount>& out) {
  const auto add = [&out](int outcome, size_t reason, uint64_t count) {
    if (count != 0 || can_occur(outcome, reason))
      out.push_back({client::to_outcome(static_cast<v1::Outcome>(outcome)), static_cast<Reason>(reason), count});
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
  // Those of topics and of requests; of these the reason is not counted.
  for (const int outcome : {v1::OUTCOME_PARTIAL, v1::OUTCOME_REPLIED, v1::OUTCOME_RESPONDER_LOST}) {
    add(outcome, 0, all.outcomes[static_cast<size_t>(outcome)]);
  }
}

template <size_t kSize>
void add_each(std::array<uint64_t, kSize>& sum, const std::array<uint64_t, kSize>& more) {
  for (size_t i = 0; i < kSize; ++i) sum[i] += more[i];
}

// Counters that are summed over the shards. add() adds expired confirmed messages to messages_expired.
constexpr std::pair<uint64_t BrokerCounters::*, uint64_t core::Counters::*> kPlainSums[] = {
    {&BrokerCounters::connections, &core::Counters::links},
    {&BrokerCounters::sessions, &core::Counters::sessions},
    {&BrokerCounters::sessions_opened, &core::Counters::sessions_opened},
    {&BrokerCounters::sessions_resumed, &core::Counters::sessions_resumed},
    {&BrokerCounters::sessions_evicted, &core::Counters::sessions_evicted},
    {&BrokerCounters::connects_refused, &core::Counters::connects_refused},
    {&BrokerCounters::connects_refused_full, &core::Counters::connects_refused_full},
    {&BrokerCounters::takeovers, &core::Counters::takeovers},
    {&BrokerCounters::hand_overs, &core::Counters::hand_overs},
    {&BrokerCounters::messages_received, &core::Counters::messages_received},
    {&BrokerCounters::messages_admitted, &core::Counters::messages_admitted},
    {&BrokerCounters::messages_redelivered, &core::Counters::messages_redelivered},
    {&BrokerCounters::messages_dropped, &core::Counters::messages_dropped},
    {&BrokerCounters::messages_expired, &core::Counters::messages_expired},
    {&BrokerCounters::pauses_told, &core::Counters::pauses_told},
    {&BrokerCounters::resumes_told, &core::Counters::resumes_told},
    {&BrokerCounters::gates_closed, &core::Counters::gates_closed},
    {&BrokerCounters::reading_stopped, &core::Counters::reading_stopped},
    {&BrokerCounters::bytes_received, &core::Counters::bytes_received},
    {&BrokerCounters::bytes_sent, &core::Counters::bytes_sent},
    {&BrokerCounters::queued_bytes, &core::Counters::queued_bytes},
    {&BrokerCounters::open_bytes, &core::Counters::open_bytes},
    {&BrokerCounters::memory_ended, &core::Counters::memory_ended},
    {&BrokerCounters::credentials_expired, &core::Counters::credentials_expired},
    {&BrokerCounters::renewals_accepted, &core::Counters::renewals_accepted},
    {&BrokerCounters::renewals_refused, &core::Counters::renewals_refused},
    {&BrokerCounters::renewals_undecided, &core::Counters::renewals_undecided},
    {&BrokerCounters::sessions_revoked, &core::Counters::sessions_revoked},
    {&BrokerCounters::topic_messages, &core::Counters::topic_messages},
    {&BrokerCounters::topic_copies, &core::Counters::topic_copies},
    {&BrokerCounters::topic_skips, &core::Counters::topic_skips},
};

void add(BrokerCounters& sum, const core::Counters& c) {
  for (const auto& [told, counted] : kPlainSums) sum.*told += c.*counted;
  for (const uint64_t refused : c.messages_refused) sum.messages_refused += refused;
  sum.messages_acknowledged += c.outcomes[v1::OUTCOME_DELIVERED];
  sum.messages_refused_by_recipient += c.outcomes[v1::OUTCOME_REJECTED];
  sum.messages_expired += c.outcomes[v1::OUTCOME_EXPIRED];
  sum.messages_lost += c.outcomes[v1::OUTCOME_LOST];
}

}  // namespace

BrokerCounters sum_of(const std::vector<CountersOfShard>& shards) {
  BrokerCounters sum;
  core::Counters all;
  EndCounts ends;
  for (const CountersOfShard& shard : shards) {
    add(sum, shard.counters);
    add_each(all.outcomes, shard.counters.outcomes);
    add_each(all.messages_refused, shard.counters.messages_refused);
    add_each(all.messages_lost, shard.counters.messages_lost);
    ends.add(shard.ends);
    add_each(sum.route_latency.counts, shard.route_latency.counts);
    sum.route_latency.sum_us += shard.route_latency.sum_us;
    sum.paused_senders += shard.paused_senders;
    sum.transport_bytes += shard.transport_bytes;
    if (sum.shards.size() <= shard.index) sum.shards.resize(shard.index + 1);
    sum.shards[shard.index] = {shard.counters.links, shard.counters.sessions, shard.counters.queued_bytes,
                               shard.loop_lag_us_max};
  }
  add_outcomes(all, sum.outcomes);
  sum.ends = ends.told();
  return sum;
}

}  // namespace onehop::server
