// Checks what depends on several settings.
#include "loadgen/run/settings.h"

#include <algorithm>
#include <cstdio>

namespace onehop::loadgen {
namespace {

constexpr uint64_t kStepNsMin = 2'000'000'000;
constexpr uint32_t kSourcesMax = 65'536;

std::string wrong_with_window(const Settings& settings, bool rate_given) {
  if (rate_given) return "--window: a closed loop has no --rate";
  if (settings.find_capacity) return "--window: a capacity is searched with an open loop";
  if (settings.workload == Workload::kConnects) {
    return settings.window < settings.threads ? "--window: less than the --threads that share it" : "";
  }
  if (!is_of_messages(settings.workload) || settings.workload == Workload::kChurn) {
    return "--window: only for connects, and for workloads whose clients stay and send";
  }
  const bool told_on_its_thread =
      is_in_pairs(settings.workload) || settings.threads == 1 || settings.confirm == Confirm::kDelivered;
  return told_on_its_thread ? "" : "--window: needs --confirm delivered, --threads 1, or a workload in pairs";
}

std::string wrong_with_capacity(const Settings& settings) {
  if (!is_of_messages(settings.workload)) return "--find-capacity: only for workloads that send";
  if (settings.slo.empty()) return "--find-capacity: needs an --slo, as 'p99<5ms'";
  if (settings.start_at_unix_s) return "--find-capacity: its steps follow each other, so there is no --start-at";
  if (settings.step_ns < kStepNsMin) return "--step: must be at least 2s, to see whether a backlog grows";
  return "";
}

std::optional<uint32_t> parse_ipv4(const std::string& text) {
  unsigned a = 0, b = 0, c = 0, d = 0;
  char rest = 0;
  if (std::sscanf(text.c_str(), "%3u.%3u.%3u.%3u%c", &a, &b, &c, &d, &rest) != 4) return std::nullopt;
  if (std::max({a, b, c, d}) > 255) return std::nullopt;
  return a << 24 | b << 16 | c << 8 | d;
}

}  // namespace

bool is_of_messages(Workload workload) {
  return workload != Workload::kStorm && workload != Workload::kIdle && workload != Workload::kConnects;
}

bool is_in_pairs(Workload workload) {
  return workload == Workload::kPairs || workload == Workload::kEcho;
}

std::string what_is_wrong_with(const Settings& settings, bool rate_given) {
  const uint32_t clients = settings.clients;
  if (settings.duration_ns == 0) return "--duration: must be above 0";
  if (settings.warm_up_ns >= settings.duration_ns) return "--warmup: leaves nothing of --duration";
  if (is_in_pairs(settings.workload) && clients % 2 != 0) return "--clients: pairs need an even number of clients";
  const bool needs_two = settings.workload == Workload::kRandom || settings.workload == Workload::kFanOut;
  if (needs_two && clients < 2) return "--clients: must be at least 2";
  if (settings.workload == Workload::kFanIn && (settings.recipients == 0 || settings.recipients >= clients)) {
    return "--recipients: must be at least 1, and below --clients";
  }
  const bool all_come_and_go = settings.workload == Workload::kConnects;
  if (!all_come_and_go && settings.threads > (is_in_pairs(settings.workload) ? clients / 2 : clients)) {
    return "--threads: there are fewer clients, or pairs of them, than threads";
  }
  if (settings.slow_part > 0 && settings.slow_bytes == 0) return "--slow-rate: must be above 0";
  const double duration_s = static_cast<double>(settings.duration_ns) * 1e-9;
  if (settings.workload == Workload::kStorm && settings.rate > 0 && settings.rate * duration_s < clients) {
    return "--duration: too short for this many clients at that --rate";
  }
  if (settings.find_capacity) {
    if (std::string wrong = wrong_with_capacity(settings); !wrong.empty()) return wrong;
  } else if (!settings.slo.empty()) {
    return "--slo: only for --find-capacity; a single run has --threshold";
  }
  return settings.window == 0 ? "" : wrong_with_window(settings, rate_given);
}

std::optional<std::vector<std::string>> parse_sources(const std::string& text) {
  std::vector<std::string> sources;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(',', begin), text.size());
    const std::string part = text.substr(begin, end - begin);
    const size_t dash = part.find('-');
    const auto first = parse_ipv4(part.substr(0, dash));
    const auto last = dash == std::string::npos ? first : parse_ipv4(part.substr(dash + 1));
    if (!first || !last || *last < *first || *last - *first >= kSourcesMax) return std::nullopt;
    for (uint64_t at = *first; at <= *last; ++at) {
      sources.push_back(std::to_string(at >> 24) + "." + std::to_string(at >> 16 & 255) + "." +
                        std::to_string(at >> 8 & 255) + "." + std::to_string(at & 255));
    }
    begin = end + 1;
  }
  return sources;
}

std::optional<std::string> parse_part_of(const std::string& text) {
  unsigned part = 0, parts = 0;
  char rest = 0;
  const bool fine = std::sscanf(text.c_str(), "%u/%u%c", &part, &parts, &rest) == 2 && part != 0 && part <= parts;
  return fine ? std::optional(text) : std::nullopt;
}

}  // namespace onehop::loadgen
