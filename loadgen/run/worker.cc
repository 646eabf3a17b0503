// The phases of a run on one thread: connecting, running, draining, leaving. What clients do is in
// worker_workload.cc.
#include "loadgen/run/worker.h"

#include <sys/resource.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <utility>

#include "loadgen/measure/quantity.h"
#include "loadgen/measure/random.h"
#include "loadgen/run/host.h"
#include "reactor/descriptor_limit.h"

namespace onehop::loadgen {
namespace {

constexpr uint64_t kTickNs = 10 * kMs;
// More messages than any run sends, and more nanoseconds than any run takes.
constexpr uint64_t kEndless = UINT64_MAX / 4;
constexpr uint64_t kQuestionNs = 100 * kMs;
// Connecting faster than this only fills the listener's queue.
constexpr size_t kConnectsAtOnce = 256;
constexpr size_t kReceiveBytes = 256 << 10;

double cpu_of_this_thread_s() {
  timespec at{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &at);
  return static_cast<double>(at.tv_sec) + static_cast<double>(at.tv_nsec) * 1e-9;
}

// How long this thread was ready to run and had no processor. Linux only; elsewhere 0.
double waited_by_this_thread_s() {
  double waited_s = 0;
  if (std::FILE* file = std::fopen("/proc/thread-self/schedstat", "r")) {
    unsigned long long ran_ns = 0, waited_ns = 0;
    if (std::fscanf(file, "%llu %llu", &ran_ns, &waited_ns) == 2) waited_s = static_cast<double>(waited_ns) * 1e-9;
    std::fclose(file);
  }
  return waited_s;
}

// A thread's share of the schedule is that of its senders (of a storm: of its clients); guests are shared evenly.
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

// The schedule of a thread. Those of threads with the same share interleave evenly.
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

// A thread's part of --count: in the ratio of the shares, so that all of them are the whole.
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

Stamper stamper_of(const Plan& plan) {
  const std::string& payload = plan.settings().scenario.payload;
  return payload.empty() ? Stamper(plan.run(), plan.settings().sizes->bytes_max()) : Stamper(plan.run(), payload);
}

size_t room_for_guests(const Plan& plan) {
  const uint64_t taken = plan.stays() + kDescriptorsElse;
  const uint64_t limit = reactor::descriptor_limit();
  return limit <= taken ? 1 : static_cast<size_t>(limit - taken) / plan.settings().threads;
}

size_t wanted_guests(const Plan& plan, uint32_t thread) {
  if (!plan.counts_connects()) return 0;
  const uint32_t threads = plan.settings().threads;
  return plan.settings().window / threads + (thread < plan.settings().window % threads ? 1 : 0);
}

}  // namespace

Worker::Worker(const Plan& plan, uint32_t number, reactor::Mailbox<Report>& reports)
    : plan_(plan),
      number_(number),
      reports_(reports),
      stamper_(stamper_of(plan)),
      random_(plan.settings().seed + number * 0x9E37'79B9),
      receive_buffer_(kReceiveBytes),
      payload_(plan.settings().sizes->bytes_max()),
      thread_("loadgen-" + std::to_string(number)),
      orders_(thread_.loop(), [this](Order order) { obey(order); }),
      timer_(thread_.loop(), [] {}),
      by_index_(plan.stays()),
      next_guest_(plan.stays() + number),
      guests_max_(room_for_guests(plan)),
      guests_wanted_(wanted_guests(plan, number)),
      arrivals_(arrivals_of(plan, number)),
      left_(part_of_count(plan, number)),
      waiting_bytes_max_(plan.settings().waiting_bytes_max / std::max(plan.settings().clients, 1U)) {
  for (uint32_t client = 0; client < plan.stays(); ++client) {
    if (plan.thread_of(client) != number) continue;
    clients_.push_back(std::make_unique<Client>(*this, client, plan.receives(client), plan.is_slow(client)));
    by_index_[client] = clients_.back().get();
    if (plan.sends(client)) senders_.push_back(clients_.back().get());
    if (plan.only_rests(client)) resting_.push_back(clients_.back().get());
    if (plan.sends(client) || plan.is_echo()) speakers_.push_back(clients_.back().get());
  }
  if (plan.settings().window != 0) under_way_.resize(plan.stays());
  thread_.loop().before_sleep = [this] { turn(); };
}

Worker::~Worker() = default;

Worker::Totals Worker::totals() const {
  // What settles a message is counted after it was wanted, so it is read first.
  Totals totals;
  totals.untold = untold_total_.load(std::memory_order_acquire);
  totals.told_otherwise = told_otherwise_total_.load(std::memory_order_acquire);
  totals.delivered = delivered_total_.load(std::memory_order_acquire);
  totals.wanted = wanted_total_.load(std::memory_order_acquire);
  totals.broken = broken_total_.load(std::memory_order_acquire);
  return totals;
}

void Worker::publish_totals() {
  size_t untold = 0;
  for (const Client* speaker : speakers_) untold += speaker->sender().untold();
  wanted_total_.store(wanted_, std::memory_order_release);
  delivered_total_.store(ledger_.delivered(), std::memory_order_release);
  told_otherwise_total_.store(ledger_.told_otherwise(), std::memory_order_release);
  // Of a storm, those that are not open yet.
  if (plan_.settings().workload == Workload::kStorm) untold += connects_begun_ - std::min(ready_, connects_begun_);
  untold += count_silent();
  untold_total_.store(untold + guests_.size() + guests_waiting_.size(), std::memory_order_release);
  broken_total_.store(recorder_.connections.broken, std::memory_order_release);
}

void Worker::report(Report report) {
  report.worker = number_;
  reports_.post(std::move(report));
}

// --- The phases of a run -------------------------------------------------------------------------
void Worker::turn() {
  const uint64_t now = now_ns();
  if (!guests_waiting_.empty()) admit_guests();
  if (phase_ == Phase::kConnecting) connect_more();
  if (phase_ == Phase::kRunning && now >= start_ns_) {
    if (now < end_ns_ || plan_.settings().window == 0) issue_due(now);
    if (now < end_ns_ && guests_wanted_ != 0) keep_connecting(now);
    if (left_ == 0) end_ns_ = std::min(end_ns_, std::max(now, start_ns_ + plan_.settings().duration_ns));
    if (now >= end_ns_) end_arrivals(now);
  }
  if (now >= next_tick_ns_) tick(now);
  flush_all(now);
  uint64_t wake_ns = next_tick_ns_;
  if (phase_ == Phase::kRunning) {
    wake_ns = std::min(wake_ns, end_ns_);
    if (has_arrivals()) wake_ns = std::min(wake_ns, start_ns_ + arrivals_.due_ns());
  }
  timer_.arm_at(plan_.settings().spin ? now : wake_ns);
}

// Those that stay connect before the run begins; kStorm is about nothing else.
void Worker::connect_more() {
  const bool is_storm = plan_.settings().workload == Workload::kStorm;
  if (is_storm || ready_ == clients_.size()) {
    phase_ = Phase::kReady;
    return report({.kind = Report::Kind::kConnected});
  }
  size_t at_once = kConnectsAtOnce;
  if (!plan_.driver().routes_by_name()) at_once = 1;  // In the order of their numbers.
  size_t begun_max = clients_.size();
  if (const uint64_t rate = plan_.settings().connect_rate; rate != 0) {
    if (connecting_since_ns_ == 0) connecting_since_ns_ = now_ns();
    const double passed_s = static_cast<double>(now_ns() - connecting_since_ns_) * 1e-9;
    begun_max = static_cast<size_t>(passed_s * static_cast<double>(rate) / plan_.settings().threads) + 1;
  }
  while (connects_begun_ < std::min(clients_.size(), begun_max) && connects_begun_ - ready_ < at_once) {
    clients_[connects_begun_++]->connect(now_ns());
  }
}

void Worker::obey(Order order) {
  const uint64_t now = now_ns();
  switch (order.kind) {
    case Order::Kind::kStart:
      return begin(order.at_ns);
    case Order::Kind::kStopArrivals:
      end_ns_ = std::max(start_ns_, std::min(end_ns_, now));
      return;
    case Order::Kind::kLeave:
      return leave(now);
  }
}

void Worker::begin(uint64_t at_ns) {
  phase_ = Phase::kRunning;
  start_ns_ = at_ns;
  end_ns_ = at_ns + (plan_.settings().scenario.count == 0 ? plan_.settings().duration_ns : kEndless);
  next_second_ns_ = at_ns + kSecondNs;
  recorder_.set_timed_from(at_ns + plan_.settings().warm_up_ns);
  begin_scenario();
  cpu_s_ = cpu_of_this_thread_s();
  waited_s_ = waited_by_this_thread_s();
  opened_before_ = recorder_.connections.opened;
  if (plan_.settings().window == 0) return;
  for (Client* sender : senders_) fill_window(*sender, now_ns());
}

void Worker::begin_scenario() {
  const Scenario& scenario = plan_.settings().scenario;
  std::vector<uint64_t> ends_ns;
  uint64_t end_ns = start_ns_;
  for (const Stage& stage : scenario.stages) ends_ns.push_back(end_ns += stage.duration_ns);
  // Without stages the run is one of them, for whoever judges it while it goes on.
  if (ends_ns.empty() && scenario.abort_on_fail) ends_ns = {UINT64_MAX};
  recorder_.stages.begin(start_ns_, std::move(ends_ns));
  if (!scenario.commands.empty()) {
    recorder_.aftermath.begin(start_ns_ + scenario.commands.front().at_ns, scenario.on_time_ns);
  }
}

void Worker::end_arrivals(uint64_t now) {
  phase_ = Phase::kDraining;
  if (has_arrivals()) missed_arrivals_ = arrivals_.count_until(end_ns_ - start_ns_);
  cpu_s_ = cpu_of_this_thread_s() - cpu_s_;
  waited_s_ = waited_by_this_thread_s() - waited_s_;
  ran_for_s_ = static_cast<double>(now - start_ns_) * 1e-9;
  delivered_in_time_ = plan_.counts_connects() ? recorder_.connections.opened - opened_before_ : counted_delivered_;
  for (const auto& client : clients_) client->read_freely();
  // Of a crowd that rests, nothing else shows whether the system still serves it.
  for (Client* client : resting_) client->ask_for_life(now);
  publish_totals();
  report({.kind = Report::Kind::kArrivalsDone});
}

void Worker::leave(uint64_t now) {
  if (phase_ == Phase::kRunning && now >= start_ns_) end_arrivals(now);
  if (plan_.settings().workload == Workload::kStorm && start_ns_ != 0) count_unopened();
  recorder_.connections.silent += count_silent();
  for (const auto& client : clients_) client->give_up_waiting();
  dismiss_guests(now);
  if (start_ns_ != 0) finish_second();
  publish_totals();
  phase_ = Phase::kLeaving;
  for (const auto& client : clients_) client->leave(now);
  end_if_all_gone();
}

void Worker::tick(uint64_t now) {
  if (phase_ == Phase::kRunning || phase_ == Phase::kDraining) {
    publish_totals();
    while (now >= next_second_ns_) finish_second();
  }
  next_tick_ns_ = start_ns_ == 0 ? now + kTickNs : std::min(now + kTickNs, next_second_ns_);
  std::vector<Client*> to_tick;
  to_tick.swap(to_tick_);
  for (Client* client : to_tick) {
    if (client->tick(now)) to_tick_.push_back(client);
  }
  forget_gone();
  keep_some_alive(now);
  if (now < next_question_ns_) return;
  next_question_ns_ = now + kQuestionNs;
  for (Client* speaker : speakers_) speaker->ask_what_was_taken();
}

// A few clients in each tick, all of them once in an eighth of the keepalive: those that connected together must not be
// looked after together, or messages would wait for that.
void Worker::keep_some_alive(uint64_t now) {
  const uint64_t ticks = std::max<uint64_t>(plan_.settings().keepalive_ms * kMs / 8 / kTickNs, 1);
  for (uint64_t count = clients_.size() / ticks + 1; count != 0 && !clients_.empty(); --count) {
    clients_[next_kept_alive_++ % clients_.size()]->keep_alive(now);
  }
}

// Who is not open by now waits still: percentiles without them would be those of the lucky ones.
void Worker::count_unopened() {
  for (const auto& client : clients_) count_unopened(*client);
}

void Worker::count_unopened(const Client& client) {
  if (client.was_ever_ready() || client.intended_ns() == 0) return;
  ++recorder_.connections.unopened;
  recorder_.connect_latency.record_never(1);
}

size_t Worker::count_silent() const {
  const auto is_silent = [](const Client* client) { return client->is_silent(); };
  return static_cast<size_t>(std::count_if(resting_.begin(), resting_.end(), is_silent));
}

void Worker::finish_second() {
  Second second = recorder_.take_second(counted_wanted_, counted_delivered_, ledger_.told_otherwise());
  second.at_s = static_cast<double>(seconds_++);
  next_second_ns_ += kSecondNs;
  report({.kind = Report::Kind::kSecond,
          .second = std::move(second),
          .counts = live_counts(),
          .stages = recorder_.stages.take()});
}

LiveCounts Worker::live_counts() const {
  LiveCounts counts;
  counts.add_reasons(recorder_.reasons);
  counts.duplicates = recorder_.doubles;
  counts.corrupted = ledger_.corrupted();
  counts.misdirected = ledger_.misdirected();
  counts.connects_failed = recorder_.connections.failed;
  counts.connections_broken = recorder_.connections.broken;
  return counts;
}

// A flush may want another one, of the same client or of others.
void Worker::flush_all(uint64_t now) {
  while (!to_flush_.empty()) {
    flushing_.swap(to_flush_);
    for (Client* client : flushing_) client->flush(now);
    flushing_.clear();
  }
}

void Worker::on_ready(Client& client, std::string_view server) {
  if (server_.empty()) server_ = server;
  if (is_guest(client)) return on_guest_ready(client);
  if (!client.was_ever_ready()) ++ready_;
  if (phase_ == Phase::kRunning && !under_way_.empty() && plan_.sends(client.index())) fill_window(client, now_ns());
}

void Worker::on_down(Client& client, const std::string& why, bool was_ready) {
  if (phase_ == Phase::kConnecting) {
    report({.kind = Report::Kind::kConnectFailed,
            .text = why + " (client " + std::to_string(client.index()) + ", with " + std::to_string(ready_) +
                    " connected before it)"});
  }
  Connections& connections = recorder_.connections;
  ++(was_ready ? connections.broken : connections.failed);
  connections.last_problem = why;
  ledger_.broke(client.index());
  if (is_guest(client)) {
    if (plan_.counts_connects() && !was_ready) count_unopened(client);
    client.give_up_waiting();
    client.drop();
  } else if (!under_way_.empty()) {
    under_way_[client.index()] = static_cast<uint32_t>(client.sender().waiting());
  }
}

void Worker::on_gone(Client& client) {
  if (is_guest(client)) {
    auto guest = guests_.extract(&client);
    gone_.push_back(std::move(guest.mapped()));
  } else {
    ++gone_count_;
  }
  end_if_all_gone();
}

void Worker::end_if_all_gone() {
  if (phase_ != Phase::kLeaving || gone_count_ < clients_.size() || !guests_.empty()) return;
  if (std::exchange(ended_, true)) return;
  report({.kind = Report::Kind::kLeft});
  thread_.loop().stop();
}

// Clients that are not called any more by anybody.
void Worker::forget_gone() {
  if (gone_.empty()) return;
  const auto is_gone = [](const Client* client) { return client->is_gone(); };
  std::erase_if(to_tick_, is_gone);
  std::erase_if(to_flush_, is_gone);
  gone_.clear();
}

}  // namespace onehop::loadgen
