// Hosts one shard of core on one loop of the reactor: its connections, its listeners, its mailbox, and when to flush.
// One thread, the loop's, but for the mailbox that other threads post to.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <absl/container/flat_hash_map.h>

#include "core/shard.h"
#include "core/slab.h"
#include "onehop/broker.h"
#include "reactor/address.h"
#include "reactor/fd.h"
#include "reactor/lingering_close.h"
#include "reactor/loop.h"
#include "reactor/mailbox.h"
#include "reactor/socket.h"
#include "reactor/timer.h"
#include "server/arrivals.h"
#include "server/counted_sessions.h"
#include "server/ending.h"
#include "server/loop_lag.h"
#include "server/recent_ends.h"
#include "server/shard_load.h"
#include "server/shard_mail.h"

namespace onehop::server {

class ShardHost final : private core::Host, private reactor::SocketHandler, private ArrivalsHost {
 public:
  // On `loop`, before it runs. `rules`, `recent_ends` and `on_event` outlive this.
  ShardHost(const core::ShardConfig& config, reactor::Loop& loop, ArrivalRules& rules, RecentEnds& recent_ends,
            const std::function<void(const BrokerEvent&)>& on_event);
  ShardHost(const ShardHost&) = delete;
  ShardHost& operator=(const ShardHost&) = delete;
  // After the loop has stopped.
  ~ShardHost();

  // Before the loop runs: the mailboxes of all shards, by index.
  void connect_shards(std::vector<reactor::Mailbox<ShardMail>*> mailboxes) { mailboxes_ = std::move(mailboxes); }
  // Before the loop runs. As Listener::open.
  bool listen(const reactor::SocketAddress& address, Arrivals::Kind kind, const reactor::ListenOptions& options,
              reactor::SocketAddress& bound, std::string& error) {
    return arrivals_.listen(address, kind, options, bound, error);
  }

  reactor::Mailbox<ShardMail>& mailbox() { return mailbox_; }
  // For inquiries: on the loop's thread, or after it has ended.
  core::Shard& shard() { return shard_; }
  core::ShardIndex index() const { return index_; }
  const RouteLatency& route_latency() const { return load_.route_latency(); }
  // ANY THREAD, also while the loop is stuck.
  uint64_t lag_us_max() const;
  core::Instant now() const { return {loop_.now_ms()}; }
  // ANY THREAD, also while the loop is stuck: whether the shard had room for one more session when it last slept.
  bool is_full() const { return full_.load(std::memory_order_relaxed); }
  // The client's address as text; empty if it is not known any more.
  std::string peer_of(core::HostLink link) const;
  // After the loop has stopped: whether all connections had ended.
  bool drained() const { return connections_.size() == 0 && lingering_.size() == 0 && moving_in_.empty(); }

 private:
  struct ConnectionId {
    uint32_t index = 0;
    uint32_t generation = 0;
  };
  struct Connection final : reactor::Socket {
    Connection(reactor::Loop& loop, reactor::SocketHandler& handler) : Socket(loop, handler) {}
    core::LinkId link;
    uint32_t index = 0;      // In connections_.
    bool failed = false;     // A write failed: in failed_.
    bool leaving = false;    // Its stream has ended: in leaving_.
    bool moved = false;      // Handed over: it still counts.
    bool named : 1 = false;  // It has a session.
    bool in_sources : 1 = false;
  };

  // core::Host
  size_t write(core::HostLink link, std::span<const core::Iov> pieces) override;
  void set_reading(core::HostLink link, bool reading) override;
  void close(core::HostLink link, core::CloseHow how) override;
  void hand_over(core::HostLink link, core::ShardIndex home, core::Bytes unread,
                 core::Instant connect_deadline) override;
  void post(core::ShardIndex to, core::Parcel parcel) override;
  void give_back(core::ShardIndex to, core::Parcel parcel) override;
  core::Verdict ask(core::Ticket ticket, const core::Question& question, core::Answer& answer) override;
  void note(const core::Event& event) override;
  void random(std::span<char> out) override;

  // reactor::SocketHandler
  void on_readable(reactor::Socket& socket) override;
  void on_writable(reactor::Socket& socket) override;
  void on_closed(reactor::Socket& socket) override;

  // ArrivalsHost
  void on_arrival(Arrival arrival) override;
  void on_arrivals_event(BrokerEvent::Kind kind, std::string_view peer, std::string_view text) override;

  const Source* source_of(const Connection& connection) const;
  // Where it comes from; of no family if that is not known any more.
  reactor::SocketAddress address_of(const Connection& connection) const;
  std::unique_ptr<Source> take_source(Connection& connection);
  bool receive(Connection& connection);
  ConnectionId begin(Arrival arrival);
  void watch(ConnectionId id);
  void fail(Connection& connection);
  bool report_failures();
  void take(ShardMail mail);
  bool take_comings_and_goings();
  void begin_drain(const DrainWanted& wanted);
  void begin_stop(const StopWanted& wanted);
  bool take_step();
  void event_taken();
  void flush();
  void before_sleep();
  // Runs what is due; returns when the next is.
  core::Instant tick();
  void tell(BrokerEvent::Kind kind);
  static Connection& connection_of(core::HostLink link) { return *reinterpret_cast<Connection*>(link.value); }

  reactor::Loop& loop_;
  RecentEnds& recent_ends_;
  const std::function<void(const BrokerEvent&)>& on_event_;
  const core::ShardIndex index_;
  core::Shard shard_;
  reactor::LingeringClose lingering_;
  reactor::Timer wake_;  // For on_tick.
  reactor::Mailbox<ShardMail> mailbox_;
  std::vector<reactor::Mailbox<ShardMail>*> mailboxes_;
  Arrivals arrivals_;
  core::Slab<Connection, ConnectionId> connections_;  // All that have not been closed completely.
  // Of the few whose source is more than what the kernel knows; by their index, so that others need no room for it.
  absl::flat_hash_map<uint32_t, std::unique_ptr<Source>> sources_;
  CountedSessions counted_sessions_;
  std::atomic<bool> full_{false};
  std::vector<ConnectionId> failed_;  // By a write; to be reported once the shard has returned.
  // In the order of their coming and going; a few are dealt with in each turn of the loop.
  std::deque<HandOver> moving_in_;
  std::deque<ConnectionId> leaving_;
  size_t hellos_ = 0;  // Read in this turn.
  bool ended_ = false;
  Ending ending_;
  uint32_t drain_spread_ms_ = 0;
  ShardLoad load_;
  LoopLag lag_;
  uint32_t events_unflushed_ = 0;    // Since the last flush,
  uint64_t first_unflushed_ns_ = 0;  // and when the first of them came.
};

}  // namespace onehop::server
