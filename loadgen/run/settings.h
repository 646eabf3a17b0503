// What the user asks a run to do: the command line after it was read and checked.
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
  kRandom,    // Each client sends to others at random, uniformly or by Zipf's law.
  kFanIn,     // The other clients send to the first `recipients`.
  kFanOut,    // Client 0 sends to each of the others, in turn.
  kEcho,      // Client 2i asks client 2i + 1, which answers (in_reply_to). The round trip is timed.
  kChurn,     // `rate` times a second a client connects, sends one message to one of `clients`, and leaves.
  kConnects,  // Clients connect, get their name and leave, `window` at a time or at `rate`.
  kStorm,     // All clients connect, at `rate` or at once, and leave. Connects are timed.
  kIdle,      // All clients connect and only keep alive.
};

// Whether its clients send messages to each other.
bool is_of_messages(Workload workload);
// Whether client 2i and client 2i + 1 belong together.
bool is_in_pairs(Workload workload);

// See tls.h.
struct TlsSettings {
  bool on = false;  // As the target says.
  std::string ca_file, certificate_file, key_file;
  std::string server_name;
  bool insecure = false;
};

struct Settings {
  std::string target = "onehop://127.0.0.1:7411";
  Workload workload = Workload::kPairs;
  uint32_t clients = 100;   // All connections of senders and recipients.
  uint32_t recipients = 1;  // kFanIn.
  double zipf = 0;          // kRandom: the exponent of Zipf's law; 0 means uniform.
  double slow_part = 0;     // The part of the recipients that read slowly.
  uint64_t slow_bytes = 0;  // How many bytes a second a slow reader reads.
  uint32_t idle = 0;        // The number of further clients, which only keep alive.

  double rate = 1000;  // Messages a second of all senders. For kStorm 0 means at once.
  ArrivalKind arrivals = ArrivalKind::kConstant;
  uint32_t window = 0;  // A closed loop if not 0: messages under way for each sender; kConnects: clients.
  uint64_t duration_ns = 10'000'000'000;
  uint64_t warm_up_ns = 0;             // At the beginning. Its messages are accounted for but not timed.
  uint64_t drain_ns = 10'000'000'000;  // The longest to wait for outcomes at the end.
  std::optional<PayloadSizes> sizes;
  Confirm confirm = Confirm::kDelivered;  // The default depends on the system; see usual_confirm().
  uint32_t ttl_ms = 0;
  uint32_t keepalive_ms = 30'000;
  uint64_t waiting_bytes_max = 256 << 20;  // The most that may wait in the generator, for all senders.

  uint32_t threads = 1;
  std::vector<std::string> sources;  // IPv4 addresses to connect from, taken in turn.
  uint64_t connect_rate = 0;         // Connections to open a second before the start; 0 means 256 at a time.
  std::optional<double> start_at_unix_s;
  std::string part;    // "K/N" if this is the K-th of N runs that are made together.
  std::string prefix;  // The beginning of the clients' names.
  std::string token;   // What all clients show the broker; empty: nothing.
  uint64_t seed = 0;
  bool spin = false;                // Threads never sleep.
  int32_t system_pid = 0;           // The process of the system to watch; 0 for none.
  uint64_t lag_max_ns = 1'000'000;  // See spoiled.h.

  TlsSettings tls;
  Scenario scenario;
  std::vector<Threshold> thresholds;
  std::vector<std::string> allowed;  // Conditions of --allow; see verdict.h.
  bool find_capacity = false;
  std::vector<Threshold> slo;
  uint64_t step_ns = 5'000'000'000;
  double rate_max = 0;  // The highest rate of a capacity search; 0 for no bound.

  std::string json_file, html_file, hgrm_file;  // Empty for none, "-" for standard output.
  bool quiet = false;
  bool force = false;  // For merge and compare: also takes doubtful runs.

  // Each setting in force that matters to the result, in the form of its flag: "rate" → "5000".
  std::map<std::string, std::string> flags;
};

// Returns a line that begins with the flag that is wrong, or an empty text. `rate_given` says that the rate is not the
// default.
std::string what_is_wrong_with(const Settings& settings, bool rate_given);

// "127.0.0.1-127.0.0.4,10.0.0.9" → each of these addresses. Nothing if the text is no such list.
std::optional<std::vector<std::string>> parse_sources(const std::string& text);
// "1/3" → the same text. Nothing if it has another form.
std::optional<std::string> parse_part_of(const std::string& text);

}  // namespace onehop::loadgen
