// See the header.
#include "cli/admin/top_screen.h"

#include <algorithm>

#include "cli/admin/table.h"

namespace onehop::cli {
namespace {

class Rates {
 public:
  Rates(const TopSample& before, const TopSample& now)
      : before_(before.counters),
        now_(now.counters),
        seconds_(std::max(0.001, std::chrono::duration<double>(now.at - before.at).count())) {}

  // A broker that was started again counts from the beginning.
  double of(uint64_t BrokerCounters::*counter) const {
    return now_.*counter < before_.*counter ? 0 : static_cast<double>(now_.*counter - before_.*counter) / seconds_;
  }
  std::string count(uint64_t BrokerCounters::*counter) const { return short_count(of(counter)); }
  std::string bytes(uint64_t BrokerCounters::*counter) const { return short_bytes(static_cast<uint64_t>(of(counter))); }

  // The bound below which this part of the messages between the samples was routed.
  std::string latency_below(double part) const {
    RouteLatency between;
    uint64_t all = 0;
    for (size_t i = 0; i < between.counts.size(); ++i) {
      const uint64_t first = before_.route_latency.counts[i];
      const uint64_t last = now_.route_latency.counts[i];
      all += between.counts[i] = last < first ? 0 : last - first;
    }
    if (all == 0) return "-";
    uint64_t below = 0;
    for (size_t i = 0; i < RouteLatency::kBoundsUs.size(); ++i) {
      below += between.counts[i];
      if (static_cast<double>(below) >= part * static_cast<double>(all)) {
        return "<" + short_us(RouteLatency::kBoundsUs[i]);
      }
    }
    return ">" + short_us(RouteLatency::kBoundsUs.back());
  }

  static std::string short_us(uint64_t us) { return us < 1'000 ? std::to_string(us) + "us" : short_time(us / 1'000); }

 private:
  const BrokerCounters& before_;
  const BrokerCounters& now_;
  const double seconds_;
};

double key_of(const ClientInfo& client, const std::string& order) {
  if (order == "send_rate") return client.sent_per_second;
  if (order == "receive_rate") return client.received_per_second;
  if (order == "queue_bytes") return static_cast<double>(client.queue_bytes);
  if (order == "idle") return static_cast<double>(client.idle_ms);
  return 0;
}

// Clients that are equal would otherwise change places from one screen to the next.
std::vector<Told<ClientInfo>> with_steady_ties(std::vector<Told<ClientInfo>> clients, const std::string& order) {
  std::stable_sort(clients.begin(), clients.end(), [&order](const auto& a, const auto& b) {
    const double of_a = key_of(a.thing, order);
    const double of_b = key_of(b.thing, order);
    return of_a != of_b ? of_a > of_b : a.thing.name < b.thing.name;
  });
  return clients;
}

std::string count(uint64_t value) {
  return short_count(static_cast<double>(value));
}

}  // namespace

std::vector<std::string> top_screen(const TopSample& before, const TopSample& now, const std::string& title,
                                    const std::string& order, size_t rows_max) {
  const Rates rates(before, now);
  const BrokerCounters& counters = now.counters;
  uint64_t lag_us = 0;
  for (const ShardState& shard : counters.shards) lag_us = std::max(lag_us, shard.loop_lag_us_max);
  constexpr const char* kStages[] = {"", ", refusing", ", ending clients"};
  std::vector<std::string> lines;
  lines.push_back(title);
  lines.push_back("clients     " + count(counters.connections) + " connected, " + count(counters.sessions) +
                  " sessions, " + count(counters.paused_senders) + " paused, " +
                  rates.count(&BrokerCounters::gates_closed) + " gates closed/s");
  lines.push_back("messages/s  " + rates.count(&BrokerCounters::messages_received) + " in, " +
                  rates.count(&BrokerCounters::messages_admitted) + " admitted, " +
                  rates.count(&BrokerCounters::messages_acknowledged) + " acknowledged");
  lines.push_back("failed/s    " + rates.count(&BrokerCounters::messages_refused) + " refused, " +
                  rates.count(&BrokerCounters::messages_refused_by_recipient) + " by recipients, " +
                  rates.count(&BrokerCounters::messages_expired) + " expired, " +
                  rates.count(&BrokerCounters::messages_lost) + " lost");
  lines.push_back("bytes/s     " + rates.bytes(&BrokerCounters::bytes_received) + " in, " +
                  rates.bytes(&BrokerCounters::bytes_sent) + " out");
  lines.push_back("held        " + short_bytes(counters.queued_bytes) + " queued, " + short_bytes(counters.open_bytes) +
                  " unacknowledged, memory " + short_bytes(counters.memory_bytes) + " of " +
                  short_bytes(counters.memory_bytes_max) + kStages[std::min(counters.memory_stage, 2U)]);
  lines.push_back("latency     p50 " + rates.latency_below(0.5) + ", p99 " + rates.latency_below(0.99) + ", loop lag " +
                  Rates::short_us(lag_us));
  lines.emplace_back();
  const size_t head_lines = lines.size() + 1;
  for (std::string& line : table_of(with_steady_ties(now.clients.clients, order), order).lines()) {
    lines.push_back(std::move(line));
  }
  const size_t clients_max = rows_max - std::min(rows_max, head_lines);
  if (now.clients.found <= std::min(now.clients.clients.size(), clients_max)) return lines;
  if (lines.size() >= rows_max) lines.resize(std::max(head_lines, rows_max - 1));
  lines.push_back(std::to_string(now.clients.found - (lines.size() - head_lines)) + " more");
  return lines;
}

}  // namespace onehop::cli
