// The text of metrics, read back line by line.
#include "admin/metrics.h"

#include <gtest/gtest.h>

#include <map>
#include <sstream>
#include <string>

namespace onehop::admin {
namespace {

// Series → value.
std::map<std::string, std::string> read_back(const std::string& text) {
  std::map<std::string, std::string> series;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with('#')) continue;
    const size_t space = line.rfind(' ');
    EXPECT_TRUE(series.emplace(line.substr(0, space), line.substr(space + 1)).second) << "twice: " << line;
  }
  return series;
}

TEST(Metrics, SayWhatTheBrokerCounted) {
  BrokerCounters counters;
  counters.connections = 3;
  counters.messages_received = 12'345'678'901;
  counters.outcomes = {{Outcome::kDelivered, Reason::kNone, 7}, {Outcome::kRejected, Reason::kUnknownClient, 2}};
  counters.route_latency.counts = {1, 2, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4};
  counters.route_latency.sum_us = 2'500'000;
  counters.shards = {{1, 2, 3, 1'500}, {4, 5, 6, 0}};
  counters.memory_stage = 2;
  ProcessFigures process;
  process.open_descriptors = 9;
  MetricsState state;
  state.version = "1.2.3";
  state.draining = true;
  auto series = read_back(metrics_text(counters, process, state));
  EXPECT_EQ(series["onehop_build_info{version=\"1.2.3\"}"], "1");
  EXPECT_EQ(series["onehop_ready"], "0");
  EXPECT_EQ(series["onehop_draining"], "1");
  EXPECT_EQ(series["onehop_connections"], "3");
  EXPECT_EQ(series["onehop_messages_received_total"], "12345678901");
  EXPECT_EQ(series["onehop_messages_total{outcome=\"DELIVERED\",reason=\"\"}"], "7");
  EXPECT_EQ(series["onehop_messages_total{outcome=\"REJECTED\",reason=\"UNKNOWN_CLIENT\"}"], "2");
  EXPECT_EQ(series["onehop_memory_stage"], "2");
  EXPECT_EQ(series["onehop_loop_lag_seconds{shard=\"0\"}"], "0.0015");
  EXPECT_EQ(series["onehop_shard_connections{shard=\"1\"}"], "4");
  EXPECT_EQ(series["onehop_route_latency_seconds_bucket{le=\"2.5e-05\"}"], "3");
  EXPECT_EQ(series["onehop_route_latency_seconds_bucket{le=\"1\"}"], "6");
  EXPECT_EQ(series["onehop_route_latency_seconds_bucket{le=\"+Inf\"}"], "10");
  EXPECT_EQ(series["onehop_route_latency_seconds_count"], "10");
  EXPECT_EQ(series["onehop_route_latency_seconds_sum"], "2.5");
  EXPECT_EQ(series["process_open_fds"], "9");
  EXPECT_EQ(series.count("process_max_fds"), 0u) << "what is not known is left out";
}

TEST(Metrics, OfThisProcess) {
  ProcessReader reader;
  const ProcessFigures first = reader.read();
  ASSERT_TRUE(first.resident_bytes && first.open_descriptors && first.descriptors_max && first.cpu_seconds &&
              first.start_unix_seconds);
  EXPECT_GT(*first.resident_bytes, 100'000u);
  EXPECT_GE(*first.open_descriptors, 3u);
  EXPECT_LE(*first.open_descriptors, *first.descriptors_max);
  EXPECT_GT(*first.start_unix_seconds, 1.6e9);
  EXPECT_GE(*reader.read().cpu_seconds, *first.cpu_seconds);
}

}  // namespace
}  // namespace onehop::admin
