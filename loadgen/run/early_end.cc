// See the header.
#include "loadgen/run/early_end.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace onehop::loadgen {
namespace {

// The most messages that the schedule can make between two of its times. Random arrivals may be more than their mean.
double most_messages(const Settings& settings, double begin_ns, double end_ns) {
  const Scenario& scenario = settings.scenario;
  if (scenario.count != 0) return static_cast<double>(scenario.count);
  if (settings.window != 0) return 0;
  double mean = settings.rate * (end_ns - begin_ns) * 1e-9;
  if (!scenario.curve.empty()) mean = scenario.curve.count_until(end_ns) - scenario.curve.count_until(begin_ns);
  const double spread = settings.arrivals == ArrivalKind::kPoisson ? 6 * std::sqrt(mean) : 0;
  return mean + spread + settings.threads;
}

}  // namespace

EarlyEnd::EarlyEnd(const Settings& settings) : settings_(settings) {}

std::optional<std::string> EarlyEnd::judge(const Live& live) {
  if (has_fallen_silent(live)) return "nothing was delivered for the time of --drain, and --count was not reached";
  if (!settings_.scenario.abort_on_fail) return std::nullopt;
  std::vector<uint64_t> timed;
  for (const StageFigures& stage : live.stages) timed.push_back(stage.timed);
  timed_until_.push_back(std::move(timed));
  for (const Threshold& threshold : settings_.thresholds) {
    if (is_lost(threshold, live)) return threshold.text() + " can no longer be kept";
  }
  return std::nullopt;
}

// A closed loop with --count ends only by its count, so a silent target must end it.
bool EarlyEnd::has_fallen_silent(const Live& live) {
  if (settings_.scenario.count == 0 || settings_.window == 0) return false;
  const uint64_t settled = live.delivered + live.counts.undelivered() + live.last.opened;
  if (std::exchange(settled_, settled) != settled) settled_s_ = live.at_s;
  return live.at_s - settled_s_ >= static_cast<double>(settings_.drain_ns) * 1e-9;
}

// The messages that were due until the last second that is old enough, less those that have arrived since. Messages
// that were due later and have arrived make this smaller, so it is a lower bound.
uint64_t EarlyEnd::overdue(size_t stage, size_t stages, const Live& live, uint64_t age_ns) const {
  const double until_s = live.at_s - static_cast<double>(age_ns) * 1e-9;
  if (until_s < 1) return 0;
  const size_t second = std::min(static_cast<size_t>(until_s), timed_until_.size()) - 1;
  uint64_t timed = 0, arrived = 0;
  for (size_t i = stage; i < stage + stages; ++i) {
    timed += timed_until_[second][i];
    arrived += live.stages[i].latency.count();
  }
  return timed - std::min(timed, arrived);
}

bool EarlyEnd::is_lost(const Threshold& threshold, const Live& live) const {
  const bool is_of_stage = threshold.stage() != 0;
  const size_t first = is_of_stage ? threshold.stage() - 1 : 0;
  const size_t stages = is_of_stage ? 1 : live.stages.size();
  if (first + stages > live.stages.size()) return false;
  StageFigures figures;
  for (size_t i = first; i < first + stages; ++i) figures.add(live.stages[i]);

  RunResult counts;
  SoFar so_far{figures.latency, [&](uint64_t age_ns) { return overdue(first, stages, live, age_ns); }, 0, counts};
  if (is_of_stage) {
    double begin_ns = 0;
    for (size_t i = 0; i < first; ++i) begin_ns += static_cast<double>(settings_.scenario.stages[i].duration_ns);
    const double end_ns = begin_ns + static_cast<double>(settings_.scenario.stages[first].duration_ns);
    so_far.messages_max = most_messages(settings_, begin_ns, end_ns);
    // Once the stage is over, no more messages can arrive within it.
    if (live.at_s > end_ns * 1e-9 + 1)
      so_far.rate_max = static_cast<double>(figures.arrivals) * 1e9 / (end_ns - begin_ns);
    return threshold.is_lost(so_far);
  }
  so_far.messages_max = most_messages(settings_, 0, static_cast<double>(settings_.duration_ns));
  counts.account.rejected = live.counts.rejected;
  counts.account.expired = live.counts.expired;
  counts.account.lost = live.counts.lost;
  counts.account.unknown = live.counts.unknown;
  counts.account.not_sent = live.counts.not_sent;
  counts.account.duplicates = live.counts.duplicates;
  counts.account.corrupted = live.counts.corrupted;
  counts.account.misdirected = live.counts.misdirected;
  counts.account.sent = live.counts.undelivered();  // With nothing delivered, RunResult::undelivered() is this sum.
  counts.connections.failed = live.counts.connects_failed;
  counts.connections.broken = live.counts.connections_broken;
  if (settings_.window == 0) {
    const double left = so_far.messages_max - static_cast<double>(live.counts.undelivered());
    so_far.rate_max = left / (static_cast<double>(settings_.duration_ns) * 1e-9);
  }
  return threshold.is_lost(so_far);
}

}  // namespace onehop::loadgen
