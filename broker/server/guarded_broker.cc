// GuardedBroker: see the header.
#include "server/guarded_broker.h"

#include <utility>

#include "reactor/fork_guard.h"

namespace onehop::server {
namespace {

constexpr const char* kForked = "this is a forked child, in which the broker does not run";

class GuardedBroker final : public Broker {
 public:
  explicit GuardedBroker(std::unique_ptr<GuardableBroker> broker) : broker_(std::move(broker)) {}
  GuardedBroker(const GuardedBroker&) = delete;
  GuardedBroker& operator=(const GuardedBroker&) = delete;
  ~GuardedBroker() override {
    if (forked() || !broker_->let_go()) static_cast<void>(broker_.release());
  }

  std::vector<std::string> addresses() const override { return broker_->addresses(); }
  unsigned shards() const override { return broker_->shards(); }
  BrokerCounters counters() override { return forked() ? BrokerCounters() : broker_->counters(); }
  std::unique_ptr<LocalClient> attach(const LocalClientOptions& options, LocalClientEvents& events,
                                      std::string& error) override {
    if (!forked()) return broker_->attach(options, events, error);
    error = kForked;
    return nullptr;
  }
  unsigned home_of(std::string_view name) override { return broker_->home_of(name); }
  bool reload(const BrokerOptions& options, std::string& error) override {
    if (!forked()) return broker_->reload(options, error);
    error = kForked;
    return false;
  }
  void policy_changed() override {
    if (!forked()) broker_->policy_changed();
  }
  void drain(uint32_t deadline_ms) override {
    if (!forked()) broker_->drain(deadline_ms);
  }
  bool undrain() override { return !forked() && broker_->undrain(); }
  DrainPhase drain_phase() override { return forked() ? DrainPhase::kNone : broker_->drain_phase(); }
  Stopped stop(uint32_t deadline_ms) override { return forked() ? Stopped::kRefused : broker_->stop(deadline_ms); }
  bool stop_then(uint32_t deadline_ms, std::function<void(Stopped)> on_stopped) override {
    return !forked() && broker_->stop_then(deadline_ms, std::move(on_stopped));
  }
  void stop_now() override {
    if (!forked()) broker_->stop_now();
  }
  Readiness readiness(std::string& why_not) override {
    if (!forked()) return broker_->readiness(why_not);
    why_not = kForked;
    return Readiness::kForked;
  }
  bool alive(uint32_t within_ms) override { return !forked() && broker_->alive(within_ms); }
  ClientPage clients(const ClientQuery& query) override {
    if (!forked()) return broker_->clients(query);
    ClientPage page;
    page.answered = Answered::kForked;
    return page;
  }
  std::vector<RecentEnd> recent_ends(size_t limit, std::string_view name_part) override {
    return forked() ? std::vector<RecentEnd>() : broker_->recent_ends(limit, name_part);
  }
  Trace trace(std::string_view from, std::string_view to) override {
    if (!forked()) return broker_->trace(from, to);
    Trace trace;
    trace.why = kForked;
    trace.answered = Answered::kForked;
    return trace;
  }
  Kick kick(std::string_view name, std::string_view text, uint32_t bar_for_ms) override {
    return forked() ? Kick::kNoAnswer : broker_->kick(name, text, bar_for_ms);
  }

 private:
  bool forked() const { return fork_guard_.is_copy(); }

  const reactor::ForkGuard fork_guard_;
  std::unique_ptr<GuardableBroker> broker_;
};

}  // namespace

std::unique_ptr<Broker> guarded(std::unique_ptr<GuardableBroker> broker) {
  return std::make_unique<GuardedBroker>(std::move(broker));
}

}  // namespace onehop::server
