// See the header.
#include "loadgen/run/worker.h"

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <utility>

#include "loadgen/run/clock.h"

namespace onehop::loadgen {
namespace {

constexpr size_t kReceiveBytes = 256 << 10;
// After this many the sockets have their turn, since a schedule that lags must not keep the generator from reading.
constexpr size_t kIssuedInATurn = 4096;
// The clock is read again after this many.
constexpr size_t kIssuedBetweenClocks = 32;
// Messages are sent after this many, so that the last of a batch does not wait for the first.
constexpr size_t kIssuedBetweenFlushes = 256;

double cpu_of_this_thread_s() {
  timespec at{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &at);
  return static_cast<double>(at.tv_sec) + static_cast<double>(at.tv_nsec) * 1e-9;
}

// How long this thread was ready to run and had no processor. 0 except on Linux.
double waited_by_this_thread_s() {
  double waited_s = 0;
  if (std::FILE* file = std::fopen("/proc/thread-self/schedstat", "r")) {
    unsigned long long ran_ns = 0, waited_ns = 0;
    if (std::fscanf(file, "%llu %llu", &ran_ns, &waited_ns) == 2) waited_s = static_cast<double>(waited_ns) * 1e-9;
    std::fclose(file);
  }
  return waited_s;
}

}  // namespace

Worker::Worker(const Plan& plan, uint32_t number, reactor::Mailbox<Report>& reports)
    : plan_(plan),
      number_(number),
      reports_(reports),
      receive_buffer_(kReceiveBytes),
      thread_("loadgen-" + std::to_string(number)),
      orders_(thread_.loop(), [this](Order order) { obey(order); }),
      timer_(thread_.loop(), [] {}),
      random_(plan.settings().seed + number * 0x9E37'79B9),
      schedule_(plan, number),
      residents_(*this, plan, number),
      guests_(*this, plan, number, schedule_, random_),
      traffic_(plan, findings_, residents_, schedule_, random_) {
  thread_.loop().before_sleep = [this] { turn(); };
}

Worker::~Worker() = default;

// --- The phases of a run -------------------------------------------------------------------------
void Worker::obey(Order order) {
  const uint64_t now = now_ns();
  switch (order.kind) {
    case Order::Kind::kStart:
      return begin(order.at_ns);
    case Order::Kind::kStopArrivals:
      return schedule_.stop_at(now);
    case Order::Kind::kLeave:
      return leave(now);
  }
}

// The clients that stay connect before the run begins. A storm connects them in the run, since it is about nothing
// else.
void Worker::connect_more(uint64_t now) {
  if (plan_.settings().workload != Workload::kStorm && !residents_.all_are_ready()) return residents_.connect_more(now);
  phase_ = Phase::kReady;
  report({.kind = Report::Kind::kConnected});
}

void Worker::begin(uint64_t at_ns) {
  phase_ = Phase::kRunning;
  schedule_.begin(at_ns);
  beats_.begin(at_ns);
  recorder().set_timed_from(at_ns + plan_.settings().warm_up_ns);
  begin_scenario();
  findings_.cpu_s = cpu_of_this_thread_s();
  findings_.waited_s = waited_by_this_thread_s();
  opened_before_ = recorder().connections.opened;
  if (traffic_.has_windows()) traffic_.fill_all_windows(now_ns());
}

void Worker::begin_scenario() {
  const Scenario& scenario = plan_.settings().scenario;
  std::vector<uint64_t> ends_ns;
  uint64_t end_ns = schedule_.start_ns();
  for (const Stage& stage : scenario.stages) ends_ns.push_back(end_ns += stage.duration_ns);
  // A run without stages counts as one stage, for the code that judges it while it goes on.
  if (ends_ns.empty() && scenario.abort_on_fail) ends_ns = {UINT64_MAX};
  recorder().stages.begin(schedule_.start_ns(), std::move(ends_ns));
  if (!scenario.commands.empty()) {
    recorder().aftermath.begin(schedule_.start_ns() + scenario.commands.front().at_ns, scenario.on_time_ns);
  }
}

void Worker::end_arrivals(uint64_t now) {
  phase_ = Phase::kDraining;
  schedule_.end();
  if (has_arrivals()) findings_.missed_arrivals = schedule_.count_missed();
  findings_.cpu_s = cpu_of_this_thread_s() - findings_.cpu_s;
  findings_.waited_s = waited_by_this_thread_s() - findings_.waited_s;
  findings_.ran_for_s = static_cast<double>(now - schedule_.start_ns()) * 1e-9;
  findings_.delivered_in_time =
      plan_.counts_connects() ? recorder().connections.opened - opened_before_ : traffic_.counted_delivered();
  residents_.read_freely();
  residents_.ask_for_life(now);
  publish_totals();
  report({.kind = Report::Kind::kArrivalsDone});
}

void Worker::leave(uint64_t now) {
  if (schedule_.has_started(now)) end_arrivals(now);
  schedule_.end();
  if (plan_.settings().workload == Workload::kStorm && schedule_.has_begun()) {
    for (const auto& client : residents_.clients()) {
      if (client->was_never_open()) recorder().note_unopened();
    }
  }
  recorder().connections.silent += residents_.silent();
  residents_.give_up_waiting();
  guests_.dismiss(now);
  if (schedule_.has_begun()) finish_second();
  publish_totals();
  phase_ = Phase::kLeaving;
  residents_.leave(now);
  end_if_all_gone();
}

void Worker::end_if_all_gone() {
  if (phase_ != Phase::kLeaving || !residents_.all_are_gone() || !guests_.are_gone()) return;
  if (std::exchange(ended_, true)) return;
  report({.kind = Report::Kind::kLeft});
  thread_.loop().stop();
}

// --- Each turn of the loop -----------------------------------------------------------------------
void Worker::turn() {
  const uint64_t now = now_ns();
  guests_.admit();
  if (phase_ == Phase::kConnecting) connect_more(now);
  if (schedule_.has_started(now)) {
    if (now < schedule_.end_ns() || plan_.settings().window == 0) issue_due(now);
    if (now < schedule_.end_ns()) guests_.keep_connecting(now);
    schedule_.stop_if_count_is_reached(now);
    if (now >= schedule_.end_ns()) end_arrivals(now);
  }
  if (now >= beats_.next_tick_ns()) tick(now);
  errands_.flush_all(now);
  uint64_t wake_ns = beats_.next_tick_ns();
  if (schedule_.is_running()) {
    wake_ns = std::min(wake_ns, schedule_.end_ns());
    if (has_arrivals()) wake_ns = std::min(wake_ns, schedule_.due_ns());
  }
  timer_.arm_at(plan_.settings().spin ? now : wake_ns);
}

bool Worker::has_arrivals() const {
  if (!schedule_.has_left()) return false;
  switch (plan_.settings().workload) {
    case Workload::kIdle:
      return false;
    case Workload::kStorm:
      return residents_.has_unconnected();
    case Workload::kChurn:
      return true;
    case Workload::kConnects:
      return plan_.settings().window == 0;
    default:
      return plan_.settings().window == 0 && !residents_.senders().empty();
  }
}

void Worker::issue_due(uint64_t now) {
  const uint64_t until_ns = std::min(now, schedule_.end_ns() - 1);
  const bool at_once = plan_.settings().workload == Workload::kStorm && plan_.settings().rate == 0;
  for (size_t issued = 0; issued < kIssuedInATurn && has_arrivals(); ++issued) {
    if (!at_once && schedule_.due_ns() > until_ns) return;
    if (at_once || issued % kIssuedBetweenClocks == kIssuedBetweenClocks - 1) now = now_ns();
    if (issued % kIssuedBetweenFlushes == kIssuedBetweenFlushes - 1) errands_.flush_all(now);
    // "At once" is as fast as this thread can: each connect is due when it is taken up.
    const uint64_t intended_ns = at_once ? now : schedule_.due_ns();
    recorder().note_lag(intended_ns, now);
    issue(intended_ns, now);
    schedule_.advance();
  }
}

void Worker::issue(uint64_t intended_ns, uint64_t now) {
  switch (plan_.settings().workload) {
    case Workload::kStorm:
      return residents_.connect_next(intended_ns);
    case Workload::kChurn:
      traffic_.count_wanted();
      return guests_.invite(intended_ns);
    case Workload::kConnects:
      return guests_.invite(intended_ns);
    default:
      return traffic_.send_next(intended_ns, now);
  }
}

void Worker::tick(uint64_t now) {
  if (phase_ == Phase::kRunning || phase_ == Phase::kDraining) {
    publish_totals();
    while (beats_.is_second_over(now)) finish_second();
  }
  beats_.set_next_tick(now);
  errands_.tick_all(now);
  forget_gone();
  residents_.keep_some_alive(now);
  if (beats_.takes_question(now)) residents_.ask_what_was_taken();
}

void Worker::forget_gone() {
  if (!guests_.has_gone()) return;
  errands_.forget_gone();
  guests_.forget_gone();
}

// --- What others are told ------------------------------------------------------------------------
void Worker::report(Report report) {
  report.worker = number_;
  reports_.post(std::move(report));
}

void Worker::finish_second() {
  Second second =
      recorder().take_second(traffic_.counted_wanted(), traffic_.counted_delivered(), ledger().told_otherwise());
  second.at_s = beats_.end_second();
  report({.kind = Report::Kind::kSecond,
          .second = std::move(second),
          .counts = live_counts(),
          .stages = recorder().stages.take()});
}

LiveCounts Worker::live_counts() const {
  const Recorder& recorder = findings_.recorder;
  LiveCounts counts;
  counts.add_reasons(recorder.reasons);
  counts.duplicates = recorder.doubles;
  counts.corrupted = findings_.ledger.corrupted();
  counts.misdirected = findings_.ledger.misdirected();
  counts.connects_failed = recorder.connections.failed;
  counts.connections_broken = recorder.connections.broken;
  return counts;
}

void Worker::publish_totals() {
  Totals totals;
  totals.wanted = traffic_.wanted();
  totals.delivered = ledger().delivered();
  totals.told_otherwise = ledger().told_otherwise();
  totals.untold = residents_.untold() + residents_.silent() + guests_.count();
  // In a storm, clients that are not open yet are awaited too.
  if (plan_.settings().workload == Workload::kStorm) totals.untold += residents_.connecting();
  totals.broken = recorder().connections.broken;
  totals_.store(totals);
}

// --- ClientHost ----------------------------------------------------------------------------------
Bytes Worker::payload_of(const Wanted& wanted, uint32_t sender, uint32_t number, uint64_t now) {
  return traffic_.payload_of(wanted, sender, number, now);
}

void Worker::on_ready(Client& client, std::string_view server) {
  if (findings_.server.empty()) findings_.server = server;
  if (plan_.is_guest(client.index())) return guests_.on_ready(client);
  if (!client.was_ever_ready()) residents_.note_ready();
  if (traffic_.has_windows() && plan_.sends(client.index())) traffic_.fill_window(client, now_ns());
}

void Worker::on_down(Client& client, const std::string& why, bool was_ready) {
  if (phase_ == Phase::kConnecting) {
    report({.kind = Report::Kind::kConnectFailed,
            .text = why + " (client " + std::to_string(client.index()) + ", with " +
                    std::to_string(residents_.ready()) + " connected before it)"});
  }
  Connections& connections = recorder().connections;
  ++(was_ready ? connections.broken : connections.failed);
  connections.last_problem = why;
  ledger().broke(client.index());
  plan_.is_guest(client.index()) ? guests_.on_down(client, was_ready) : traffic_.on_down(client);
}

void Worker::on_message(Client& client, Bytes payload, const Incoming& incoming, uint64_t arrived_ns) {
  if (phase_ == Phase::kLeaving) return;  // The accounts are closed.
  traffic_.on_message(client, payload, incoming, arrived_ns, beats_.next_tick_ns());
}

void Worker::on_settled(Client& client, uint64_t messages) {
  if (plan_.is_guest(client.index())) return client.leave(now_ns());
  traffic_.on_settled(client, messages);
}

void Worker::on_gone(Client& client) {
  plan_.is_guest(client.index()) ? guests_.on_gone(client) : residents_.note_gone();
  end_if_all_gone();
}

}  // namespace onehop::loadgen
