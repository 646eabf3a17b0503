// Which of the operator's commands it is, and those that look once: clients and trace.
#include "cli/admin/commands.h"

#include <algorithm>
#include <cctype>
#include <chrono>
#include <cstdio>
#include <thread>

#include "cli/admin/table.h"
#include "cli/diagnostics.h"
#include "cli/format.h"
#include "reactor/file_text.h"

namespace onehop::cli {
namespace {

// The admin port asks shards that may be busy, for a second at the most.
constexpr std::chrono::milliseconds kDeadline{5'000};
constexpr std::chrono::milliseconds kHealthDeadline{3'000};
// What the rates of `clients --sort send_rate` are taken over.
constexpr std::chrono::milliseconds kRateTime{1'000};
constexpr size_t kTokenBytesMax = 4'096;
constexpr size_t kTokenFileBytesMax = 64 << 10;
// What the admin port gives at a time.
constexpr uint64_t kPageMax = 1'000;

std::chrono::milliseconds to_ms(double seconds) {
  return std::chrono::milliseconds(std::max<int64_t>(1, static_cast<int64_t>(seconds * 1'000)));
}

// The first line of the file. False: there is no token, `error` says why.
bool read_token(const std::string& path, std::string& token, std::string& error) {
  const reactor::FileText file = reactor::read_file(path, kTokenFileBytesMax);
  if (!file.text) {
    error = "cannot read the token in " + path + ": " + file.error;
    return false;
  }
  token = file.text->substr(0, file.text->find('\n'));
  while (!token.empty() && std::isspace(static_cast<unsigned char>(token.back())) != 0) token.pop_back();
  if (!token.empty() && token.size() <= kTokenBytesMax && printable(token) == token) return true;
  error = path + " holds no token in its first line";
  return false;
}

ExitCode run_closed(const AdminOptions& options, AdminPort& port) {
  const std::string limit = std::to_string(std::min(options.limit, kPageMax));
  const AdminAnswer answer = port.get("/api/v1/closed?name=" + percent_encoded(options.name_part) + "&limit=" + limit);
  if (!answer.is_fine()) return fail(options, answer, port);
  const auto ends = read_closed(answer.body);
  if (!ends) return fail_unreadable(options, port);
  Table table({"TIME", "HOW", "NAME", "PEER", "CODE", "TEXT"});
  const auto or_dash = [](const std::string& text) { return text.empty() ? std::string("-") : printable(text); };
  for (const auto& [end, json] : *ends) {
    if (options.json) std::printf("%s\n", json.c_str());
    table.add({time_of_day(end.unix_ms), printable(end.how), or_dash(end.name), or_dash(end.peer), or_dash(end.code),
               printable(end.text)});
  }
  if (options.json) return kSuccess;
  for (const std::string& line : table.lines()) std::printf("%s\n", line.c_str());
  return kSuccess;
}

// "up at tcp://127.0.0.1:4242 for 3.0s, heard 1.0s ago".
std::string in_words(const std::optional<ClientInfo>& client) {
  if (!client) return "no session";
  if (!client->connected) return "away for " + short_time(client->idle_ms) + ", its session waits";
  return "up at " + printable(client->peer) + " for " + short_time(client->connected_ms) + ", heard of " +
         short_time(client->idle_ms) + " ago" + (client->blocked ? ", its socket takes nothing" : "");
}

void print_trace(const TraceTold& trace, const AdminOptions& options) {
  const auto line = [](const std::string& title, const std::string& text) {
    std::printf("%-10s  %s\n", title.c_str(), text.c_str());
  };
  line("arrives", (trace.would_arrive ? "yes: " : "no: ") + printable(trace.why));
  if (!trace.reason.empty()) line("reason", printable(trace.reason));
  line("from", options.from + ", home shard " + std::to_string(trace.from_shard) + ", " + in_words(trace.from));
  line("to", options.to + ", home shard " + std::to_string(trace.to_shard) + ", " + in_words(trace.to));
  if (trace.to) {
    const auto waiting = short_count(static_cast<double>(trace.to->waiting_messages));
    line("queue", short_bytes(trace.to->queue_bytes) + ", " + waiting + " messages waiting");
    line("window", std::to_string(trace.to->unacknowledged) + " of " + std::to_string(trace.to->receive_window) +
                       " deliveries unacknowledged");
    line("pause", trace.paused ? "told to " + options.from : "none");
    line("gate",
         trace.gate_closed ? "closed: " + options.from + " was refused, and has not said that it knows" : "open");
  }
  if (!trace.last_end) return line("last end", "none is known");
  const EndTold& end = *trace.last_end;
  line("last end", time_of_day(end.unix_ms) + " " + printable(end.how) + (end.code.empty() ? "" : " ") +
                       printable(end.code) + (end.text.empty() ? "" : ": ") + printable(end.text));
}

}  // namespace

ExitCode fail(const AdminOptions& options, const AdminAnswer& answer, const AdminPort& port) {
  write_error(options.json, describe(answer, port));
  return exit_code_of(answer);
}

ExitCode fail_unreadable(const AdminOptions& options, const AdminPort& port) {
  write_error(options.json, describe_unreadable(port));
  return kCannotConnect;
}

ExitCode run_admin_command(const AdminOptions& options) {
  using Command = AdminOptions::Command;
  const bool for_health = options.command == Command::kHealth;
  std::string token;
  std::string error;
  // What is open to everybody must not fail for want of a token.
  if (!for_health && !options.token_file.empty() && !read_token(options.token_file, token, error)) {
    write_error(options.json, error);
    return kUsage;
  }
  const auto deadline = !for_health ? kDeadline : options.timeout ? to_ms(*options.timeout) : kHealthDeadline;
  AdminPort port(options.address, token, options.tls, deadline);
  switch (options.command) {
    case Command::kClients:
      return options.closed ? run_closed(options, port) : run_clients(options, port);
    case Command::kTop:
      return run_top(options, port);
    case Command::kTrace:
      return run_trace(options, port);
    case Command::kKick:
      return run_kick(options, port);
    case Command::kDrain:
      return run_drain(options, port);
    case Command::kUndrain:
      return run_undrain(options, port);
    case Command::kHealth:
      return run_health(options, port);
    case Command::kPermission:
      return run_permission(options, port);
    case Command::kNone:
      break;
  }
  return kUsage;
}

ClientsPage ask_for_clients(AdminPort& port, const AdminOptions& options, const std::string& sort, uint64_t limit) {
  ClientsPage page;
  const auto fail_with = [&page](ExitCode code, std::string error) {
    page.code = code;
    page.error = std::move(error);
    return page;
  };
  // A page at a time: who moves within the order between two of them may come twice, or not at all.
  std::vector<Told<ClientInfo>>& all = page.told.clients;
  for (;;) {
    const uint64_t wanted = std::min(limit - all.size(), kPageMax);
    const AdminAnswer answer =
        port.get("/api/v1/clients?name=" + percent_encoded(options.name_part) + "&sort=" + percent_encoded(sort) +
                 "&offset=" + std::to_string(all.size()) + "&limit=" + std::to_string(wanted));
    if (!answer.is_fine()) return fail_with(exit_code_of(answer), describe(answer, port));
    auto told = read_clients(answer.body);
    if (!told) return fail_with(kCannotConnect, describe_unreadable(port));
    page.told.found = told->found;
    std::move(told->clients.begin(), told->clients.end(), std::back_inserter(all));
    if (told->clients.size() < wanted || all.size() >= std::min<uint64_t>(limit, told->found)) return page;
  }
}

ExitCode run_clients(const AdminOptions& options, AdminPort& port) {
  const std::string sort = options.sort.empty() ? "name" : options.sort;
  // A rate is told from the second question on; the first is what it is counted from.
  const bool by_rate = sort == "send_rate" || sort == "receive_rate";
  if (by_rate && ask_for_clients(port, options, sort, 1).code == kSuccess) std::this_thread::sleep_for(kRateTime);
  const ClientsPage page = ask_for_clients(port, options, sort, options.limit);
  if (page.code != kSuccess) {
    write_error(options.json, page.error);
    return page.code;
  }
  const auto& [clients, found] = page.told;
  if (options.json) {
    for (const auto& client : clients) std::printf("%s\n", client.json.c_str());
  } else {
    for (const std::string& line : table_of(clients, {}).lines()) std::printf("%s\n", line.c_str());
  }
  if (found > clients.size()) {
    write_note(options.json, "more",
               std::to_string(clients.size()) + " of " + std::to_string(found) +
                   " clients; --limit, --name and --sort show others");
  }
  return kSuccess;
}

ExitCode run_permission(const AdminOptions& options, AdminPort& port) {
  const AdminAnswer answer =
      port.get("/api/v1/permission?principal=" + percent_encoded(options.principal) +
               "&action=" + percent_encoded(options.action) + "&target=" + percent_encoded(options.target));
  if (!answer.is_fine()) return fail(options, answer, port);
  const auto told = read_permission(answer.body);
  if (!told) return fail_unreadable(options, port);
  const auto& [allowed, why] = told->thing;
  if (options.json) {
    std::printf("%s\n", told->json.c_str());
  } else {
    std::printf("%s: %s\n", allowed ? "allowed" : "denied", printable(why).c_str());
  }
  return allowed ? kSuccess : kNotDone;
}

ExitCode run_trace(const AdminOptions& options, AdminPort& port) {
  const AdminAnswer answer =
      port.get("/api/v1/trace?from=" + percent_encoded(options.from) + "&to=" + percent_encoded(options.to));
  if (!answer.is_fine()) return fail(options, answer, port);
  const auto told = read_trace(answer.body);
  if (!told) return fail_unreadable(options, port);
  if (options.json) {
    std::printf("%s\n", told->json.c_str());
  } else {
    print_trace(told->thing, options);
  }
  return told->thing.would_arrive ? kSuccess : kNotDone;
}

}  // namespace onehop::cli
