// Hosts one shard of core on one loop of the reactor: its connections, its listeners, its mailbox, and when to flush.
// One thread, the loop's, but for the mailbox that other threads post to.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "core/shard.h"
#include "core/slab.h"
#include "onehop/broker.h"
#include "reactor/address.h"
#include "reactor/fd.h"
#include "reactor/lingering_close.h"
#include "reactor/listener.h"
#include "reactor/loop.h"
#include "reactor/mailbox.h"
#include "reactor/socket.h"
#include "reactor/timer.h"
#include "server/connection_limit.h"

namespace onehop::server {

// A connection moving to the shard where its client's name lives. Wherever this dies, the connection is closed.
struct HandOver {
  reactor::Fd fd;
  std::string unread;
  core::Instant connect_deadline;
};
struct ArrivingParcel {
  core::ShardIndex from;
  core::Parcel parcel;
};
struct ReturningParcel {
  core::ShardIndex to;
  core::Parcel parcel;
};
struct CountersWanted {
  std::function<void(const core::Counters&)> answer;
};
struct StopWanted {
  uint64_t deadline_ms;  // From when it is taken.
};
// What other threads send to a shard.
using ShardMail = std::variant<HandOver, ArrivingParcel, ReturningParcel, CountersWanted, StopWanted>;

class ShardHost final : private core::Host, private reactor::SocketHandler {
 public:
  // On `loop`, before it runs. `limit` and `on_event` outlive this.
  ShardHost(const core::ShardConfig& config, reactor::Loop& loop, ConnectionLimit& limit,
            const std::function<void(const BrokerEvent&)>& on_event);
  ShardHost(const ShardHost&) = delete;
  ShardHost& operator=(const ShardHost&) = delete;
  // After the loop has stopped.
  ~ShardHost();

  // Before the loop runs: the mailboxes of all shards, by index.
  void connect_shards(std::vector<reactor::Mailbox<ShardMail>*> mailboxes) { mailboxes_ = std::move(mailboxes); }
  // Before the loop runs. As Listener::open.
  bool listen(const reactor::SocketAddress& address, const reactor::ListenOptions& options,
              reactor::SocketAddress& bound, std::string& error);

  reactor::Mailbox<ShardMail>& mailbox() { return mailbox_; }
  // After the loop has stopped: whether all connections had ended.
  bool drained() const { return connections_.size() == 0 && lingering_.size() == 0; }

 private:
  struct ConnectionId {
    uint32_t index = 0;
    uint32_t generation = 0;
  };
  struct Connection final : reactor::Socket {
    Connection(reactor::Loop& loop, reactor::SocketHandler& handler) : Socket(loop, handler) {}
    core::LinkId link;
    uint32_t index = 0;   // In connections_.
    bool failed = false;  // A write failed: in failed_.
    bool moved = false;   // Handed over: it still counts.
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

  void accept(reactor::Fd fd);
  bool receive(Connection& connection);
  void welcome(reactor::Fd fd);
  ConnectionId begin(reactor::Fd fd, core::Bytes unread, core::Instant connect_deadline);
  void watch(ConnectionId id);
  void fail(Connection& connection);
  bool report_failures();
  void take(ShardMail mail);
  void begin_stop(uint64_t deadline_ms);
  void pause_accepting();
  void resume_accepting();
  void event_taken();
  void flush();
  void before_sleep();
  void tell(BrokerEvent::Kind kind);
  core::Instant now() const { return {loop_.now_ms()}; }
  static Connection& connection_of(core::HostLink link) { return *reinterpret_cast<Connection*>(link.value); }

  reactor::Loop& loop_;
  ConnectionLimit& limit_;
  const std::function<void(const BrokerEvent&)>& on_event_;
  const core::ShardIndex index_;
  core::Shard shard_;
  reactor::LingeringClose lingering_;
  reactor::Timer wake_;  // For on_tick.
  reactor::Timer retry_accept_;
  reactor::Mailbox<ShardMail> mailbox_;
  std::vector<reactor::Mailbox<ShardMail>*> mailboxes_;
  std::vector<std::unique_ptr<reactor::Listener>> listeners_;
  core::Slab<Connection, ConnectionId> connections_;  // All that have not been closed completely.
  std::vector<ConnectionId> failed_;                  // By a write; to be reported once the shard has returned.
  reactor::Fd waiting_;  // Accepted, and beyond the limit: at most one, since accepting is paused then.
  bool accepting_paused_ = false;
  bool stopping_ = false;
  bool ended_ = false;
  core::Instant stop_deadline_ = core::Instant::never();
  uint32_t events_unflushed_ = 0;    // Since the last flush,
  uint64_t first_unflushed_ns_ = 0;  // and when the first of them came.
};

}  // namespace onehop::server
