// What a run has found: a plain value that every report is made from, and that the JSON file holds whole, so that runs
// can be merged and compared later. All durations are nanoseconds unless the name says otherwise.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "loadgen/aftermath.h"
#include "loadgen/histogram.h"
#include "loadgen/stages.h"

namespace onehop::loadgen {

struct Host {
  std::string name, kernel, cpu;
  uint32_t cores = 0;
  uint64_t memory_bytes = 0;
};

// What became of all messages: sent = delivered + rejected + expired + lost + unknown + not_sent +
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
  // The recipient did not have it, and nothing explains that. A run with one of these has failed.
  uint64_t unexplained = 0;

  // Faults beside that. Of none of these may there be one in a good run.
  uint64_t duplicates = 0;    // Deliveries of what was delivered before.
  uint64_t out_of_order = 0;  // Deliveries of what was sent before something that was delivered earlier.
  uint64_t corrupted = 0;     // Deliveries whose checksum is wrong, or that another run sent.
  uint64_t misdirected = 0;   // Deliveries to another client than the one they were for.
  uint64_t untold = 0;        // Delivered, but the promised outcome never came.
  uint64_t contradicted =
      0;  // Delivered and told rejected; or told delivered, and never seen (those are unexplained too).

  uint64_t received() const { return delivered + duplicates; }
  bool sound() const {
    return unexplained + duplicates + out_of_order + corrupted + misdirected + untold + contradicted == 0;
  }
};

struct Connections {
  uint64_t opened = 0;  // Named and subscribed; those opened again are counted again.
  uint64_t failed = 0;  // Could not be opened.
  uint64_t unopened =
      0;  // Of a storm and of connects: wanted, and not open when the run ended. A run with one of these has failed.
  uint64_t broken = 0;       // Ended other than by the generator.
  std::string last_problem;  // Of the failed and the broken ones; empty: none.
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
};

// What the generator says about itself.
struct Generator {
  uint32_t threads = 1;
  double cpu_s = 0;            // User and system time of its threads during the run.
  double busiest_thread = 0;   // 0 to 1: the part of the run in which the busiest thread ran or waited for a processor.
  double waiting_for_cpu = 0;  // 0 to 1: the part in which the thread that waited most waited for a processor.
  uint64_t missed_arrivals = 0;  // Due within the run, and not issued by its end.
  Histogram lag;                 // From a message's intended time to when a thread took it up.
};

// What a process of the system used, where it is on this machine and was named (--system-pid).
struct SystemUse {
  double cpu_s = 0;           // User and system time of all its threads during the run, without the drain.
  uint64_t memory_bytes = 0;  // Private and dirty at the run's end, everybody still connected; 0 if it cannot be read.
};

struct ThresholdResult {
  std::string text;  // As given.
  double value = 0;  // In the threshold's own unit.
  bool kept = false;
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

  bool is_void() const { return !void_reasons.empty(); }
  // Whether connects are what the rate counts, and no messages.
  bool counts_connects() const {
    const auto workload = settings.find("workload");
    return workload != settings.end() && workload->second == "connects";
  }
  // What the system used for each of what the rate counts, in microseconds; 0 if it is not known.
  double cpu_us_each() const {
    const double count = achieved_rate * duration_s;
    return system && count > 0 ? system->cpu_s / count * 1e6 : 0;
  }
};

// What the program ends with.
enum ExitCode : int {
  kGood = 0,
  kFailed = 1,  // A threshold was not kept, or the accounts do not come out.
  kUsage = 2,
  kCannotConnect = 3,  // Or the preflight found that it cannot work.
  kVoid = 4,           // The generator was the limit: the figures say nothing about the system.
};

// The accounts come first (they are true of a void run too), then void, then the thresholds.
inline ExitCode exit_code_of(const RunResult& result) {
  if (!result.ended_early.empty()) return kFailed;
  for (const CommandResult& command : result.commands) {
    if (!command.is_good()) return kFailed;
  }
  if (!result.account.sound() || result.connections.unopened != 0) return kFailed;
  if (result.is_void()) return kVoid;
  for (const ThresholdResult& threshold : result.thresholds) {
    if (!threshold.kept) return kFailed;
  }
  return kGood;
}

}  // namespace onehop::loadgen
