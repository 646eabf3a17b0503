// The operator's commands. Each runs to its end and returns the exit code.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "cli/admin/answers.h"
#include "cli/admin/options.h"
#include "cli/admin/port.h"
#include "cli/options.h"

namespace onehop::cli {

// The one that the options name.
ExitCode run_admin_command(const AdminOptions& options);

ExitCode run_clients(const AdminOptions& options, AdminPort& port);
ExitCode run_top(const AdminOptions& options, AdminPort& port);
ExitCode run_trace(const AdminOptions& options, AdminPort& port);
ExitCode run_kick(const AdminOptions& options, AdminPort& port);
ExitCode run_drain(const AdminOptions& options, AdminPort& port);
ExitCode run_undrain(const AdminOptions& options, AdminPort& port);
ExitCode run_health(const AdminOptions& options, AdminPort& port);
ExitCode run_permission(const AdminOptions& options, AdminPort& port);

// Both write to standard error why a command failed. fail(): the admin port refused it or was not reached.
// fail_unreadable(): its answer cannot be read.
ExitCode fail(const AdminOptions& options, const AdminAnswer& answer, const AdminPort& port);
ExitCode fail_unreadable(const AdminOptions& options, const AdminPort& port);
// Tells what was done, on standard output: `text`, or {"event":EVENT,FIELDS"text":TEXT}. `fields` are members of a JSON
// object, each with a comma behind it.
void tell(const AdminOptions& options, const char* event, const std::string& text, const std::string& fields = {});

// One page of clients, or why there is none.
struct ClientsPage {
  ClientsTold told;
  std::string error;
  ExitCode code = kSuccess;
};
ClientsPage ask_for_clients(AdminPort& port, const AdminOptions& options, const std::string& sort, uint64_t limit);

}  // namespace onehop::cli
