// The command line of onehopd: see the header. The only file here that compiles CLI11.
#include "command_line.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>
#include <iostream>

namespace onehop::daemon {
namespace {

// `--queue-bytes-max` and ONEHOP_QUEUE_BYTES_MAX are one option.
std::string environment_name(std::string flag) {
  flag.erase(0, flag.find_first_not_of('-'));
  for (char& c : flag) c = c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return "ONEHOP_" + flag;
}

template <typename T>
CLI::Option* option(CLI::App& app, const std::string& flag, T& value, const std::string& text) {
  return app.add_option(flag, value, text)->envname(environment_name(flag))->capture_default_str();
}

void flag(CLI::App& app, const std::string& name, bool& value, const std::string& text) {
  app.add_flag(name, value, text)->envname(environment_name(name));
}

void add_options(CLI::App& app, DaemonOptions& o) {
  BrokerOptions& b = o.broker;
  option(app, "--listen", b.listen,
         "Address to listen on: tcp://host:port, tcp://[v6]:port, unix:///path; repeatable. "
         "Port 0 takes a free one; the real addresses are printed on standard output")
      ->delimiter(',');
  flag(app, "--allow-plaintext", b.allow_plaintext, "Listen on other than loopback addresses, without encryption");
  option(app, "--shards", b.shards, "Threads, each with its own loop, at most 64; 0: one per core");
  option(app, "--acceptors", b.acceptors,
         "How many shards listen on TCP addresses (SO_REUSEPORT); 0: all of them, 1: one accepts for all");
  flag(app, "--pin", b.pin, "Pin each shard's thread to a core");
  option(app, "--spin-us", b.spin_us,
         "Microseconds for which a shard looks for events before it sleeps, at most 1000000; 0: not at all");
  option(app, "--connections-max", b.connections_max, "Connections beyond wait; 0: what the descriptor limit allows");
  option(app, "--send-buffer-bytes", b.send_buffer_bytes, "SO_SNDBUF of connections; 0: the system's");
  option(app, "--receive-buffer-bytes", b.receive_buffer_bytes, "SO_RCVBUF of connections; 0: the system's");
  option(app, "--frame-bytes-max", b.frame_bytes_max, "Largest frame a client may send, 16384 to 67108864");
  option(app, "--queue-bytes-max", b.queue_bytes_max, "What may wait for one client; at least 4 x frame-bytes-max");
  option(app, "--shard-queue-bytes-max", b.shard_queue_bytes_max, "What may wait on one shard for all its clients");
  option(app, "--keepalive-ms", b.keepalive_ms, "Keepalive of clients that ask for none, 1000 to 600000");
  option(app, "--slow-consumer-ms", b.slow_consumer_ms, "A full client that takes no byte for so long is ended");
  option(app, "--pause-lease-ms", b.pause_lease_ms, "How long PAUSE holds when no RESUME comes");
  option(app, "--send-window", b.send_window, "Confirmed messages of one client without an outcome, at most 1000000");
  option(app, "--receive-window", b.receive_window,
         "Unacknowledged deliveries, for clients that ask for none, at most 65535");
  option(app, "--ack-timeout-ms", b.ack_timeout_ms, "A client whose window is full and that settles nothing is ended");
  option(app, "--session-expiry-ms-max", b.session_expiry_ms_max, "How long a session may outlive its connection");
  option(app, "--ttl-ms-max", b.ttl_ms_max, "How long a message may wait for its acknowledgement");
  option(app, "--stop-deadline-ms", o.stop_deadline_ms, "How long SIGTERM and SIGINT wait for connections to end");
  option(app, "--log-level", o.log_level, "What to log")
      ->check(CLI::IsMember({"debug", "info", "warn", "error", "off"}));
  option(app, "--log-format", o.log_format, "text or json, on standard error; auto: text on a terminal")
      ->check(CLI::IsMember({"auto", "text", "json"}));
}

}  // namespace

std::optional<DaemonOptions> read_command_line(int argc, char** argv, int& exit_code) {
  DaemonOptions options;
  CLI::App app{
      "onehopd: the onehop message broker.\nEvery flag can be given as ONEHOP_* in the environment too; a flag "
      "wins.",
      "onehopd"};
  app.set_version_flag("--version", "onehopd " ONEHOP_VERSION);
  app.footer(
      "Exit codes: 0 stopped in good order; 1 it could not start, or cut connections off at the deadline;\n"
      "2 the command line is wrong.");
  app.get_formatter()->column_width(36);
  add_options(app, options);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& e) {
    exit_code = app.exit(e);
    return std::nullopt;
  } catch (const CLI::ParseError& e) {
    std::cerr << "onehopd: " << e.what() << " (see onehopd --help)\n";
    exit_code = kExitUsage;
    return std::nullopt;
  }
  return options;
}

}  // namespace onehop::daemon
