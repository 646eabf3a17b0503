// The broker, to run inside a program of one's own. onehopd is this and a command line.
//
// A Broker runs one thread for each shard and nothing else: it installs no signal handler, changes no limit of the
// process, and writes nothing to standard output or error.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace onehop {

// Something worth a log line. The views are valid during the call only.
struct BrokerEvent {
  enum class Kind : uint8_t {
    kSessionOpened,    // `name` is up.
    kSessionDetached,  // Its connection is gone; the session waits to be resumed.
    kSessionResumed,   // It has a connection again.
    kSessionEnded,     // `name` is down.
    kTakenOver,        // As kSessionEnded; another connection took the name.
    kConnectRefused,   // A connection was ended before it had a session.
    kConnectionEnded,  // The broker ended a connection that had one; kSessionEnded or kTakenOver follows.
    kAcceptPaused,     // No descriptor is left for a new connection; those that wait are accepted later.
    kAcceptResumed,
  };
  Kind kind;
  unsigned shard;
  std::string_view peer;  // `tcp://…` or `unix://…`; empty when not known any more.
  std::string_view name;  // As the client wrote it: any bytes, so escape it where that matters.
  uint64_t session;       // 0: none.
  std::string_view code;  // The goodbye's code, e.g. PROTOCOL_ERROR; empty: the peer went away without one.
  std::string_view text;  // Why.
};

// What the shards have counted, all together.
struct BrokerCounters {
  uint64_t connections = 0;  // Now.
  uint64_t sessions = 0;     // Now.
  uint64_t sessions_opened = 0;
  uint64_t connects_refused = 0;
  uint64_t takeovers = 0;
  uint64_t hand_overs = 0;  // Connections that were accepted by another shard than their name's.
  uint64_t messages_received = 0;
  uint64_t messages_delivered = 0;     // Admitted: queued for a connection, or for a session that waits.
  uint64_t messages_redelivered = 0;   // Once more, on a resumed session.
  uint64_t messages_dropped = 0;       // Unconfirmed ones: queued, and lost with the connection.
  uint64_t messages_acknowledged = 0;  // Confirmed ones: DELIVERED; and the other outcomes of what was admitted.
  uint64_t messages_refused_by_recipient = 0;
  uint64_t messages_expired = 0;
  uint64_t messages_lost = 0;
  uint64_t sessions_resumed = 0;
  uint64_t messages_refused = 0;
  uint64_t pauses_told = 0;
  uint64_t resumes_told = 0;
  uint64_t gates_closed = 0;
  uint64_t reading_stopped = 0;
  uint64_t bytes_received = 0;
  uint64_t bytes_sent = 0;
  uint64_t queued_bytes = 0;  // Now.
  uint64_t open_bytes = 0;    // Now: delivered and not acknowledged.
};

struct BrokerOptions {
  // Where to listen: `tcp://host:port`, `tcp://[v6]:port`, `unix:///path`. Port 0 takes a free one. At least one.
  std::vector<std::string> listen{"tcp://127.0.0.1:7411"};
  // There is no encryption yet: other than loopback addresses and Unix sockets are refused unless this is set.
  bool allow_plaintext = false;
  // Threads, each with its own loop; 1 to 64. 0: one for each core the process may use.
  unsigned shards = 0;
  // How many shards listen on TCP addresses, sharing the port with SO_REUSEPORT; the others get their connections
  // handed over. 0: all of them. Unix sockets are always accepted by one shard.
  unsigned acceptors = 0;
  // Whether each shard's thread asks to run on a core of its own.
  bool pin = false;
  // Microseconds, at most 1,000,000: how long a shard looks for events before it sleeps. 0: not at all. It saves a
  // message the time that waking takes, and costs a core for each shard even when nothing happens.
  uint32_t spin_us = 0;
  // Connections beyond this wait in the kernel's backlog. 0: as the descriptor limit allows, with a reserve.
  uint64_t connections_max = 0;
  // Socket buffers of accepted connections, in bytes as SO_SNDBUF and SO_RCVBUF take them; 0: the system's.
  int send_buffer_bytes = 0;
  int receive_buffer_bytes = 0;

  // Limits of the protocol: see docs/delivery.md. 0: the default, which is given here.
  uint32_t frame_bytes_max = 1 << 20;        // 16 KiB to 64 MiB.
  uint32_t queue_bytes_max = 4 << 20;        // For each client; at least 4 × frame_bytes_max.
  uint64_t shard_queue_bytes_max = 1 << 30;  // All queues and unacknowledged deliveries of one shard together.
  uint32_t keepalive_ms = 30'000;            // For clients that ask for none; 1,000 to 600,000.
  uint32_t slow_consumer_ms = 10'000;
  uint32_t pause_lease_ms = 1'000;
  uint32_t send_window = 4'096;                 // Confirmed messages of one client without an outcome; to 1,000,000.
  uint32_t receive_window = 1'024;              // Unacknowledged deliveries, for clients that ask for none; to 65,535.
  uint32_t ack_timeout_ms = 300'000;            // A client whose window is full and that settles nothing is ended.
  uint32_t session_expiry_ms_max = 86'400'000;  // What a client may ask for.
  uint32_t ttl_ms_max = 3'600'000;              // To which longer ones, and none, are cut.

  // Called on the shards' threads, so it must be quick and safe to call from several at once. May be empty.
  std::function<void(const BrokerEvent&)> on_event;
};

// All methods: any thread, one at a time.
class Broker {
 public:
  // Starts listening and serving. On failure returns nothing and says why in `error`, naming the option or address.
  static std::unique_ptr<Broker> start(const BrokerOptions& options, std::string& error);
  virtual ~Broker() = default;

  // The addresses listened on, with the ports really bound, in the order of BrokerOptions::listen.
  virtual std::vector<std::string> addresses() const = 0;
  virtual unsigned shards() const = 0;
  // Asks every shard and waits for the answers.
  virtual BrokerCounters counters() = 0;
  // Stops accepting, says goodbye SERVER_SHUTTING_DOWN to every client, and waits until all connections have ended, at
  // most so long. Returns whether they all ended by themselves. The broker is of no further use.
  virtual bool stop(std::chrono::milliseconds deadline) = 0;
  // While another thread waits in stop(): cuts that short. Afterwards it does nothing.
  virtual void stop_now() = 0;
};

}  // namespace onehop
