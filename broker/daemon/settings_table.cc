// The table itself: data only, in the order in which help and reference show it.
#include <algorithm>
#include <cassert>
#include <cstdint>
#include <span>
#include <variant>

#include "daemon/settings.h"
#include "onehop/option_rules.h"

namespace onehop::daemon {
namespace {

// Whether a setting may change while the program runs.
constexpr bool kLive = true;
constexpr bool kFixed = false;

using D = DaemonOptions;

// A setting that is one of the broker's options: its range and the rest are what the option's rule says.
Setting option(std::string_view name, std::string_view unit, std::string_view meaning) {
  const std::span<const OptionRule> rules = option_rules();
  const auto rule = std::find_if(rules.begin(), rules.end(), [&](const OptionRule& one) { return one.name == name; });
  assert(rule != rules.end());
  const Place place = std::visit([](auto member) { return Place(member); }, rule->place);
  return {name, place, {rule->least, rule->most, rule->or_zero, {}}, unit, rule->reloadable, meaning};
}

std::vector<Setting> listening() {
  return {
      option("listen", "",
             "where to listen: tcp://host:port, tcp://[v6]:port, unix:///path; port 0 takes a free one, and the real "
             "addresses are printed on standard output"),
      option("listen_proxy", "",
             "as listen, for connections that must begin with a PROXY protocol header, version 1 or 2"),
      option("proxy_from", "",
             "whose PROXY headers are believed: addresses and ranges such as 10.0.0.0/8; unix: those of Unix sockets"),
      option("allow_plaintext", "", "permits listening on addresses other than loopback, where nothing is encrypted"),
      option("shards", "", "threads, each with a loop and clients of its own; 0: one for each core"),
      option("acceptors", "",
             "how many shards accept TCP connections, sharing the port; 0: all, 1: one accepts for all"),
      option("pin", "", "each shard's thread runs on a core of its own"),
      option("spin_us", "us",
             "how long a shard looks for events before it sleeps: lower latency for a whole core; 0: not at all"),
      option("connections_max", "",
             "connections beyond wait in the kernel's backlog; 0: what the limit of open files allows"),
      option("send_buffer_bytes", "bytes", "SO_SNDBUF of connections; 0: the system's"),
      option("receive_buffer_bytes", "bytes", "SO_RCVBUF of connections; 0: the system's"),
  };
}

std::vector<Setting> protection() {
  return {
      option("address_connections_max", "", "connections of one source address (IPv6: of one /64); 0: no limit"),
      option("address_connects_per_second", "", "new connections of one source address in a second; 0: no limit"),
      option("address_connects_burst", "", "how many of these may come at once; 0: as many as in a second"),
      option("address_sessions_max", "",
             "sessions that were opened from one source address and have not ended, those away included; who resumes "
             "is let in; 0: no limit"),
      option("client_messages_per_second", "",
             "messages of one client in a second; what is over is refused, RATE_LIMITED; 0: no limit"),
      option("client_messages_burst", "", "how many of these may come at once; 0: as many as in a second"),
      option("client_bytes_per_second", "bytes",
             "bytes of messages of one client in a second; what is over is refused, RATE_LIMITED; 0: no limit"),
      option("client_bytes_burst", "bytes",
             "how many of these may come at once, at least frame_bytes_max; 0: as many as in a second"),
      option("memory_bytes_max", "bytes",
             "the memory for queued and unacknowledged messages of all shards together, at least 2 x queue_bytes_max; "
             "0: half of the memory of the control group or the machine"),
      option("connection_age_ms_max", "ms", "a connection that is about this old is told to connect again; 0: never"),
      option("drain_delay_ms", "ms",
             "how long a drain fails readiness before it tells anybody, for balancers that poll"),
      option("drain_spread_ms", "ms", "a drain tells each client to come back after a time of its own, up to this"),
  };
}

std::vector<Setting> protocol() {
  return {
      option("frame_bytes_max", "bytes", "the largest frame a client may send"),
      option("queue_bytes_max", "bytes", "what may wait for one client; at least 4 x frame_bytes_max"),
      option("keepalive_ms", "ms", "keepalive of clients that ask for none"),
      option("slow_consumer_ms", "ms",
             "a client whose queue is full and that reads nothing for this time is disconnected"),
      option("pause_lease_ms", "ms", "how long a sender pauses if it is not told to go on"),
      option("send_window", "", "confirmed messages of one client that may have no outcome yet"),
      option("receive_window", "", "deliveries a client may leave unacknowledged, if it asks for no other number"),
      option("ack_timeout_ms", "ms",
             "a client whose receive window is full and that acknowledges nothing for this time is disconnected"),
      option("session_expiry_ms_max", "ms", "the longest a session may outlive its connection"),
      option("ttl_ms_max", "ms", "the longest a message may wait for its acknowledgement, and the default"),
      option("start_grace_ms", "ms",
             "for this time after its start the broker adds retry_after_ms to UNKNOWN_CLIENT, because clients of its "
             "predecessor may still be reconnecting; 0: never"),
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
      {"stop_deadline_ms", &D::stop_deadline_ms, Range{0, UINT32_MAX, false, {}}, "ms", kLive,
       "how long a drain, SIGTERM and SIGINT wait for connections to end; a second signal does not wait"},
      {"reload_on_change",
       &D::reload_on_change,
       {},
       "",
       kLive,
       "reload, as on SIGHUP, when the configuration file or the token file has changed and then stayed the same for a "
       "second; for files that another program puts in place, as Kubernetes does"},
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
