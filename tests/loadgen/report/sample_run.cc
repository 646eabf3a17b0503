// See the header.
#include "sample_run.h"

#include <algorithm>
#include <cmath>
#include <random>

#include "loadgen/measure/quantity.h"

namespace onehop::loadgen {
namespace {

constexpr int kSeconds = 20;
constexpr uint64_t kRate = 5000;

uint64_t log_normal(std::mt19937_64& random, double median_ns, double sigma) {
  return static_cast<uint64_t>(median_ns * std::exp(std::normal_distribution<double>(0, sigma)(random)));
}

void describe(RunResult& run) {
  run.version = "1.2.3";
  run.id = "5eed";
  run.host = {"measuring-1", "Linux 6.18.0", "Fine Processor 9000", 8, uint64_t{16} << 30};
  run.started_unix_s = 1'790'000'000.125;
  run.target = "onehop://127.0.0.1:7411";
  run.server = "onehop 1.2.3";
  run.settings = {{"workload", "pairs"}, {"clients", "100"},       {"rate", "5000"},
                  {"duration", "20s"},   {"size", "128"},          {"threads", "2"},
                  {"seed", "7"},         {"confirm", "delivered"}, {"arrivals", "constant"}};
  run.planned_s = kSeconds;
  run.duration_s = kSeconds;
  run.wanted_rate = kRate;
  run.achieved_rate = 4999.25;
  run.reasons = {{"REJECTED QUEUE_FULL", 12}, {"EXPIRED", 3}};
  run.connections = {104, 2, 0, 4, 0, "connection reset by peer"};
  run.thresholds = {{"p99<500ms", 0, true}, {"lost==0", 0, true}};
  run.allowed = {"rejected<1%", "expired<1%", "broken<1%"};
}

}  // namespace

RunResult sample_run(uint64_t seed) {
  std::mt19937_64 random(seed);
  RunResult run;
  describe(run);
  for (int at = 0; at < kSeconds; ++at) {
    Second second;
    second.at_s = at;
    second.sent = kRate;
    second.told_otherwise = at == 9 ? 15 : 0;
    second.delivered = kRate - second.told_otherwise;
    second.in_flight = 2 + random() % 4 + (at == 9 ? 600 : 0);
    second.opened = at == 0 ? 100 : 0;
    for (uint64_t i = 0; i < second.delivered; ++i) {
      const uint64_t plain = log_normal(random, 180'000, 0.35);
      // In the tenth second each message also waits for the end of the standstill.
      const uint64_t wait = at == 9 && i < kRate * 3 / 10 ? 300 * kMs - i * (1000 * kMs / kRate) : 0;
      second.latency.record(plain + wait);
      run.uncorrected.record(i == 0 ? plain + wait : plain);
      run.confirm_latency.record(plain + wait + log_normal(random, 60'000, 0.3));
    }
    for (uint64_t i = 0; i < kRate; ++i) {
      const uint64_t lag = log_normal(random, 9'000, 0.6);
      second.lag_max = std::max(second.lag_max, lag);
      run.generator.lag.record(lag);
      run.generator.read_lag.record(0);
    }
    run.account.sent += second.sent;
    run.account.delivered += second.delivered;
    run.latency.add(second.latency);
    run.series.push_back(second);
  }
  run.account.rejected = 12;
  run.account.expired = 3;
  for (Histogram* histogram : {&run.latency, &run.uncorrected, &run.confirm_latency}) histogram->record_never(15);
  for (int i = 0; i < 100; ++i) run.connect_latency.record(log_normal(random, 450'000, 0.5));
  for (int i = 0; i < 50; ++i) run.slow_latency.record(log_normal(random, 80.0 * kMs, 0.8));
  run.system = SystemUse{2.5, 12 << 20};
  run.generator.threads = 2;
  run.generator.cpu_s = 3.75;
  run.generator.busiest_thread = 0.11;
  run.generator.waiting_for_cpu = 0.0125;
  run.stages = {{0, 5000, 0, 5, {25'000, 24'985, 25'000, 24'900, run.latency, run.generator.lag}},
                {5000, 5000, 5, 15, {75'000, 75'000, 75'000, 75'085, run.uncorrected, run.generator.lag}}};
  CommandResult command;
  command.at_s = 9;
  command.command = "kill -STOP 1 && sleep 0.3 && kill -CONT 1";
  command.started_s = 9.001;
  command.ended_s = 9.305;
  command.exit_status = 0;
  command.lost = 15;
  command.recovery_s = 0.31;
  run.commands = {command};
  run.thresholds[0].value = static_cast<double>(run.latency.quantile(0.99));
  return run;
}

Capacity sample_capacity(uint64_t seed) {
  std::mt19937_64 random(seed);
  Capacity capacity{"p99<5ms", "", 60'000, 62'000, false, {}};
  for (const double rate : {10'000, 20'000, 40'000, 80'000, 60'000, 70'000, 65'000, 62'000}) {
    CapacityStep step{rate, std::min(rate, 63'500.0), rate <= 60'000, "", {}};
    const double load = rate / 61'500;
    const double median = load < 1 ? 150'000 + 60'000 / (1.02 - load) : 4e8 * (load - 0.99);
    for (int i = 0; i < 20'000; ++i) step.latency.record(log_normal(random, median, 0.4));
    if (!step.held) step.why_not = "p99<5ms was not kept, and the backlog grew";
    capacity.steps.push_back(step);
  }
  return capacity;
}

}  // namespace onehop::loadgen
