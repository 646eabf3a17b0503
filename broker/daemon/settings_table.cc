// The table itself: data only, in the order in which help and reference show it.
#include "daemon/settings.h"

namespace onehop::daemon {
namespace {

constexpr uint64_t kMost32 = UINT32_MAX;
constexpr uint64_t kMostInt = INT32_MAX;
constexpr uint64_t kMostBytes = uint64_t{1} << 40;
constexpr uint64_t kMostMemory = uint64_t{1} << 50;
constexpr uint64_t kMostConnections = uint64_t{1} << 30;  // More descriptors no kernel hands out.

// Whether a setting may change while it runs.
constexpr bool kLive = true;
constexpr bool kFixed = false;

using B = BrokerOptions;
using D = DaemonOptions;

Range numbers(uint64_t least, uint64_t most) {
  return {least, most, false, {}};
}

Range zero_or(uint64_t least, uint64_t most) {
  return {least, most, true, {}};
}

std::vector<Setting> listening() {
  return {
      {"listen",
       &B::listen,
       {},
       "",
       kFixed,
       "where to listen: tcp://host:port, tcp://[v6]:port, unix:///path; port 0 takes a free one, and the real "
       "addresses are printed on standard output"},
      {"listen_proxy",
       &B::listen_proxy,
       {},
       "",
       kFixed,
       "as listen, for connections that must begin with a PROXY protocol header, version 1 or 2"},
      {"proxy_from",
       &B::proxy_from,
       {},
       "",
       kLive,
       "whose PROXY headers are believed: addresses and ranges such as 10.0.0.0/8; unix: those of Unix sockets"},
      {"allow_plaintext",
       &B::allow_plaintext,
       {},
       "",
       kFixed,
       "listen on other than loopback addresses, although nothing is encrypted"},
      {"shards", &B::shards, numbers(0, 64), "", kFixed,
       "threads, each with a loop and clients of its own; 0: one for each core"},
      {"acceptors", &B::acceptors, numbers(0, 64), "", kFixed,
       "how many shards accept TCP connections, sharing the port; 0: all, 1: one accepts for all"},
      {"pin", &B::pin, {}, "", kFixed, "each shard's thread runs on a core of its own"},
      {"spin_us", &B::spin_us, numbers(0, 1'000'000), "us", kFixed,
       "how long a shard looks for events before it sleeps: lower latency for a whole core; 0: not at all"},
      {"connections_max", &B::connections_max, numbers(0, kMostConnections), "", kFixed,
       "connections beyond wait in the kernel's backlog; 0: what the limit of open files allows"},
      {"send_buffer_bytes", &B::send_buffer_bytes, numbers(0, kMostInt), "bytes", kFixed,
       "SO_SNDBUF of connections; 0: the system's"},
      {"receive_buffer_bytes", &B::receive_buffer_bytes, numbers(0, kMostInt), "bytes", kFixed,
       "SO_RCVBUF of connections; 0: the system's"},
  };
}

std::vector<Setting> protection() {
  return {
      {"address_connections_max", &B::address_connections_max, numbers(0, kMost32), "", kLive,
       "connections of one source address (IPv6: of one /64); 0: no limit"},
      {"address_connects_per_second", &B::address_connects_per_second, numbers(0, kMost32), "", kLive,
       "new connections of one source address in a second; 0: no limit"},
      {"address_connects_burst", &B::address_connects_burst, numbers(0, kMost32), "", kLive,
       "how many of these may come at once; 0: as many as in a second"},
      {"address_sessions_max", &B::address_sessions_max, numbers(0, kMost32), "", kLive,
       "sessions that were opened from one source address and have not ended, those away included; who resumes is let "
       "in; 0: no limit"},
      {"client_messages_per_second", &B::client_messages_per_second, numbers(0, kMost32), "", kLive,
       "messages of one client in a second; what is over is refused, RATE_LIMITED; 0: no limit"},
      {"client_messages_burst", &B::client_messages_burst, numbers(0, kMost32), "", kLive,
       "how many of these may come at once; 0: as many as in a second"},
      {"client_bytes_per_second", &B::client_bytes_per_second, numbers(0, kMostBytes), "bytes", kLive,
       "bytes of messages of one client in a second; what is over is refused, RATE_LIMITED; 0: no limit"},
      {"client_bytes_burst", &B::client_bytes_burst, numbers(0, kMostBytes), "bytes", kLive,
       "how many of these may come at once, at least frame_bytes_max; 0: as many as in a second"},
      {"memory_bytes_max", &B::memory_bytes_max, numbers(0, kMostMemory), "bytes", kLive,
       "what may wait or be unacknowledged on all shards together, at least 2 x queue_bytes_max; 0: half of what the "
       "control group or the machine has"},
      {"connection_age_ms_max", &B::connection_age_ms_max, zero_or(1'000, kMost32), "ms", kLive,
       "after about so long a connection is told to connect anew; 0: never"},
      {"drain_delay_ms", &B::drain_delay_ms, numbers(0, kMost32), "ms", kLive,
       "how long a drain fails readiness before it tells anybody, for balancers that poll"},
      {"drain_spread_ms", &B::drain_spread_ms, numbers(0, kMost32), "ms", kLive,
       "a drain tells each client to come back after a time of its own, up to this"},
  };
}

std::vector<Setting> protocol() {
  return {
      {"frame_bytes_max", &B::frame_bytes_max, numbers(16'384, 67'108'864), "bytes", kFixed,
       "the largest frame a client may send"},
      {"queue_bytes_max", &B::queue_bytes_max, numbers(65'536, kMost32), "bytes", kLive,
       "what may wait for one client; at least 4 x frame_bytes_max"},
      {"keepalive_ms", &B::keepalive_ms, numbers(1'000, 600'000), "ms", kLive,
       "keepalive of clients that ask for none"},
      {"slow_consumer_ms", &B::slow_consumer_ms, numbers(1, kMost32), "ms", kLive,
       "a client that is full and takes no byte for so long is ended"},
      {"pause_lease_ms", &B::pause_lease_ms, numbers(1, kMost32), "ms", kLive,
       "how long a sender pauses if it is not told to go on"},
      {"send_window", &B::send_window, numbers(1, 1'000'000), "", kFixed,
       "confirmed messages of one client that may have no outcome yet"},
      {"receive_window", &B::receive_window, numbers(1, 65'535), "", kLive,
       "deliveries a client may leave unacknowledged, if it asks for no other number"},
      {"ack_timeout_ms", &B::ack_timeout_ms, numbers(1, kMost32), "ms", kLive,
       "a client whose window is full and that acknowledges nothing for so long is ended"},
      {"session_expiry_ms_max", &B::session_expiry_ms_max, numbers(1, kMost32), "ms", kLive,
       "the longest a session may outlive its connection"},
      {"ttl_ms_max", &B::ttl_ms_max, numbers(1, kMost32), "ms", kLive,
       "the longest a message may wait for its acknowledgement, and the default"},
      {"start_grace_ms", &B::start_grace_ms, numbers(0, kMost32), "ms", kLive,
       "for so long after its start the broker says UNKNOWN_CLIENT with retry_after_ms, because clients of the broker "
       "before it may still be on their way back; 0: never"},
  };
}

std::vector<Setting> program() {
  return {
      {"admin",
       &D::admin,
       {},
       "",
       kFixed,
       "where health, metrics and the HTTP API are served: tcp://host:port or unix:///path; none: nowhere"},
      {"admin_token_file",
       &D::admin_token_file,
       {},
       "",
       kLive,
       "a file with the token that the HTTP API wants where it is not on a loopback address; empty: there is none"},
      {"stop_deadline_ms", &D::stop_deadline_ms, numbers(0, kMost32), "ms", kLive,
       "how long a drain, SIGTERM and SIGINT wait for connections to end; a second signal does not wait"},
      {"log_level",
       &D::log_level,
       {0, 0, false, {"debug", "info", "warn", "error", "off"}},
       "",
       kLive,
       "what is logged, on standard error; audit lines are of level info, warn or error too"},
      {"log_format",
       &D::log_format,
       {0, 0, false, {"auto", "text", "json"}},
       "",
       kFixed,
       "one line an event; auto: text on a terminal, json otherwise"},
  };
}

std::vector<Setting> all_settings() {
  std::vector<Setting> all;
  for (const std::vector<Setting>& part : {listening(), protection(), protocol(), program()}) {
    all.insert(all.end(), part.begin(), part.end());
  }
  return all;
}

}  // namespace

const std::vector<Setting>& settings() {
  static const std::vector<Setting> all = all_settings();
  return all;
}

const std::vector<std::string_view>& reserved_names() {
  static const std::vector<std::string_view> names{"tls_certificate_file", "tls_key_file", "tls_client_ca_file",
                                                   "credentials_file", "acl_file"};
  return names;
}

}  // namespace onehop::daemon
