// Arrivals: see the header.
#include "server/arrivals.h"

#include <memory>
#include <utility>

#include "onehop/v1/onehop.pb.h"

namespace onehop::server {
namespace {

std::string peer_of(const Arrival& arrival) {
  const bool told = arrival.source != nullptr && arrival.source->peer.size() != 0;
  const auto peer = told ? arrival.source->peer : reactor::SocketAddress::peer_of(arrival.fd.get());
  return peer.size() == 0 ? std::string() : peer.text();
}

}  // namespace

Arrivals::Arrivals(reactor::Loop& loop, ArrivalRules& rules, ArrivalsHost& host)
    : loop_(loop),
      rules_(rules),
      host_(host),
      gate_(
          loop, rules.connections,
          [this](reactor::Fd fd, const reactor::SocketAddress& peer, ListenerKind kind) {
            let_in(std::move(fd), peer, kind);
          },
          [this](bool paused) {
            if (!paused) return host_.on_arrivals_event(BrokerEvent::Kind::kAcceptResumed, {}, {});
            host_.on_arrivals_event(BrokerEvent::Kind::kAcceptPaused, {}, rules_.connections.why_full());
          }),
      proxy_headers_(loop, rules.proxies, *this),
      handshakes_(loop, rules.handshakes, rules.parts.handshake_place_ms, *this) {}

void Arrivals::stop() {
  gate_.stop();
  for (size_t left = proxy_headers_.clear(); left != 0; --left) rules_.connections.give_back();
  handshakes_.clear([this](const Source* source) { give_back(source); });
}

void Arrivals::give_back(const Source* source) {
  rules_.connections.give_back();
  if (source != nullptr && source->counted) rules_.addresses.give_back(source->address, loop_.now_ms());
}

// Without limits per address, a connection of a plain listener costs nothing here.
void Arrivals::let_in(reactor::Fd fd, const reactor::SocketAddress& peer, ListenerKind kind) {
  const core::Instant deadline{loop_.now_ms() + rules_.parts.connect_ms_max};
  if (kind.proxy) return proxy_headers_.begin({std::move(fd), deadline, kind.tls}, peer);
  Arrival arrival{std::move(fd), {}, deadline, {}, nullptr, nullptr};
  if (rules_.addresses.any()) return let_in_counted(std::move(arrival), reactor::IpAddress::of(peer), kind.tls);
  begin_transport(std::move(arrival), kind.tls);
}

// `address` is where it comes from really; none: from a Unix socket.
void Arrivals::let_in_counted(Arrival arrival, const std::optional<reactor::IpAddress>& address, bool tls) {
  if (!address || !rules_.addresses.any()) return begin_transport(std::move(arrival), tls);
  const AddressLimits::Refusal refusal = rules_.addresses.take(*address, loop_.now_ms());
  if (!refusal.text.empty() && tls) return turn_away(arrival, refusal.text);
  if (!refusal.text.empty()) {
    arrival.refusal = {v1::CODE_RATE_EXCEEDED, refusal.text, refusal.retry_after_ms};
    return begin_transport(std::move(arrival), tls);
  }
  if (arrival.source == nullptr) arrival.source = std::make_unique<Source>();
  arrival.source->address = *address;
  arrival.source->counted = true;
  begin_transport(std::move(arrival), tls);
}

// Without a word: to say one would take a TLS handshake, which costs more than all that the limit is to save.
void Arrivals::turn_away(const Arrival& arrival, std::string_view why) {
  rules_.connections.give_back();
  host_.on_arrivals_event(BrokerEvent::Kind::kConnectRefused, peer_of(arrival), why);
}

// Who is refused hears it through the transport, because it would understand nothing else.
void Arrivals::begin_transport(Arrival arrival, bool tls) {
  if (!tls && !rules_.parts.make_transport) return host_.on_arrival(std::move(arrival));
  arrival.transport = tls ? rules_.tls->accept(loop_.now_ms()) : rules_.parts.make_transport();
  handshakes_.begin(std::move(arrival));
}

void Arrivals::on_proxy_header(Proxied proxied, const transport::ProxyHeader& header, core::Bytes rest) {
  Arrival arrival{std::move(proxied.fd), rest, proxied.deadline, {}, nullptr, nullptr};
  if (!header.certificate_name.empty()) {
    arrival.source = std::make_unique<Source>();
    arrival.source->certificate_name = header.certificate_name;
  }
  switch (header.source) {
    case transport::ProxyHeader::Source::kItself:
      break;
    case transport::ProxyHeader::Source::kAddress:
      if (arrival.source == nullptr) arrival.source = std::make_unique<Source>();
      arrival.source->peer = reactor::IpAddress{header.address}.with_port(header.port);
      return let_in_counted(std::move(arrival), reactor::IpAddress{header.address}, proxied.tls);
    case transport::ProxyHeader::Source::kUnix:
      if (arrival.source == nullptr) arrival.source = std::make_unique<Source>();
      arrival.source->peer = reactor::SocketAddress::unnamed_unix();
      break;
  }
  begin_transport(std::move(arrival), proxied.tls);
}

void Arrivals::on_no_proxy_header(const reactor::SocketAddress& peer, std::string_view why) {
  rules_.connections.give_back();
  if (why.empty()) return;
  rules_.proxies.count_refusal();
  host_.on_arrivals_event(BrokerEvent::Kind::kConnectRefused, peer.text(), why);
}

void Arrivals::on_no_handshake(Arrival arrival, std::string_view why) {
  give_back(arrival.source.get());
  if (!why.empty()) host_.on_arrivals_event(BrokerEvent::Kind::kConnectRefused, peer_of(arrival), why);
  host_.on_turned_away(std::move(arrival.fd), std::move(arrival.transport));
}

}  // namespace onehop::server
