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
      option(
          "listen", "",
          "where to listen: tcp://host:port, tcp://[v6]:port, tls://host:port, unix:///path; port 0 takes a free one, "
          "and the real addresses are printed on standard output"),
      option("listen_proxy", "",
             "as listen, for connections through a balancer; each must begin with a PROXY protocol header, version 1 "
             "or 2"),
      option("proxy_from", "",
             "the balancers whose PROXY headers are believed: addresses, ranges such as 10.0.0.0/8, or unix for those "
             "that "
             "connect through a Unix socket"),
      option("allow_plaintext", "", "permits tcp:// on addresses other than loopback, where nothing is encrypted"),
      option("shards", "", "the number of threads, each with clients of its own; 0: one for each core"),
      option("acceptors", "",
             "how many shards accept TCP connections, sharing the port; 0: all of them; 1: one accepts for all"),
      option("pin", "", "each shard's thread runs on a core of its own"),
      option("spin_us", "us",
             "how long a shard looks for events before it sleeps; this lowers latency and takes a whole core for each "
             "shard; "
             "0: it sleeps at once"),
      option(
          "connections_max", "",
          "the most connections at a time; further ones wait in the kernel's backlog; 0: as many as the limit of open "
          "files allows"),
      option("send_buffer_bytes", "bytes", "SO_SNDBUF of connections; 0: the system's"),
      option("receive_buffer_bytes", "bytes", "SO_RCVBUF of connections; 0: the system's"),
  };
}

std::vector<Setting> encryption() {
  return {
      {"tls_certificate_file",
       &D::tls_certificate_file,
       {},
       "",
       kLive,
       "PEM files, each with a certificate and those between it and its root, for listeners that begin with tls://; a "
       "client gets the first one that is for the host that it names, or the first one of all"},
      {"tls_key_file",
       &D::tls_key_file,
       {},
       "",
       kLive,
       "PEM files with the keys of these certificates, in their order"},
      {"tls_client",
       &D::tls_client,
       {0, 0, false, {"none", "optional", "required"}},
       "",
       kLive,
       "whether clients must show a certificate; optional: they need not, but one that is shown must be good"},
      {"tls_client_ca_file",
       &D::tls_client_ca_file,
       {},
       "",
       kLive,
       "a PEM file with the authorities whose client certificates are good"},
      {"tls_crl_file",
       &D::tls_crl_file,
       {},
       "",
       kLive,
       "a PEM file with revocation lists, one for each authority of a client's chain; empty: none is looked at"},
      option(
          "tls_handshakes_max", "",
          "the most TLS handshakes at a time, each of which takes up to 80 KiB; other newcomers wait for their turn"),
  };
}

std::vector<Setting> protection() {
  return {
      option("address_connections_max", "",
             "the most connections of one source address (IPv6: of one /64); 0: no limit"),
      option("address_connects_per_second", "",
             "the most new connections of one source address in a second; 0: no limit"),
      option("address_connects_burst", "", "how many new connections may come at once; 0: as many as in a second"),
      option(
          "address_sessions_max", "",
          "the most sessions that were opened from one source address and have not ended, also those whose client is "
          "away; a client that resumes is let in all the same; 0: no limit"),
      option("client_messages_per_second", "",
             "the most messages of one client in a second; further ones are refused with RATE_LIMITED; 0: no limit"),
      option("client_messages_burst", "", "how many messages may come at once; 0: as many as in a second"),
      option(
          "client_bytes_per_second", "bytes",
          "the most bytes of messages of one client in a second; further messages are refused with RATE_LIMITED; 0: no "
          "limit"),
      option("client_bytes_burst", "bytes",
             "how many bytes may come at once, at least frame_bytes_max; 0: as many as in a second"),
      option("memory_bytes_max", "bytes",
             "the memory for queued and unacknowledged messages of all shards together, at least 2 x queue_bytes_max; "
             "0: half of the memory of the control group or the machine"),
      option("connection_age_ms_max", "ms",
             "a client whose connection is about this old is told to connect again; 0: never"),
      option("drain_delay_ms", "ms",
             "for this time a drain only makes the broker unready, before any client is told; for balancers that poll "
             "readiness"),
      option("drain_spread_ms", "ms", "a drain tells each client to come back after a time of its own, at most this"),
  };
}

std::vector<Setting> protocol() {
  return {
      option("frame_bytes_max", "bytes", "the largest frame that a client may send"),
      option("queue_bytes_max", "bytes", "how many bytes may wait for one client; at least 4 x frame_bytes_max"),
      option("keepalive_ms", "ms", "the keepalive of clients that ask for none"),
      option("slow_consumer_ms", "ms",
             "a client whose queue is full and that reads nothing for this time is disconnected"),
      option("pause_lease_ms", "ms", "after this time a sender that was told to pause goes on by itself"),
      option("send_window", "", "how many confirmed messages of one client may be without an outcome at the same time"),
      option("receive_window", "",
             "how many deliveries to one client may be unacknowledged at the same time, unless it asks for another "
             "number"),
      option("ack_timeout_ms", "ms",
             "a client whose receive window is full and that acknowledges nothing for this time is disconnected"),
      option("session_expiry_ms_max", "ms", "the longest time that a session may outlive its connection"),
      option("ttl_ms_max", "ms", "the longest time that a message may wait for its acknowledgement; also the default"),
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
       "where health, metrics and the HTTP API are served: tcp://host:port, tls://host:port (HTTPS, with the "
       "certificates of "
       "tls_certificate_file) or unix:///path; none: nowhere"},
      {"admin_token_file",
       &D::admin_token_file,
       {},
       "",
       kLive,
       "a file with the token that the HTTP API requires if admin is not a loopback address; empty: no token, and no "
       "API there"},
      {"admin_viewer_token_file",
       &D::admin_viewer_token_file,
       {},
       "",
       kLive,
       "a file with another token, of viewers, who may ask and change nothing; empty: there are no viewers"},
      {"stop_deadline_ms", &D::stop_deadline_ms, Range{0, UINT32_MAX, false, {}}, "ms", kLive,
       "how long a drain, SIGTERM and SIGINT wait for connections to end; a second signal ends the wait"},
      {"reload_on_change",
       &D::reload_on_change,
       {},
       "",
       kLive,
       "reload, as on SIGHUP, when the configuration file, or a file that it names (tokens, TLS, identity), has "
       "changed and "
       "then stayed the same for a second; for files that another program puts in place, as Kubernetes does"},
      {"log_level",
       &D::log_level,
       {0, 0, false, {"debug", "info", "warn", "error", "off"}},
       "",
       kLive,
       "the least severe level that is logged, on standard error; audit lines have levels, too: info, warn or error"},
      {"log_format",
       &D::log_format,
       {0, 0, false, {"auto", "text", "json"}},
       "",
       kFixed,
       "one line for each event; auto: text on a terminal, json otherwise"},
  };
}

std::vector<Setting> identification() {
  return {
      {"authentication",
       &D::authentication,
       {0, 0, false, {"certificate", "token", "users", "anonymous"}},
       "",
       kFixed,
       "how clients show who they are, in the order in which it is tried: the certificate of a TLS client, a signed "
       "token, user:secret, or not at all; empty: everybody is let in"},
      {"certificate_principal",
       &D::certificate_principal,
       {0, 0, false, {"uri", "dns", "cn"}},
       "",
       kLive,
       "where in a certificate its owner stands: the one URI or the one DNS name among its alternative names, or the "
       "one common name; for certificate in authentication"},
      {"users_file",
       &D::users_file,
       {},
       "",
       kLive,
       "the users and the hashes of their secrets, as `onehop hash-secret` makes them, for users in authentication"},
      {"token_keys_file",
       &D::token_keys_file,
       {},
       "",
       kLive,
       "the public keys that sign tokens, as a JWKS, for token in authentication"},
      {"token_issuer", &D::token_issuer, {}, "", kLive, "what tokens must have as iss; empty: anything"},
      {"token_audience",
       &D::token_audience,
       {},
       "",
       kLive,
       "what tokens must have in aud; empty: a token that has an aud is refused"},
      {"permissions_file",
       &D::permissions_file,
       {},
       "",
       kFixed,
       "a TOML file that says what principals may do; empty: everything. Its content is read again on SIGHUP"},
      {"anonymous_role",
       &D::anonymous_role,
       {},
       "",
       kLive,
       "the role in permissions_file of clients without credentials, for anonymous in authentication"},
      {"checks_threads", &D::checks_threads, Range{1, 64, false, {}}, "", kFixed,
       "how many threads check secrets and signatures, beside the shards"},
  };
}

std::vector<Setting> all_settings() {
  std::vector<Setting> all;
  for (const std::vector<Setting>& part : {listening(), encryption(), protection(), protocol(), program()}) {
    all.insert(all.end(), part.begin(), part.end());
  }
  const std::vector<Setting> last = identification();
  all.insert(all.end(), last.begin(), last.end());
  return all;
}

}  // namespace

const std::vector<Setting>& settings() {
  static const std::vector<Setting> all = all_settings();
  return all;
}

}  // namespace onehop::daemon
