// The operator's commands that ask for one thing and tell what came of it: kick, undrain, health.
#include <cstdio>

#include "cli/admin/commands.h"
#include "cli/diagnostics.h"
#include "cli/format.h"

namespace onehop::cli {
namespace {

std::string json_string(std::string_view text) {
  std::string out;
  write_json_string(text, out);
  return out;
}

// "90 s", "0.5 s": as it was asked for, not rounded.
std::string in_seconds(uint64_t ms) {
  char text[32];
  std::snprintf(text, sizeof text, "%.6g s", static_cast<double>(ms) / 1'000);
  return text;
}

}  // namespace

void tell(const AdminOptions& options, const char* event, const std::string& text, const std::string& fields) {
  if (options.json) {
    std::printf("{\"event\":\"%s\",%s\"text\":%s}\n", event, fields.c_str(), json_string(text).c_str());
  } else {
    std::printf("%s\n", text.c_str());
  }
  std::fflush(stdout);
}

ExitCode run_kick(const AdminOptions& options, AdminPort& port) {
  std::string query = "?name=" + percent_encoded(options.to);
  if (!options.text.empty()) query += "&text=" + percent_encoded(options.text);
  if (options.kick_for_ms != 0) query += "&for_ms=" + std::to_string(options.kick_for_ms);
  const AdminAnswer answer = port.post("/api/v1/kick" + query);
  if (!answer.is_fine()) return fail(options, answer, port);
  const std::optional<bool> kicked = read_kicked(answer.body);
  if (!kicked) return fail_unreadable(options, port);
  std::string text = *kicked ? options.to + " was ended" : "there was no client " + options.to;
  if (options.kick_for_ms != 0) text += "; its name is kept out for " + in_seconds(options.kick_for_ms);
  tell(options, "kicked", text,
       "\"name\":" + json_string(options.to) + ",\"kicked\":" + (*kicked ? "true" : "false") +
           ",\"for_ms\":" + std::to_string(options.kick_for_ms) + ",");
  return kSuccess;
}

ExitCode run_undrain(const AdminOptions& options, AdminPort& port) {
  const AdminAnswer answer = port.post("/api/v1/undrain");
  if (!answer.is_fine()) return fail(options, answer, port);
  tell(options, "undrained", "not draining: clients are let in");
  return kSuccess;
}

// For health checks, which know only whether it is well: a broker that is not reached is not.
ExitCode run_health(const AdminOptions& options, AdminPort& port) {
  const AdminAnswer answer = port.get(options.ready ? "/readyz" : "/livez");
  const bool told = answer.failure == AdminAnswer::Failure::kNone && (answer.is_fine() || answer.status == 503);
  if (!told) {
    write_error(options.json, describe(answer, port));
    return kNotDone;
  }
  tell(options, "health", printable(answer.body.substr(0, answer.body.find_first_of("\r\n"))),
       std::string(options.ready ? "\"ready\":" : "\"alive\":") + (answer.is_fine() ? "true," : "false,"));
  return answer.is_fine() ? kSuccess : kNotDone;
}

}  // namespace onehop::cli
