// The broker's figures in Prometheus' text format. Pure. What each means is in docs/admin.md; none has a client's name,
// so that their number does not grow with the clients.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "admin/process_figures.h"
#include "onehop/inspection.h"

namespace onehop::admin {

constexpr std::string_view kMetricsType = "text/plain; version=0.0.4; charset=utf-8";

// What only the program around the broker knows.
struct ProgramState {
  bool last_reload_successful = true;  // The start counts as one.
  double last_reload_success_unix_seconds = 0;
  uint64_t log_lines_lost = 0;
  // How often which method of authentication has ended in what.
  struct Authentications {
    std::string method;
    std::string result;
    uint64_t count = 0;
  };
  std::vector<Authentications> authentications = {};
  uint64_t denials = 0;  // Verdicts of the permissions that said no.
  struct Certificate {
    std::string file;
    double expires_unix_seconds = 0;
  };
  std::vector<Certificate> certificates = {};  // Of TLS.
};

struct MetricsState {
  std::string_view version;
  bool ready = false;
  bool draining = false;
  std::optional<ProgramState> program;
};

std::string metrics_text(const BrokerCounters& counters, const ProcessFigures& process, const MetricsState& state);

}  // namespace onehop::admin
