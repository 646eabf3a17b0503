// Everything between accept() and a shard: the listeners of one loop, when they pause, how many connections there may
// be, what one source address may do, and the PROXY header of those that come through a balancer.
//
// Invariant: a connection that is here, or has been let in, counts in the ConnectionLimit; one that is closed here does
// not. After the arrival it is the host's to give back.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/seam.h"
#include "onehop/broker.h"
#include "reactor/address.h"
#include "reactor/cidr.h"
#include "reactor/fd.h"
#include "reactor/listener.h"
#include "reactor/loop.h"
#include "reactor/timer.h"
#include "reactor/watch.h"
#include "server/arrival_rules.h"
#include "transport/proxy_header.h"

namespace onehop::server {

// Where a connection comes from, if there is more to say than what the kernel knows.
struct Source {
  reactor::SocketAddress peer;  // As the PROXY header says; of no family if it did not: ask the kernel.
  reactor::IpAddress address;   // What it counts by, if it is
  bool counted = false;         // among the connections of its address.
};

// A connection whose transport is complete.
struct Arrival {
  reactor::Fd fd;
  core::Bytes unread;  // Good for the call only.
  core::Instant connect_deadline;
  core::Refusal refusal;
  std::unique_ptr<Source> source;  // Mostly none.
};

class ArrivalsHost {
 public:
  virtual void on_arrival(Arrival arrival) = 0;
  // Of the kinds kConnectRefused, kAcceptPaused and kAcceptResumed.
  virtual void on_arrivals_event(BrokerEvent::Kind kind, std::string_view peer, std::string_view text) = 0;

 protected:
  ~ArrivalsHost() = default;
};

// All methods: the loop's thread, or before it runs.
class Arrivals {
 public:
  enum class Kind : uint8_t { kPlain, kProxy };

  // `rules` and `host` outlive this.
  Arrivals(reactor::Loop& loop, ArrivalRules& rules, ArrivalsHost& host);
  Arrivals(const Arrivals&) = delete;
  Arrivals& operator=(const Arrivals&) = delete;
  ~Arrivals() { stop(); }

  // As Listener::open.
  bool listen(const reactor::SocketAddress& address, Kind kind, const reactor::ListenOptions& options,
              reactor::SocketAddress& bound, std::string& error);
  // Nothing is accepted any more, and what has not got as far as the host is closed.
  void stop();
  // A connection that arrived, from here or from another shard, has been closed.
  void give_back(const Source* source);

 private:
  // Before its PROXY header is complete.
  struct Waiting {
    reactor::Fd fd;  // Before the watch, which must be gone first.
    core::Instant deadline;
    reactor::SocketAddress peer;
    std::string bytes;
    reactor::Watch watch;
  };
  using AllWaiting = std::list<Waiting>;

  void accept(reactor::Fd fd, const reactor::SocketAddress& peer, Kind kind);
  void let_in(reactor::Fd fd, const reactor::SocketAddress& peer, Kind kind);
  void let_in_counted(Arrival arrival, const std::optional<reactor::IpAddress>& address);
  void begin_header(reactor::Fd fd, const reactor::SocketAddress& peer);
  void receive(AllWaiting::iterator waiting);
  // Whether it is still waiting.
  bool read_header(Waiting& waiting);
  void take_header(Waiting& waiting, const transport::ProxyHeader& header);
  void refuse(const Waiting& waiting, std::string_view why);
  void sweep();
  void pause();
  void resume();
  core::Instant now() const { return {loop_.now_ms()}; }

  reactor::Loop& loop_;
  ArrivalRules& rules_;
  ArrivalsHost& host_;
  std::vector<std::unique_ptr<reactor::Listener>> listeners_;
  AllWaiting waiting_;  // In the order of their deadlines.
  reactor::Timer header_deadline_;
  reactor::Timer retry_;
  // Accepted, and beyond the limit: at most one, since accepting is paused then.
  reactor::Fd beyond_;
  reactor::SocketAddress beyond_peer_;
  Kind beyond_kind_ = Kind::kPlain;
  bool paused_ = false;
};

}  // namespace onehop::server
