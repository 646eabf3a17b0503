// See the header. The parts are orders, reports and the result.
#include "loadgen/run/run.h"

#include <algorithm>
#include <utility>

#include "loadgen/measure/quantity.h"
#include "loadgen/run/clock.h"
#include "loadgen/run/host.h"
#include "loadgen/run/void_reasons.h"

namespace onehop::loadgen {
namespace {

// The time that the order to start has to reach every thread.
constexpr uint64_t kStartNs = 20 * kMs;
constexpr uint64_t kDrainCheckMs = 5;

Outcome promised(const Plan& plan) {
  if (!plan.driver().tells()) return Outcome::kNotSent;
  return plan.settings().confirm == Confirm::kDelivered ? Outcome::kDelivered : Outcome::kAdmitted;
}

}  // namespace

Run::Run(const Settings& settings, Driver& driver, const reactor::SocketAddress& address, RunWatcher& watcher)
    : settings_(settings),
      reports_(loop_, [this](const Report& report) { on_report(report); }),
      plan_(settings, driver, address),
      watcher_(watcher),
      timer_(loop_, [this] { check_drained(); }),
      seconds_(settings.threads),
      early_end_(settings),
      commands_(loop_, settings.scenario.commands) {
  for (uint32_t number = 0; number < settings.threads; ++number) {
    workers_.push_back(std::make_unique<Worker>(plan_, number, reports_));
  }
}

Run::~Run() = default;

std::optional<RunResult> Run::run(std::string& error) {
  watcher_.on_connecting(plan_.stays());
  for (const auto& worker : workers_) worker->start();
  loop_.run();
  for (const auto& worker : workers_) worker->join();
  commands_.end();
  reports_.drain();
  if (!error_.empty()) {
    error = error_;
    return std::nullopt;
  }
  return result();
}

void Run::on_report(const Report& report) {
  switch (report.kind) {
    case Report::Kind::kConnected:
      if (++connected_ == workers_.size() && !leaving_) on_all_connected();
      return;
    case Report::Kind::kConnectFailed:
      if (error_.empty()) error_ = report.text;
      return leave();
    case Report::Kind::kSecond:
      seconds_.add(report.worker, report.second, report.counts, report.stages);
      return tell_seconds();
    case Report::Kind::kArrivalsDone:
      if (++arrivals_done_ != workers_.size() || leaving_) return;
      end_watching_system();
      commands_.stop_starting();
      drain_.begin(now_ns(), settings_.drain_ns);
      return check_drained();
    case Report::Kind::kLeft:
      if (++left_ == workers_.size()) loop_.stop();
      return;
  }
}

void Run::on_all_connected() {
  uint64_t wait_ns = kStartNs;
  if (settings_.start_at_unix_s) {
    const double wait_s = *settings_.start_at_unix_s - unix_now_s();
    if (wait_s < 0) {
      error_ = "everybody is connected only " + std::to_string(-wait_s) + " s after the time to start at";
      return leave();
    }
    wait_ns = static_cast<uint64_t>(wait_s * 1e9);
  }
  start_ns_ = now_ns() + wait_ns;
  started_unix_s_ = unix_now_s() + static_cast<double>(wait_ns) * 1e-9;
  begin_watching_system();
  for (const auto& worker : workers_) worker->post({Order::Kind::kStart, start_ns_});
  commands_.begin(start_ns_);
  watcher_.on_started(static_cast<double>(wait_ns) * 1e-9);
  if (interrupted_) interrupt();
}

void Run::begin_watching_system() {
  if (settings_.system_pid == 0) return;
  if (const auto cpu_s = cpu_of_process_s(settings_.system_pid)) system_ = SystemUse{*cpu_s, 0};
}

void Run::end_watching_system() {
  if (!system_) return;
  const auto cpu_s = cpu_of_process_s(settings_.system_pid);
  if (!cpu_s) return system_.reset();  // The process has ended.
  system_ = SystemUse{*cpu_s - system_->cpu_s, private_dirty_bytes(settings_.system_pid)};
}

void Run::interrupt() {
  interrupted_ = true;
  if (start_ns_ == 0 || now_ns() < start_ns_) {
    if (error_.empty()) error_ = "interrupted before the run began";
    return leave();
  }
  // A user who asks again, or during the drain, does not want to wait.
  if (arrivals_done_ == workers_.size()) return leave();
  for (const auto& worker : workers_) worker->post({Order::Kind::kStopArrivals});
}

void Run::tell_seconds() {
  while (seconds_.has_next()) {
    const Live live = seconds_.next();
    // The last second ends when all clients leave, and it is usually empty.
    if (live.last.is_empty() && leaving_) continue;
    watcher_.on_live(live);
    judge(live);
    const double planned_s = static_cast<double>(settings_.duration_ns) * 1e-9;
    const bool is_known = settings_.scenario.count == 0 || settings_.window == 0;
    watcher_.on_second(live.last, is_known ? std::max(planned_s - live.at_s, 0.0) : -1);
    seconds_.pack_last();
  }
}

void Run::judge(const Live& live) {
  if (leaving_ || arrivals_done_ == workers_.size() || !ended_early_.empty()) return;
  if (const auto why = early_end_.judge(live)) end_early(*why);
}

void Run::end_early(const std::string& why) {
  ended_early_ = why;
  for (const auto& worker : workers_) worker->post({Order::Kind::kStopArrivals});
}

// Leaves when nothing is under way any more, or when it has taken too long.
void Run::check_drained() {
  if (leaving_) return;
  Totals sum;
  for (const auto& worker : workers_) sum += worker->totals();
  if (drain_.is_over(sum, now_ns())) return leave();
  if (drain_.takes_notice(now_ns())) {
    const uint64_t settled = sum.delivered + sum.told_otherwise;
    watcher_.on_draining(sum.wanted > settled ? sum.wanted - settled : sum.untold);
  }
  timer_.arm_at(loop_.now_ms() + kDrainCheckMs);
}

void Run::leave() {
  if (std::exchange(leaving_, true)) return;
  for (const auto& worker : workers_) worker->post({Order::Kind::kLeave});
}

void Run::describe(RunResult& result) const {
  result.version = ONEHOP_VERSION;
  result.id = plan_.id();
  result.host = this_host();
  result.started_unix_s = started_unix_s_;
  result.target = settings_.target;
  result.settings = settings_.flags;
  result.allowed = settings_.allowed;
  result.open_loop = settings_.window == 0;
  result.planned_s = static_cast<double>(settings_.duration_ns) * 1e-9;
  result.wanted_rate = result.open_loop ? settings_.rate : 0;
  result.interrupted = interrupted_;
  result.series = seconds_.all();
  if (!result.series.empty() && result.series.back().is_empty()) result.series.pop_back();
  result.system = system_;
}

void Run::add_connections(RunResult& result) const {
  for (const auto& worker : workers_) {
    result.connections += worker->findings().recorder.connections;
    if (result.server.empty()) result.server = worker->findings().server;
  }
}

void Run::add_generator(RunResult& result) const {
  Generator& generator = result.generator;
  generator.threads = settings_.threads;
  generator.lag_allowed = settings_.lag_max_ns;
  for (const auto& worker : workers_) {
    generator.lag.add(worker->findings().recorder.lag);
    generator.read_lag.add(worker->findings().recorder.read_lag);
    generator.cpu_s += worker->findings().cpu_s;
    generator.missed_arrivals += worker->findings().missed_arrivals;
    result.duration_s = std::max(result.duration_s, worker->findings().ran_for_s);
    if (worker->findings().ran_for_s <= 0) continue;
    const double waiting = worker->findings().waited_s / worker->findings().ran_for_s;
    generator.waiting_for_cpu = std::max(generator.waiting_for_cpu, waiting);
    generator.busiest_thread =
        std::max(generator.busiest_thread, worker->findings().cpu_s / worker->findings().ran_for_s + waiting);
  }
  generator.busiest_thread = std::min(generator.busiest_thread, 1.0);
  generator.lag.record_never(generator.missed_arrivals);
}

// Messages that were wanted and did not arrive are infinitely late, and so are messages that were due and not issued.
void Run::add_latencies(RunResult& result) const {
  Recorder::Wanted wanted;
  for (const auto& worker : workers_) {
    const Recorder& measured = worker->findings().recorder;
    result.latency.add(measured.latency);
    result.uncorrected.add(measured.uncorrected);
    result.confirm_latency.add(measured.confirm_latency);
    result.slow_latency.add(measured.slow_latency);
    result.connect_latency.add(measured.connect_latency);
    result.handshake_latency.add(measured.handshake_latency);
    wanted.all += measured.wanted().all;
    wanted.slow += measured.wanted().slow;
    wanted.others += measured.wanted().others;
  }
  const auto missing = [](uint64_t of, const Histogram& came) { return of - std::min(of, came.count()); };
  const uint64_t missed = result.generator.missed_arrivals;
  result.uncorrected.record_never(missing(wanted.others, result.latency));
  result.slow_latency.record_never(missing(wanted.slow, result.slow_latency));
  if (promised(plan_) != Outcome::kNotSent) {
    result.confirm_latency.record_never(missing(wanted.all, result.confirm_latency) + (result.sends() ? missed : 0));
  }
  result.latency.record_never(missing(wanted.others, result.latency));
  (result.sends() ? result.latency : result.connect_latency).record_never(missed);
  if (!result.open_loop) result.uncorrected = result.latency;  // A closed loop has only one way to count.
}

void Run::add_account(RunResult& result) const {
  std::vector<const Ledger*> ledgers;
  uint64_t delivered_in_time = 0, wanted = 0;
  for (const auto& worker : workers_) {
    for (const auto& [reason, count] : worker->findings().recorder.reasons) result.reasons[reason] += count;
    ledgers.push_back(&worker->findings().ledger);
    delivered_in_time += worker->findings().delivered_in_time;
    wanted += worker->totals().wanted;
  }
  if (result.duration_s > 0) result.achieved_rate = static_cast<double>(delivered_in_time) / result.duration_s;
  result.account =
      Ledger::reconcile(ledgers, promised(plan_), [this](uint32_t client) { return plan_.is_slow(client); });
  // A message that the workload wanted and that is in no client's account would be a fault of the generator. It is not
  // hidden.
  if (wanted > result.account.sent) result.account.unexplained += wanted - result.account.sent;
  result.account.sent = wanted;
}

RunResult Run::result() const {
  RunResult result;
  describe(result);
  add_connections(result);
  add_generator(result);
  add_latencies(result);
  add_account(result);
  add_scenario(result);
  for (const Threshold& threshold : settings_.thresholds) result.thresholds.push_back(threshold.check(result));
  result.void_reasons = void_reasons(result, settings_.spin);
  return result;
}

// Adds the figures of stages and commands.
void Run::add_scenario(RunResult& result) const {
  const Scenario& scenario = settings_.scenario;
  result.ended_early = ended_early_;
  std::vector<StageFigures> figures = seconds_.stages();
  figures.resize(scenario.stages.size());
  double begin_s = 0;
  for (size_t i = 0; i < scenario.stages.size(); ++i) {
    const double duration_s = static_cast<double>(scenario.stages[i].duration_ns) * 1e-9;
    result.stages.push_back({scenario.curve.from(i), scenario.stages[i].to, begin_s, duration_s, figures[i]});
    Histogram& latency = result.stages.back().figures.latency;
    latency.record_never(figures[i].timed - std::min(figures[i].timed, latency.count()));
    begin_s += duration_s;
  }

  result.commands = commands_.results();
  Aftermath aftermath;
  for (const auto& worker : workers_) aftermath.add(worker->findings().recorder.aftermath);
  const auto ran_ns = static_cast<uint64_t>(result.duration_s * 1e9);
  const uint64_t end_ns = start_ns_ + std::min(ran_ns, settings_.duration_ns);
  for (size_t i = 0; i < result.commands.size(); ++i) {
    if (!result.commands[i].started_s) continue;
    const auto planned_ns = [&](size_t command) { return start_ns_ + scenario.commands[command].at_ns; };
    const uint64_t until_ns = i + 1 < scenario.commands.size() ? std::min(planned_ns(i + 1), end_ns) : end_ns;
    aftermath.judge(planned_ns(i), until_ns, result.commands[i]);
  }
}

}  // namespace onehop::loadgen
