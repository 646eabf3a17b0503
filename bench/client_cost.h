// What the parts of onehop-bench-client share.
#pragma once

#include <cstdint>
#include <ctime>
#include <string>
#include <vector>

namespace onehop::bench {

inline constexpr const char* kRecipient = "bob";
inline constexpr size_t kPayloadBytes = 128;
// Longer than anything takes that does not fail.
inline constexpr uint64_t kLongMs = 60'000;

// One run, in a process of its own.
struct CostRun {
  std::string server;
  uint64_t messages;
  // Whether bob is in the process too.
  bool receives;
};

// Each returns nanoseconds of CPU time for each message.
struct CostWay {
  const char* name;
  double (*run)(const CostRun&);
};
const std::vector<CostWay>& cost_ways();
// In client_cost_nats.cc; its server is a NATS server, and bob is always in the process.
double run_nats(const CostRun& run);

inline double process_cpu_ns() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_nsec);
}

// Has `send_all` send and confirm some messages to warm up, then all.
template <typename SendAll>
double measured(const CostRun& run, SendAll send_all) {
  send_all(run.messages / 10 + 1);
  const double before = process_cpu_ns();
  send_all(run.messages);
  return (process_cpu_ns() - before) / static_cast<double>(run.messages);
}

}  // namespace onehop::bench
