// Broker: threads, listeners, and what concerns all shards together.
#include <sodium/core.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "onehop/broker.h"
#include "reactor/thread.h"
#include "server/arrival_rules.h"
#include "server/attached_client.h"
#include "server/clock.h"
#include "server/guarded_broker.h"
#include "server/handlers.h"
#include "server/inspection.h"
#include "server/loop_end.h"
#include "server/options.h"
#include "server/parts.h"
#include "server/recent_ends.h"
#include "server/shard_host.h"

namespace onehop {
namespace {

// How long a reload, or a change of the policy, waits for a shard. A shard that is busy for longer takes it later.
constexpr uint32_t kReloadWithinMs = 1'000;

using reactor::ListenOptions;
using reactor::SocketAddress;

struct ShardThread {
  std::unique_ptr<reactor::Thread> thread;  // None: it runs on a loop of the program's.
  std::unique_ptr<reactor::Loop> borrowed;
  std::unique_ptr<server::ShardHost> host;  // Gone before its loop.

  reactor::Loop& loop() { return thread == nullptr ? *borrowed : thread->loop(); }
};

// To count from where a thread is pinned.
unsigned machine_cores() {
  return std::max(1u, std::thread::hardware_concurrency());
}

class Server final : public server::GuardableBroker {
 public:
  Server(const BrokerOptions& options, server::BrokerParts parts)
      : options_(options),
        options_in_force_(options),
        shard_count_(options.shards),
        handlers_(std::make_shared<server::Handlers>(options)),
        ledger_(options.memory_bytes_max, static_cast<core::ShardIndex>(options.shards)),
        rules_(options, shard_count_, std::move(parts)) {}
  ~Server() override {
    stop(0);
    // Mail may lie in a mailbox with what another shard's loop owns: all hosts go before any loop.
    for (ShardThread& shard : shards_) shard.host.reset();
  }

  bool open(std::string& error) {
    if (!rules_.set(options_, error)) return false;
    make_shards();
    if (!listen_on_all(options_.listen, false, error) || !listen_on_all(options_.listen_proxy, true, error)) {
      return false;
    }
    for (ShardThread& shard : shards_) {
      if (shard.thread != nullptr) shard.thread->start(options_.spin_us);
    }
    return true;
  }

  std::vector<std::string> addresses() const override { return addresses_; }
  unsigned shards() const override { return shard_count_; }
  BrokerCounters counters() override;
  std::unique_ptr<LocalClient> attach(const LocalClientOptions& options, LocalClientEvents& events,
                                      std::string& error) override;
  unsigned home_of(std::string_view name) override { return inspection_.home_of(name)->index(); }
  Stopped stop(uint32_t deadline_ms) override;
  void stop_now() override { post_stop(0); }
  bool reload(const BrokerOptions& given, std::string& error) override;
  void drain(uint32_t deadline_ms) override { post_drain(deadline_ms); }
  void policy_changed() override;
  bool undrain() override;
  DrainPhase drain_phase() override;
  Readiness readiness(std::string& why_not) override;
  bool alive(uint32_t within_ms) override { return inspection_.alive(within_ms); }
  ClientPage clients(const ClientQuery& query) override { return inspection_.clients(query); }
  std::vector<RecentEnd> recent_ends(size_t limit, std::string_view name_part) override {
    return recent_ends_.find(limit, name_part);
  }
  Trace trace(std::string_view from, std::string_view to) override {
    return inspection_.trace(from, to, rules_.drain.draining());
  }
  Kick kick(std::string_view name, std::string_view text, uint32_t bar_for_ms) override;
  bool stop_then(uint32_t deadline_ms, std::function<void(Stopped)> on_stopped) override;
  bool let_go() override;

 private:
  void make_shards();
  void end_local_clients();
  // Whether the caller is in a handler, or an event, for which the broker waits.
  bool in_handler() const { return inspection_.asked_by_handler() || ends_clients_ == std::this_thread::get_id(); }
  void watch_loop_end();
  bool listen_on_all(const std::vector<std::string>& listen, bool proxy, std::string& error);
  bool listen_on(const SocketAddress& address, server::ListenerKind kind, std::string& error);
  bool post_options(const BrokerOptions& given, std::string& error);
  void post_drain(uint64_t deadline_ms);
  void post_stop(uint64_t deadline_ms);
  Stopped stop_on_loop(uint32_t deadline_ms);

  const BrokerOptions options_;  // As it was started.
  std::mutex options_mutex_;
  BrokerOptions options_in_force_;  // As reloaded last, but for the handlers.
  const unsigned shard_count_;
  const std::shared_ptr<server::Handlers> handlers_;
  core::MemoryLedger ledger_;  // Of all shards.
  server::ArrivalRules rules_;
  server::RecentEnds recent_ends_;
  server::Inspection inspection_{recent_ends_};
  std::vector<ShardThread> shards_;
  std::unique_ptr<server::LoopEnd> loop_end_;  // Only on a loop of the program's. Gone before that.
  std::vector<std::string> addresses_;
  std::mutex stop_mutex_;  // Of the result below.
  std::optional<Stopped> stopped_;
  std::atomic<unsigned> next_home_{0};  // Of local clients without a name.
  // The thread that tells them of the end, if one does: within their events it may not wait for itself.
  std::atomic<std::thread::id> ends_clients_;
};

void Server::make_shards() {
  core::ShardConfig config = server::shard_config(options_, shard_count_);
  config.ledger = &ledger_;
  config.asks_permission = static_cast<bool>(options_.hooks.authorize);
  config.asks_who_stays = static_cast<bool>(options_.hooks.still_allowed);
  std::vector<reactor::Mailbox<server::ShardMail>*> mailboxes;
  for (unsigned i = 0; i < shard_count_; ++i) {
    config.index = static_cast<core::ShardIndex>(i);
    const auto core = options_.pin ? std::optional<int>(static_cast<int>(i % machine_cores())) : std::nullopt;
    ShardThread shard;
    if (options_.loop != nullptr) {
      shard.borrowed = std::make_unique<reactor::Loop>(options_.loop);
    } else {
      shard.thread = std::make_unique<reactor::Thread>("onehop-" + std::to_string(i), core);
    }
    config.started = {shard.loop().now_ms()};
    config.unix_ms_at_zero = server::unix_ms() - config.started.ms;
    shard.host = std::make_unique<server::ShardHost>(config, shard.loop(), rules_, recent_ends_, *handlers_);
    mailboxes.push_back(&shard.host->mailbox());
    shards_.push_back(std::move(shard));
  }
  for (ShardThread& shard : shards_) shard.host->connect_shards(mailboxes);
  std::vector<server::ShardHost*> hosts;
  for (ShardThread& shard : shards_) hosts.push_back(shard.host.get());
  inspection_.set_shards(std::move(hosts));
  if (options_.loop != nullptr) watch_loop_end();
}

// Their last events come on this thread, which must not be taken for one that may wait for the broker, or destroy it.
void Server::end_local_clients() {
  ends_clients_ = std::this_thread::get_id();
  for (ShardThread& shard : shards_) shard.host->locals().end_all();
  ends_clients_ = std::thread::id();
}

void Server::watch_loop_end() {
  ShardThread& shard = shards_.front();
  loop_end_ = std::make_unique<server::LoopEnd>(*shard.borrowed);
  shard.host->set_on_left([this, &host = *shard.host] {
    end_local_clients();
    inspection_.loops_have_ended();
    loop_end_->reach(host.all_ended() ? Stopped::kAllEnded : Stopped::kCutOff);
  });
}

bool Server::listen_on_all(const std::vector<std::string>& listen, bool proxy, std::string& error) {
  for (const std::string& text : listen) {
    const std::optional<reactor::Address> address = reactor::Address::parse_or_tls(text, error);
    if (!address) return false;
    const std::vector<SocketAddress> resolved = reactor::resolve(*address, error);
    if (resolved.empty()) return false;
    error = address->is_tls() ? server::wrong_with_tls(text, options_)
                              : server::wrong_with_plaintext(text, resolved.front(), options_.allow_plaintext);
    if (!error.empty()) return false;
    if (!listen_on(resolved.front(), {proxy, address->is_tls()}, error)) return false;
  }
  return true;
}

bool Server::listen_on(const SocketAddress& address, server::ListenerKind kind, std::string& error) {
  const unsigned wanted = options_.acceptors == 0 ? shard_count_ : std::min(options_.acceptors, shard_count_);
  const unsigned acceptors = address.is_unix() ? 1 : wanted;
  ListenOptions listen_options;
  listen_options.send_buffer_bytes = options_.send_buffer_bytes;
  listen_options.receive_buffer_bytes = options_.receive_buffer_bytes;
  listen_options.share = acceptors == 1 ? ListenOptions::Share::kAlone : ListenOptions::Share::kFirst;
  SocketAddress bound;
  if (!shards_.front().host->arrivals().listen(address, kind, listen_options, bound, error)) return false;
  addresses_.push_back(kind.tls ? "tls" + bound.text().substr(3) : bound.text());
  listen_options.share = ListenOptions::Share::kJoin;
  for (unsigned i = 1; i < acceptors; ++i) {
    SocketAddress joined;
    if (!shards_[i].host->arrivals().listen(bound, kind, listen_options, joined, error)) return false;
  }
  return true;
}

std::unique_ptr<LocalClient> Server::attach(const LocalClientOptions& options, LocalClientEvents& events,
                                            std::string& error) {
  const unsigned home = options.name.empty() ? next_home_++ % shard_count_ : home_of(options.name);
  return server::attach(shards_[home].host->locals(), options, events, error);
}

BrokerCounters Server::counters() {
  BrokerCounters counters = inspection_.counters();
  counters.connections_limit = rules_.connections.max();
  counters.memory_bytes = ledger_.total();
  counters.memory_bytes_max = ledger_.bytes_max();
  counters.memory_stage = static_cast<unsigned>(ledger_.stage());
  counters.address_refusals = rules_.addresses.refusals();
  counters.tls_handshakes = rules_.handshakes.begun();
  counters.tls_handshakes_failed = rules_.handshakes.failed();
  counters.proxy_refusals = rules_.proxies.refusals();
  counters.handler_exceptions = handlers_->exceptions();
  return counters;
}

bool Server::reload(const BrokerOptions& given, std::string& error) {
  if (!post_options(given, error)) return false;
  // Whoever answers has taken what was posted before the question.
  inspection_.alive(kReloadWithinMs);
  return true;
}

bool Server::post_options(const BrokerOptions& given, std::string& error) {
  BrokerOptions next = server::with_defaults(given);
  const std::lock_guard lock(options_mutex_);
  if (given.shards == 0) next.shards = shard_count_;
  error = server::wrong_with(next);
  if (error.empty()) error = server::wrong_with_change(options_in_force_, next);
  if (!error.empty() || !rules_.set(next, error)) return false;
  next.on_event = nullptr;
  next.on_exception = nullptr;
  next.hooks = {};
  options_in_force_ = std::move(next);
  for (ShardThread& shard : shards_) {
    shard.host->mailbox().post(
        server::Inquiry{[limits = server::limits_of(options_in_force_)](server::ShardHost& host) {
          host.shard().set_limits(limits, host.now());
        }});
  }
  return true;
}

void Server::policy_changed() {
  for (ShardThread& shard : shards_) {
    shard.host->mailbox().post(server::Inquiry{[](server::ShardHost& host) { host.policy_changed(); }});
  }
  inspection_.alive(kReloadWithinMs);
}

// Mail of drains is posted in the order in which they begin and are taken back.
void Server::post_drain(uint64_t deadline_ms) {
  const std::lock_guard lock(options_mutex_);
  const std::optional<uint64_t> number = rules_.drain.begin();
  if (!number) return;
  const BrokerOptions& options = options_in_force_;
  const server::DrainWanted wanted{*number, options.drain_delay_ms, deadline_ms, options.drain_spread_ms};
  for (ShardThread& shard : shards_) shard.host->mailbox().post(wanted);
}

bool Server::undrain() {
  const std::lock_guard lock(options_mutex_);
  if (!rules_.drain.draining()) return true;
  if (!rules_.drain.take_back()) return false;
  for (ShardThread& shard : shards_) shard.host->mailbox().post(server::DrainTakenBack{});
  return true;
}

// Nobody comes after the first question says so, so what one shard was handing over to another then is found by the
// second.
Broker::DrainPhase Server::drain_phase() {
  if (!rules_.drain.draining()) return DrainPhase::kNone;
  if (rules_.drain.delayed()) return DrainPhase::kDelay;
  return inspection_.nobody_is_left() && inspection_.nobody_is_left() ? DrainPhase::kDrained : DrainPhase::kLeaving;
}

void Server::post_stop(uint64_t deadline_ms) {
  const std::lock_guard lock(options_mutex_);
  rules_.drain.stop();
  const server::StopWanted wanted{deadline_ms, options_in_force_.drain_spread_ms};
  for (ShardThread& shard : shards_) shard.host->mailbox().post(wanted);
}

// The name is barred before its client is ended, which may come back at once.
Broker::Kick Server::kick(std::string_view name, std::string_view text, uint32_t bar_for_ms) {
  const uint64_t now_ms = shards_.front().host->now().ms;
  rules_.barred.bar(name, bar_for_ms != 0 ? now_ms + bar_for_ms : 0);
  const Kick kicked = inspection_.kick(name, text);
  if (kicked == Kick::kNoAnswer) rules_.barred.bar(name, 0);
  return kicked;
}

Broker::Stopped Server::stop(uint32_t deadline_ms) {
  if (loop_end_ != nullptr) return stop_on_loop(deadline_ms);
  if (in_handler()) return Stopped::kRefused;
  const std::lock_guard lock(stop_mutex_);
  if (stopped_) return *stopped_;
  if (deadline_ms != 0) post_drain(deadline_ms);
  post_stop(deadline_ms);
  for (ShardThread& shard : shards_) {
    if (shard.thread->running()) shard.thread->join();
  }
  const bool all_ended =
      std::all_of(shards_.begin(), shards_.end(), [](const ShardThread& one) { return one.host->all_ended(); });
  inspection_.loops_have_ended();
  end_local_clients();
  stopped_ = all_ended ? Stopped::kAllEnded : Stopped::kCutOff;
  return *stopped_;
}

Broker::Stopped Server::stop_on_loop(uint32_t deadline_ms) {
  if (const std::optional<Stopped> stopped = loop_end_->stopped()) return *stopped;
  if (shards_.front().borrowed->runs_here()) return Stopped::kRefused;
  if (deadline_ms != 0) post_drain(deadline_ms);
  post_stop(deadline_ms);
  return loop_end_->wait();
}

bool Server::stop_then(uint32_t deadline_ms, std::function<void(Stopped)> on_stopped) {
  if (loop_end_ == nullptr || !shards_.front().borrowed->runs_here()) return false;
  if (deadline_ms != 0) post_drain(deadline_ms);
  post_stop(deadline_ms);
  // The call may destroy this.
  loop_end_->tell_later([handlers = handlers_, on_stopped = std::move(on_stopped)](Stopped stopped) {
    if (on_stopped) handlers->call(Handler::kOnStopped, [&] { on_stopped(stopped); });
  });
  return true;
}

bool Server::let_go() {
  const bool on_loop = loop_end_ != nullptr;
  if (on_loop ? !shards_.front().borrowed->runs_here() : in_handler()) {
    handlers_->report(Handler::kDestructor, on_loop ? "the broker was destroyed on another thread than its loop's"
                                                    : "the broker was destroyed in a handler");
    return false;
  }
  if (!on_loop || loop_end_->stopped()) return true;
  handlers_->mute();
  post_stop(0);
  loop_end_->tell_later([this](Stopped) { delete this; });
  return false;
}

Broker::Readiness Server::readiness(std::string& why_not) {
  why_not.clear();
  if (rules_.drain.draining()) {
    why_not = "draining";
    return Readiness::kDraining;
  }
  if (!rules_.connections.has_room()) {
    why_not = rules_.connections.why_full();
    return Readiness::kFull;
  }
  if (std::any_of(shards_.begin(), shards_.end(), [](const ShardThread& one) { return one.host->is_full(); })) {
    why_not = "a shard has all the clients it takes: new ones are refused";
    return Readiness::kShardFull;
  }
  return Readiness::kReady;
}

}  // namespace

std::unique_ptr<Broker> Broker::start(const BrokerOptions& options, std::string& error) {
  return server::start_broker(options, {}, error);
}

std::unique_ptr<Broker> server::start_broker(const BrokerOptions& given, const BrokerParts& parts,
                                             std::string& error) try {
  const BrokerOptions options = server::with_defaults(given);
  if (error = server::wrong_with(options); !error.empty()) return nullptr;
  if (sodium_init() < 0) {
    error = "no source of random numbers";
    return nullptr;
  }
  auto server = std::make_unique<Server>(options, parts);
  if (!server->open(error)) return nullptr;
  return guarded(std::move(server));
} catch (const std::exception& e) {  // A thread cannot be made, say.
  error = e.what();
  return nullptr;
}

}  // namespace onehop
