// Hosts one shard of core on one loop of the reactor: it carries events of the loop to the shard and the shard's calls
// to the loop, and its parts decide the rest (what arrives, when to flush, how streams are read and written, how it
// ends). One thread, the loop's, but for the mailbox that other threads post to.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/shard/shard.h"
#include "onehop/broker.h"
#include "reactor/address.h"
#include "reactor/lingering_close.h"
#include "reactor/loop.h"
#include "reactor/mailbox.h"
#include "reactor/socket.h"
#include "reactor/timer.h"
#include "server/arrivals.h"
#include "server/broker_events.h"
#include "server/connections.h"
#include "server/ending.h"
#include "server/flush_policy.h"
#include "server/handlers.h"
#include "server/hook_desk.h"
#include "server/local_clients.h"
#include "server/loop_lag.h"
#include "server/observers.h"
#include "server/shard_load.h"
#include "server/shard_mail.h"
#include "server/stream_reader.h"
#include "server/stream_writer.h"
#include "server/turnstile.h"

namespace onehop::server {

class ShardHost final : private core::Host,
                        private reactor::SocketHandler,
                        private ArrivalsHost,
                        private StreamReaderHost {
 public:
  // On `loop`, before it runs. `rules`, `recent_ends` and `handlers` outlive this.
  ShardHost(const core::ShardConfig& config, reactor::Loop& loop, ArrivalRules& rules, RecentEnds& recent_ends,
            Handlers& handlers);
  ShardHost(const ShardHost&) = delete;
  ShardHost& operator=(const ShardHost&) = delete;
  // After the loop has stopped.
  ~ShardHost();

  // Before the loop runs: the mailboxes of all shards, by index.
  void connect_shards(std::vector<reactor::Mailbox<ShardMail>*> mailboxes) { mailboxes_ = std::move(mailboxes); }
  // Before the loop runs.
  Arrivals& arrivals() { return arrivals_; }

  reactor::Mailbox<ShardMail>& mailbox() { return mailbox_; }
  LocalClients& locals() { return locals_; }
  // For inquiries: on the loop's thread, or after it has ended.
  core::Shard& shard() { return shard_; }
  core::ShardIndex index() const { return index_; }
  // Whether a handler calls: the caller is this shard's thread. On a loop of the program's it may do other things, too.
  bool in_handler() const { return runs_here() && (loop_.owned() || handlers_.running_here()); }
  // On a loop of the program's, before it turns: `on_left` is called once, when this may be destroyed. From then on
  // all_ended() says whether all connections had ended by themselves.
  void set_on_left(std::function<void()> on_left) { on_left_ = std::move(on_left); }
  bool all_ended() const { return loop_.owned() ? drained() : all_ended_; }
  // From mail: an answer of a hook that came later, and a change of what hooks say.
  void take_verdict(core::Ticket ticket, const HookVerdict& verdict) { desk_.take_verdict(ticket, verdict, now()); }
  void policy_changed() { shard_.on_policy_changed(now()); }
  const RouteLatency& route_latency() const { return load_.route_latency(); }
  const EndCounts& end_counts() const { return events_.end_counts(); }
  // What the transports of its connections hold, those that shake hands or linger included.
  uint64_t transport_bytes() { return connections_.held_bytes() + arrivals_.held_bytes(); }
  // ANY THREAD, also while the loop is stuck: the longest of late, and how long it has been busy now.
  uint64_t lag_us_max() const;
  uint64_t busy_us() const;
  // ANY THREAD: whether the caller is this shard's thread.
  bool runs_here() const { return loop_.runs_here(); }
  core::Instant now() const { return {loop_.now_ms()}; }
  // ANY THREAD, also while the loop is stuck. Whether the shard was full when the loop last slept: see Shard::is_full.
  bool is_full() const { return full_.load(std::memory_order_relaxed); }
  // The client's address as text; empty if it is not known any more.
  std::string peer_of(core::HostLink link) const;
  // Whether no connection can come any more, unless another shard hands one over.
  bool accepts_no_more() const { return ending_.accepts_no_more(); }
  // Whether no connection is here, not even one that moves in or lingers.
  bool drained() const { return connections_.size() == 0 && lingering_.size() == 0 && turnstile_.nobody_moves_in(); }

 private:
  // core::Host
  size_t write(core::HostLink link, std::span<const core::Iov> pieces) override {
    if (LocalClients::owns(link)) return locals_.write(link, pieces);
    return writer_.write(connection_of(link), pieces);
  }
  void set_reading(core::HostLink link, bool reading) override;
  void close(core::HostLink link, core::CloseHow how) override;
  void hand_over(core::HostLink link, core::ShardIndex home, core::Bytes unread,
                 core::Instant connect_deadline) override;
  void post(core::ShardIndex to, core::Parcel parcel) override;
  void give_back(core::ShardIndex to, core::Parcel parcel) override;
  core::Answered ask(core::Ticket ticket, const core::Question& question, core::Answer& answer) override {
    return desk_.ask(ticket, question, answer, now());
  }
  void note(const core::Event& event) override;
  uint64_t end_arrivals() override;
  void random(std::span<char> out) override;

  // reactor::SocketHandler
  void on_readable(reactor::Socket& socket) override;
  void on_writable(reactor::Socket& socket) override;
  void on_closed(reactor::Socket& socket) override;

  // ArrivalsHost
  void on_arrival(Arrival arrival) override;
  void on_turned_away(reactor::Fd fd, std::unique_ptr<transport::Transport> transport) override;
  void on_arrivals_event(BrokerEvent::Kind kind, std::string_view peer, std::string_view text) override;

  // StreamReaderHost
  void on_stream(Connection& connection, News news) override;

  bool receive(Connection& connection);
  void stream_ended(Connection& connection);
  void stream_broke(Connection& connection);
  Connection& begin(Arrival arrival);
  void watch(ConnectionId id);
  void fail(Connection& connection);
  void end(Connection& connection);
  bool report_failures();
  void take(ShardMail mail);
  bool take_comings_and_goings();
  bool take_step();
  void leave();
  void check_left();
  bool may_end();
  void event_taken();
  void flush();
  void before_sleep();
  void run_locals();
  // Runs what is due; returns when the next is.
  core::Instant tick();
  static Connection& connection_of(core::HostLink link) { return *reinterpret_cast<Connection*>(link.value); }

  reactor::Loop& loop_;
  const core::ShardIndex index_;
  Handlers& handlers_;
  BrokerEvents events_;
  core::Shard shard_;
  Connections connections_;
  StreamWriter writer_;
  StreamReader reader_;
  LocalClients locals_;
  FlushPolicy flush_policy_;
  reactor::LingeringClose lingering_;
  reactor::Timer wake_;  // For on_tick.
  reactor::Mailbox<ShardMail> mailbox_;
  std::vector<reactor::Mailbox<ShardMail>*> mailboxes_;
  Arrivals arrivals_;
  ArrivalRules& rules_;
  HookDesk desk_;
  Observers observers_;
  Turnstile turnstile_;
  Ending ending_;
  uint64_t drain_number_ = 0;  // Of the drain that `ending_` is about.
  bool over_ = false;          // What mail owns ends with it.
  bool all_ended_ = false;     // When it left.
  std::function<void()> on_left_;
  std::atomic<bool> full_{false};
  ShardLoad load_;
  LoopLag lag_;
};

}  // namespace onehop::server
