// What a run is asked to do: the command line, read and checked.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "loadgen/drivers/driver.h"
#include "loadgen/measure/arrivals.h"
#include "loadgen/measure/distributions.h"
#include "loadgen/report/threshold.h"
#include "loadgen/run/scenario.h"

namespace onehop::loadgen {

enum class Workload : uint8_t {
  kPairs,     // Client 2i sends to client 2i + 1.
  kRandom,    // Each sends to others at random, uniformly or after Zipf's law.
  kFanIn,     // All send to the first `recipients`.
  kFanOut,    // Client 0 sends to each of the others, in turn.
  kEcho,      // Client 2i asks client 2i + 1, which answers (in_reply_to). Timed there and back.
  kChurn,     // At `rate` a second, one connects, sends one message to one of the `clients` that stay, and leaves.
  kConnects,  // One connects, is granted its name and leaves, again and again: `window` at a time, or at `rate`.
  kStorm,     // All connect, at `rate` a second or at once; then they leave. Connects are what is timed.
  kIdle,      // All connect, and stay without a word but keepalives.
};

// Whether its clients send messages to each other.
bool is_of_messages(Workload workload);
// Whether client 2i and client 2i + 1 belong together.
bool is_in_pairs(Workload workload);

struct Settings {
  std::string target = "onehop://127.0.0.1:7411";
  Workload workload = Workload::kPairs;
  uint32_t clients = 100;   // Connections, senders and recipients together.
  uint32_t recipients = 1;  // kFanIn.
  double zipf = 0;          // kRandom: the exponent; 0: uniform.
  double slow_part = 0;     // The part of the recipients that read slowly …
  uint64_t slow_bytes = 0;  // … so many bytes a second.
  uint32_t idle = 0;        // So many more clients that only keep alive.

  double rate = 1000;  // Messages a second, all senders together. kStorm: 0 means at once.
  ArrivalKind arrivals = ArrivalKind::kConstant;
  uint32_t window = 0;  // Not 0: a closed loop, each sender with so many messages under way; kConnects: clients.
  uint64_t duration_ns = 10'000'000'000;
  uint64_t warm_up_ns = 0;             // At the beginning; sent and accounted for, not timed.
  uint64_t drain_ns = 10'000'000'000;  // The longest to wait for outcomes at the end.
  std::optional<PayloadSizes> sizes;
  Confirm confirm = Confirm::kDelivered;  // Unless it is asked for: the most that the target's system can tell.
  uint32_t ttl_ms = 0;
  uint32_t keepalive_ms = 30'000;
  uint64_t waiting_bytes_max = 256 << 20;  // What may wait in the generator, for all its senders.

  uint32_t threads = 1;
  std::vector<std::string> sources;  // IPv4 addresses to connect from, taken in turn.
  uint64_t connect_rate = 0;         // How many connections to open a second before the start; 0: 256 at a time.
  std::optional<double> start_at_unix_s;
  std::string part;    // "K/N": which of N runs that are made together this is; empty: the only one.
  std::string prefix;  // Of the clients' names.
  uint64_t seed = 0;
  bool spin = false;                // Threads never sleep.
  int32_t system_pid = 0;           // A process of the system, to be watched; 0: none.
  uint64_t lag_max_ns = 1'000'000;  // See spoiled.h.

  Scenario scenario;
  std::vector<Threshold> thresholds;
  std::vector<std::string> allowed;  // Conditions of --allow; see verdict.h.
  bool find_capacity = false;
  std::vector<Threshold> slo;
  uint64_t step_ns = 5'000'000'000;
  double rate_max = 0;  // Where a capacity search stops; 0: nowhere.

  std::string json_file, html_file, hgrm_file;  // Empty: none; "-": standard output.
  bool quiet = false;
  bool force = false;  // Of merge and compare: what is doubtful is taken all the same.

  // Each in force that matters to the result, as its flag would give it: "rate" → "5000".
  std::map<std::string, std::string> flags;
};

// One line that begins with the flag; empty: nothing. `rate_given`: --rate was, and is not the default.
std::string what_is_wrong_with(const Settings& settings, bool rate_given);

// "127.0.0.1-127.0.0.4,10.0.0.9" → each of them. Nothing if it is no such list.
std::optional<std::vector<std::string>> parse_sources(const std::string& text);
// "1/3" → the same; nothing if it is not like that.
std::optional<std::string> parse_part_of(const std::string& text);

}  // namespace onehop::loadgen
