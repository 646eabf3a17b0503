// What the operator's commands are asked for: those that speak with the broker's admin port.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace onehop::cli {

// Whom to believe, where the admin port speaks TLS.
struct AdminTls {
  std::string ca_file;  // Empty: the authorities of the system.
  bool insecure = false;
};

struct AdminOptions {
  enum class Command : uint8_t { kNone, kClients, kTop, kTrace, kKick, kDrain, kUndrain, kHealth, kPermission };
  Command command = Command::kNone;

  // tcp://host:port, tls://host:port, unix:///path, http://… or https://…
  std::string address = "tcp://127.0.0.1:7412";
  std::string token_file;
  AdminTls tls;

  // All but top.
  bool json = false;

  // clients, top
  std::string name_part;
  std::string sort;
  uint64_t limit = 100;
  bool closed = false;
  // Seconds.
  double interval = 1;
  bool once = false;

  // trace
  std::string from;
  std::string to;

  // permissions check; no principal: an anonymous client
  std::string principal;
  std::string action;
  std::string target;

  // kick; the name is also in `to`.
  std::string text;
  // For how long the name is kept out; 0: not at all.
  uint64_t kick_for_ms = 0;

  // drain, health, seconds
  bool wait = false;
  std::optional<double> timeout;
  bool ready = false;
};

// The orders that the admin port knows, in the order in which 'top' goes through them.
constexpr const char* kSortOrders[] = {"send_rate", "receive_rate", "queue_bytes", "idle", "name"};

// Adds the operator's commands to the command line. Which of them was given is in `options` once it is parsed.
void add_admin_commands(CLI::App& app, AdminOptions& options);

// Adds the options that say where an admin port is, what to show it, and how to print the answer. Returns all but the
// last.
std::vector<CLI::Option*> add_admin_port_options(CLI::App& command, AdminOptions& options);

// What is wrong with the options of the command that was given, in one line; empty: nothing.
std::string what_is_wrong_with(const AdminOptions& options);

}  // namespace onehop::cli
