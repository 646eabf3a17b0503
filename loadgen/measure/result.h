// What a run has found: a plain value that every report is made from, and that the JSON file holds whole, so that runs
// can be merged and compared later. All durations are nanoseconds unless the name says otherwise.
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
// unexplained. A message counts once, by the first of these that is true of it.
struct Account {
  uint64_t sent = 0;       // Wanted by the workload: those that never reached a socket (not_sent) are among them.
  uint64_t delivered = 0;  // The recipient had it, whole; whatever the sender was told.
  // The recipient did not have it, and the sender was told so:
  uint64_t rejected = 0;
  uint64_t expired = 0;
  uint64_t lost = 0;
  uint64_t unknown = 0;   // The connection of one of the two broke, and nothing was told.
  uint64_t not_sent = 0;  // Waited in the generator, for room or for its connection, until the run's end.
  // It was still awaited when the run ended: nothing that was sent after it to the same recipient had arrived, and
  // nobody was told that it had been delivered. A slow target does that.
  uint64_t not_arrived = 0;
  // The recipient did not have it, and that cannot be: what came after it had arrived, or its sender was told that it
  // was delivered.
  uint64_t unexplained = 0;

  // Beside that: delivered, and the promised outcome was still awaited when the run ended.
  uint64_t not_told = 0;
  // Faults beside that.
  uint64_t duplicates = 0;    // Deliveries of what was delivered before.
  uint64_t out_of_order = 0;  // Deliveries of what was sent before something that was delivered earlier.
  uint64_t corrupted = 0;     // Deliveries whose checksum is wrong, or that another run sent.
  uint64_t misdirected = 0;   // Deliveries to another client than the one they were for.
  uint64_t untold = 0;        // Delivered, and the promised outcome never came, though that of a later one did.
  uint64_t contradicted =
      0;  // Delivered and told rejected; or told delivered, and never seen (those are unexplained too).

  // How many of these were for slow readers, whom the workload overloads on purpose.
  struct Provoked {
    uint64_t rejected = 0, expired = 0, not_sent = 0, not_arrived = 0;
    uint64_t all() const { return rejected + expired + not_sent + not_arrived; }
  };
  Provoked provoked;

  uint64_t received() const { return delivered + duplicates; }
  // Whether there is nothing that cannot be.
  bool sound() const {
    return unexplained + duplicates + out_of_order + corrupted + misdirected + untold + contradicted == 0;
  }
  Account& operator+=(const Account& other);
};

struct Connections {
  uint64_t opened = 0;  // Named and subscribed; those opened again are counted again.
  uint64_t failed = 0;  // Could not be opened.
  uint64_t unopened =
      0;  // Of a storm and of connects: wanted, and not open when the run ended. A run with one of these has failed.
  uint64_t broken = 0;       // Ended other than by the generator.
  uint64_t silent = 0;       // Of clients that only rest: gave no sign of life when they were asked for one at the end.
  std::string last_problem;  // Of the failed and the broken ones; empty: none.

  Connections& operator+=(const Connections& other);
};

// One second of a run.
struct Second {
  double at_s = 0;  // When it began, since the start.
  uint64_t sent = 0;
  uint64_t delivered = 0;
  uint64_t told_otherwise = 0;  // Rejected, expired, lost, unknown.
  uint64_t in_flight = 0;       // At its end: wanted, and neither delivered nor told otherwise. Waiting ones count.
  uint64_t opened = 0;          // Connections.
  uint64_t lag_max = 0;         // The longest that a message was behind its schedule because of the generator.
  Histogram latency;            // Of what arrived in it, from the intended times.

  // Adds the same second of another thread or of another run. The time stays.
  Second& operator+=(const Second& other);
};

// What the generator says about itself.
struct Generator {
  uint32_t threads = 1;
  double cpu_s = 0;            // User and system time of its threads during the run.
  double busiest_thread = 0;   // 0 to 1: the part of the run in which the busiest thread ran or waited for a processor.
  double waiting_for_cpu = 0;  // 0 to 1: the part in which the thread that waited most waited for a processor.
  uint64_t missed_arrivals = 0;  // Due within the run, and not issued by its end.
  // From a message's intended time to when a thread took it up. Those that none took up are never.
  Histogram lag;
  // Of each message that arrived: how long its thread was overdue when it read it, beyond the 10 ms in which each
  // thread looks at the clock. What lag cannot show: that arrivals were read late, and everything of a closed loop.
  Histogram read_lag;
  uint64_t lag_allowed = 1'000'000;  // --lag-max: lag up to this spoils nothing.
};

// What a process of the system used, where it is on this machine and was named (--system-pid).
struct SystemUse {
  double cpu_s = 0;           // User and system time of all its threads during the run, without the drain.
  uint64_t memory_bytes = 0;  // Private and dirty at the run's end, everybody still connected; 0 if it cannot be read.
};

struct ThresholdResult {
  std::string text;             // As given.
  std::optional<double> value;  // In the threshold's own unit; infinite: never; nothing: it was not measured.
  bool kept = false;            // It holds, and can be judged.
  bool spoiled = false;         // It cannot be judged: what it is about is the generator's own lag.
};

// One step of a capacity search.
struct CapacityStep {
  double rate = 0;  // Asked for, messages a second.
  double achieved_rate = 0;
  bool held = false;
  std::string why_not;  // Empty if it held.
  Histogram latency;
};

struct Capacity {
  std::string slo;
  // Why the search ended before it had found the knee; empty: it did not. Then it is not known.
  std::string unfinished;
  double rate = 0;         // The highest that held; 0: none did.
  double failed_rate = 0;  // The lowest that did not; 0: none failed.
  bool generator_was_limit =
      false;  // It failed because the generator could not do more: the capacity is at least `rate`.
  std::vector<CapacityStep> steps;  // In the order they were run.
};

struct RunResult {
  std::string version;
  std::string id;  // Another one for each run.
  Host host;
  double started_unix_s = 0;
  std::string target;
  std::string server;  // The system's own name and version; empty if it does not tell.
  // Every setting in force, as its flag would give it: "workload" → "pairs".
  std::map<std::string, std::string> settings;

  bool open_loop = true;
  double planned_s = 0;      // As asked for.
  double duration_s = 0;     // Measured: until the last arrival was due, or the run was stopped; without the drain.
  double wanted_rate = 0;    // Messages a second; 0 in a closed loop.
  double achieved_rate = 0;  // Delivered a second; of connects: opened.
  bool interrupted = false;

  Histogram latency;          // From the intended time (closed loop: from the write) to the arrival.
  Histogram uncorrected;      // What one who waits for each answer before sending again would have seen.
  Histogram confirm_latency;  // From the intended time to the sender's learning the outcome, where one is told.
  Histogram slow_latency;     // Of messages to slow readers, which are not in the others.
  Histogram connect_latency;  // From the first system call to the name's being granted.

  Account account;
  std::map<std::string, uint64_t> reasons;  // "REJECTED QUEUE_FULL" → how many.
  Connections connections;
  Generator generator;
  std::optional<SystemUse> system;
  std::vector<Second> series;

  std::vector<StageResult> stages;
  std::vector<CommandResult> commands;
  std::string ended_early;  // Why the generator ended the run before its time; empty: it did not.

  std::vector<std::string> void_reasons;  // Not empty: the run is void.
  std::vector<ThresholdResult> thresholds;
  std::optional<Capacity> capacity;
  uint32_t parts = 1;  // Of how many runs this is the sum.
  // What makes it doubtful that this is one run, or the whole of it: of a sum.
  std::vector<std::string> warnings;
  // Conditions of --allow: what may go wrong without the run's having failed.
  std::vector<std::string> allowed;

  // Its own one, or those of all its parts.
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
  // Whether connects are what the rate counts, and no messages.
  bool counts_connects() const { return has_workload("connects"); }
  // Whether the rate counts anything: those of a storm are timed, and those that rest do nothing.
  bool has_rate() const { return !has_workload("storm") && !has_workload("idle"); }
  // Messages that the schedule had until the run's end, whether they were issued or not.
  uint64_t planned() const { return account.sent + (sends() ? generator.missed_arrivals : 0); }
  bool sends() const { return has_rate() && !counts_connects(); }
  // Planned messages that no recipient has, for whatever reason.
  uint64_t undelivered() const { return planned() - std::min(planned(), account.delivered); }
  // What the system used for each of what the rate counts, in microseconds; 0 if it is not known.
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
