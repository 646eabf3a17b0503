// Everything between accept() and a shard, for one loop. A connection passes, in this order: the limit of connections
// (AcceptGate), the PROXY header of one that comes through a balancer (ProxyHeaders), what its source address may do
// (AddressLimits), the handshake of its transport if it has one (TransportHandshakes). Then it arrives at the host.
//
// Invariant: a connection that is here, or has arrived, counts in the ConnectionLimit, and by its address if that
// counts; one that is closed here does not. After the arrival it is the host's to give back.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/shard/seam.h"
#include "onehop/broker.h"
#include "reactor/address.h"
#include "reactor/loop.h"
#include "server/accept_gate.h"
#include "server/arrival.h"
#include "server/arrival_rules.h"
#include "server/proxy_headers.h"
#include "server/transport_handshakes.h"

namespace onehop::server {

class ArrivalsHost {
 public:
  virtual void on_arrival(Arrival arrival) = 0;
  // A connection that does not count any more is to be closed in order: its transport may have an alert to send.
  virtual void on_turned_away(reactor::Fd fd, std::unique_ptr<transport::Transport> transport) = 0;
  // Of the kinds kConnectRefused, kAcceptPaused and kAcceptResumed.
  virtual void on_arrivals_event(BrokerEvent::Kind kind, std::string_view peer, std::string_view text) = 0;

 protected:
  ~ArrivalsHost() = default;
};

// All methods: the loop's thread, or before it runs.
class Arrivals final : private ProxyHeadersHost, private TransportHandshakesHost {
 public:
  // `rules` and `host` outlive this.
  Arrivals(reactor::Loop& loop, ArrivalRules& rules, ArrivalsHost& host);
  Arrivals(const Arrivals&) = delete;
  Arrivals& operator=(const Arrivals&) = delete;
  ~Arrivals() { stop(); }

  // As Listener::open.
  bool listen(const reactor::SocketAddress& address, ListenerKind kind, const reactor::ListenOptions& options,
              reactor::SocketAddress& bound, std::string& error) {
    return gate_.listen(address, kind, options, bound, error);
  }
  // Nothing is accepted any more, and what has not got as far as the host is closed.
  void stop();
  // A connection that arrived, from here or from another shard, has been closed.
  void give_back(const Source* source);
  // Ends some of the connections whose handshake is not complete, those that have been here longest.
  void end_oldest_handshakes(std::string_view why) { handshakes_.refuse_oldest(why); }
  // What the transports of unfinished handshakes hold.
  uint64_t held_bytes() const { return handshakes_.held_bytes(); }

 private:
  // ProxyHeadersHost
  void on_proxy_header(Proxied proxied, const transport::ProxyHeader& header, core::Bytes rest) override;
  void on_no_proxy_header(const reactor::SocketAddress& peer, std::string_view why) override;
  // TransportHandshakesHost
  void on_handshake(Arrival arrival) override { host_.on_arrival(std::move(arrival)); }
  void on_no_handshake(Arrival arrival, std::string_view why) override;

  void let_in(reactor::Fd fd, const reactor::SocketAddress& peer, ListenerKind kind);
  void let_in_counted(Arrival arrival, const std::optional<reactor::IpAddress>& address, bool tls);
  // Closes a connection that counts by no address.
  void turn_away(const Arrival& arrival, std::string_view why);
  void begin_transport(Arrival arrival, bool tls);

  reactor::Loop& loop_;
  ArrivalRules& rules_;
  ArrivalsHost& host_;
  AcceptGate gate_;
  ProxyHeaders proxy_headers_;
  TransportHandshakes handshakes_;
};

}  // namespace onehop::server
