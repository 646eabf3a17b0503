// The result of a run. Every report is made from this plain value, and the JSON file holds all of it, so that runs can
// be merged and compared later. Durations are nanoseconds unless the name says otherwise.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "loadgen/measure/aftermath.h"
#include "loadgen/measure/histogram.h"
#include "loadgen/measure/stages.h"

namespace onehop::loadgen {

struct Host {
  std::string name, kernel, cpu;
  uint32_t cores = 0;
  uint64_t memory_bytes = 0;
};

// What became of all messages: sent = delivered + rejected + expired + lost + unknown + not_sent + not_arrived +
// unexplained. A message counts once, by the first of these that is true.
struct Account {
  uint64_t sent = 0;       // Messages that the workload wanted, including those that never reached a socket.
  uint64_t delivered = 0;  // The recipient had the intact message, whatever the sender was told.
  // The recipient did not have the message, and the sender was told so:
  uint64_t rejected = 0;
  uint64_t expired = 0;
  uint64_t lost = 0;
  uint64_t unknown = 0;   // One of the two connections broke, and no outcome was told.
  uint64_t not_sent = 0;  // It waited in the generator until the end, for room or for its connection.
  // The message was still awaited when the run ended. No later message to the same recipient had arrived, and nobody
  // was told that this one had been delivered. A slow target causes this.
  uint64_t not_arrived = 0;
  // The recipient did not have the message although it must have: a later message had arrived, or the sender was told
  // that this one was delivered.
  uint64_t unexplained = 0;

  // A further count: the message was delivered, and the promised outcome was still awaited when the run ended.
  uint64_t not_told = 0;
  // Faults, which are counted in addition.
  uint64_t duplicates = 0;    // Deliveries of messages that had been delivered before.
  uint64_t out_of_order = 0;  // Deliveries of messages after a later message of their stream.
  uint64_t corrupted = 0;     // Deliveries with a wrong checksum, or from another run.
  uint64_t misdirected = 0;   // Deliveries to the wrong client.
  uint64_t untold = 0;        // Delivered, and the promised outcome never came although that of a later message did.
  uint64_t contradicted = 0;  // Delivered and told rejected, or told delivered and never seen.

  // How many of these messages were for slow readers, which the workload overloads on purpose.
  struct Provoked {
    uint64_t rejected = 0, expired = 0, not_sent = 0, not_arrived = 0;
    uint64_t all() const { return rejected + expired + not_sent + not_arrived; }
  };
  Provoked provoked;

  uint64_t received() const { return delivered + duplicates; }
  // Whether nothing happened that a correct target cannot do.
  bool sound() const {
    return unexplained + duplicates + out_of_order + corrupted + misdirected + untold + contradicted == 0;
  }
  Account& operator+=(const Account& other);
};

struct Connections {
  uint64_t opened = 0;       // Connections that were named and subscribed. A reconnect counts again.
  uint64_t failed = 0;       // Attempts to connect that failed.
  uint64_t unopened = 0;     // Connections of a storm or of connects that were wanted and never open. The run fails.
  uint64_t broken = 0;       // Connections that the generator did not end itself.
  uint64_t silent = 0;       // Resting clients that gave no sign of life when asked for one at the end.
  std::string last_problem;  // The reason of the last failed or broken connection; empty if there is none.

  Connections& operator+=(const Connections& other);
};

// One second of a run.
struct Second {
  double at_s = 0;  // When the second began, since the start of the run.
  uint64_t sent = 0;
  uint64_t delivered = 0;
  uint64_t told_otherwise = 0;  // Messages whose senders were told rejected, expired, lost or unknown.
  uint64_t in_flight = 0;       // Wanted messages without any outcome at the end of the second.
  uint64_t opened = 0;          // Connections that were opened.
  uint64_t lag_max = 0;         // The longest delay that the generator itself caused.
  Histogram latency;            // The messages that arrived in the second, from their intended times.

  // Whether nothing happened in it.
  bool is_empty() const { return sent + delivered + told_otherwise + opened == 0; }
  // Adds the same second of another thread or of another run. at_s stays as it is.
  Second& operator+=(const Second& other);
};

// The figures of the generator itself.
struct Generator {
  uint32_t threads = 1;
  double cpu_s = 0;              // User and system time of all threads during the run.
  double busiest_thread = 0;     // The part of the run in which the busiest thread ran or waited for a processor.
  double waiting_for_cpu = 0;    // The part of the run in which the thread that waited most had no processor.
  uint64_t missed_arrivals = 0;  // Messages that were due within the run and not issued by its end.
  // The time from the intended time of a message until a thread took it up. Messages that no thread took up count as
  // never.
  Histogram lag;
  // How overdue the thread was when it read each message, beyond the 10 ms in which every thread looks at the clock.
  // This shows what `lag` cannot: arrivals that were read late, and the lag of a closed loop.
  Histogram read_lag;
  uint64_t lag_allowed = 1'000'000;  // --lag-max. Lag up to this value spoils no figure.
};

// The use of a process of the system that runs on this machine and was named with --system-pid.
struct SystemUse {
  double cpu_s = 0;           // User and system time of all its threads during the run, without the drain.
  uint64_t memory_bytes = 0;  // Private dirty memory at the end, with all clients connected; 0 if unknown.
};

struct ThresholdResult {
  std::string text;             // The text that the user gave.
  std::optional<double> value;  // In the threshold's own unit. Infinite means never; absent means not measured.
  bool kept = false;            // The threshold holds and can be judged.
  bool spoiled = false;         // The threshold cannot be judged, because its figure is the generator's own lag.
};

// One step of a capacity search.
struct CapacityStep {
  double rate = 0;  // The rate that was asked for, in messages a second.
  double achieved_rate = 0;
  bool held = false;
  std::string why_not;  // Why the step failed; empty if it held.
  Histogram latency;
};

struct Capacity {
  std::string slo;
  // Why the search ended before it found the knee, which is then unknown. Empty if the search was finished.
  std::string unfinished;
  double rate = 0;                   // The highest rate that held; 0 if none did.
  double failed_rate = 0;            // The lowest rate that failed; 0 if none did.
  bool generator_was_limit = false;  // The generator made it fail: the capacity is at least `rate`.
  std::vector<CapacityStep> steps;   // In the order in which they were run.
};

struct RunResult {
  std::string version;
  std::string id;  // Every run has a different one.
  Host host;
  double started_unix_s = 0;
  std::string target;
  std::string server;  // The name and version that the system tells; empty if it tells none.
  // Every setting in force, in the form of its flag: "workload" → "pairs".
  std::map<std::string, std::string> settings;

  bool open_loop = true;
  double planned_s = 0;      // The duration that was asked for.
  double duration_s = 0;     // Measured until the last arrival was due or the run was stopped, without the drain.
  double wanted_rate = 0;    // Messages a second; 0 in a closed loop.
  double achieved_rate = 0;  // Messages delivered a second, or connections opened a second.
  bool interrupted = false;

  Histogram latency;      // From the intended time to the arrival; in a closed loop from the write.
  Histogram uncorrected;  // The latencies that a client would see which waits for each answer before it sends again.
  Histogram confirm_latency;  // From the intended time until the sender is told the outcome.
  Histogram slow_latency;     // Messages to slow readers, which are in no other histogram.
  Histogram connect_latency;  // From the first system call until the name is granted.
  // Of these, from the connected socket to the end of the TLS handshake; empty without TLS.
  Histogram handshake_latency;

  Account account;
  std::map<std::string, uint64_t> reasons;  // "REJECTED QUEUE_FULL" → the number of messages.
  Connections connections;
  Generator generator;
  std::optional<SystemUse> system;
  std::vector<Second> series;

  std::vector<StageResult> stages;
  std::vector<CommandResult> commands;
  std::string ended_early;  // Why the generator ended the run early; empty if it did not.

  std::vector<std::string> void_reasons;  // The run is void if there is one.
  std::vector<ThresholdResult> thresholds;
  std::optional<Capacity> capacity;
  uint32_t parts = 1;  // How many runs this is the sum of.
  // Reasons to doubt that a sum stands for one whole run.
  std::vector<std::string> warnings;
  // The conditions of --allow, which say what may go wrong in a run that does not fail.
  std::vector<std::string> allowed;

  // The id of this run, or those of all its parts.
  std::vector<std::string> ids() const {
    std::vector<std::string> all;
    for (size_t at = 0; at < id.size();) {
      const size_t end = std::min(id.find(", ", at), id.size());
      all.push_back(id.substr(at, end - at));
      at = end + 2;
    }
    return all;
  }
  bool is_void() const { return !void_reasons.empty(); }
  bool has_workload(const char* name) const {
    const auto workload = settings.find("workload");
    return workload != settings.end() && workload->second == name;
  }
  // Whether the rate counts connections and not messages.
  bool counts_connects() const { return has_workload("connects"); }
  // Whether the rate counts anything. A storm is timed but has no rate, and resting clients do nothing.
  bool has_rate() const { return !has_workload("storm") && !has_workload("idle"); }
  // The messages that the schedule had until the end of the run, issued or not.
  uint64_t planned() const { return account.sent + (sends() ? generator.missed_arrivals : 0); }
  bool sends() const { return has_rate() && !counts_connects(); }
  // Planned messages that no recipient has, for whatever reason.
  uint64_t undelivered() const { return planned() - std::min(planned(), account.delivered); }
  // The processor time that the system used for each message or connection that the rate counts, in microseconds. 0 if
  // it is unknown.
  double cpu_us_each() const {
    const double count = achieved_rate * duration_s;
    return system && count > 0 ? system->cpu_s / count * 1e6 : 0;
  }
};

inline Account& Account::operator+=(const Account& other) {
  for (uint64_t Account::*count :
       {&Account::sent, &Account::delivered, &Account::rejected, &Account::expired, &Account::lost, &Account::unknown,
        &Account::not_sent, &Account::not_arrived, &Account::unexplained, &Account::not_told, &Account::duplicates,
        &Account::out_of_order, &Account::corrupted, &Account::misdirected, &Account::untold, &Account::contradicted}) {
    this->*count += other.*count;
  }
  provoked.rejected += other.provoked.rejected;
  provoked.expired += other.provoked.expired;
  provoked.not_sent += other.provoked.not_sent;
  provoked.not_arrived += other.provoked.not_arrived;
  return *this;
}

inline Connections& Connections::operator+=(const Connections& other) {
  opened += other.opened;
  failed += other.failed;
  unopened += other.unopened;
  broken += other.broken;
  silent += other.silent;
  if (!other.last_problem.empty()) last_problem = other.last_problem;
  return *this;
}

inline Second& Second::operator+=(const Second& other) {
  sent += other.sent;
  delivered += other.delivered;
  told_otherwise += other.told_otherwise;
  in_flight += other.in_flight;
  opened += other.opened;
  lag_max = std::max(lag_max, other.lag_max);
  latency.add(other.latency);
  return *this;
}

}  // namespace onehop::loadgen
