// See the header.
#include "loadgen/run/thread_schedule.h"

#include <algorithm>
#include <cmath>

namespace onehop::loadgen {
namespace {

// This is more messages than any run sends, and more nanoseconds than any run takes.
constexpr uint64_t kEndless = UINT64_MAX / 4;

// A thread's share of the schedule is the share of its senders; in a storm, of its clients. Guests are shared evenly.
double share_of(const Plan& plan, uint32_t thread) {
  const Workload workload = plan.settings().workload;
  uint32_t own = 0;
  for (uint32_t client = 0; client < plan.stays(); ++client) {
    own += plan.thread_of(client) == thread && (workload == Workload::kStorm || plan.sends(client));
  }
  if (workload == Workload::kChurn || workload == Workload::kConnects) return 1.0 / plan.settings().threads;
  const uint32_t all = workload == Workload::kStorm ? plan.stays() : plan.senders();
  return all == 0 ? 0 : static_cast<double>(own) / all;
}

// The schedule of a thread. The schedules of threads with equal shares interleave evenly.
Arrivals arrivals_of(const Plan& plan, uint32_t thread) {
  const Settings& settings = plan.settings();
  const double share = share_of(plan, thread);
  if (!settings.scenario.curve.empty()) {
    return {settings.arrivals, settings.scenario.curve, share > 0 ? share : 1, thread,
            settings.threads,  settings.seed + thread};
  }
  const double rate = settings.rate * share;
  return {settings.arrivals, rate > 0 ? rate * settings.threads : 1, thread, settings.threads, settings.seed + thread};
}

// A thread's part of --count, in the ratio of the shares. The parts add up to the count.
uint64_t part_of_count(const Plan& plan, uint32_t thread) {
  const uint64_t count = plan.settings().scenario.count;
  if (count == 0) return kEndless;
  double before = 0;
  for (uint32_t other = 0; other < thread; ++other) before += share_of(plan, other);
  const auto until = [&](double share) {
    return static_cast<uint64_t>(std::llround(share * static_cast<double>(count)));
  };
  return until(before + share_of(plan, thread)) - until(before);
}

}  // namespace

ThreadSchedule::ThreadSchedule(const Plan& plan, uint32_t thread)
    : settings_(plan.settings()), arrivals_(arrivals_of(plan, thread)), left_(part_of_count(plan, thread)) {}

void ThreadSchedule::begin(uint64_t start_ns) {
  is_running_ = true;
  start_ns_ = start_ns;
  end_ns_ = start_ns + (settings_.scenario.count == 0 ? settings_.duration_ns : kEndless);
}

void ThreadSchedule::stop_at(uint64_t now_ns) {
  end_ns_ = std::max(start_ns_, std::min(end_ns_, now_ns));
}

void ThreadSchedule::stop_if_count_is_reached(uint64_t now_ns) {
  if (left_ == 0) end_ns_ = std::min(end_ns_, std::max(now_ns, start_ns_ + settings_.duration_ns));
}

}  // namespace onehop::loadgen
