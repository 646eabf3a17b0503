// Arrivals: see the header.
#include "server/arrivals.h"

#include <utility>

#include "core/limits.h"
#include "onehop/v1/onehop.pb.h"
#include "reactor/socket.h"

namespace onehop::server {
namespace {

constexpr uint64_t kAcceptRetryMs = 100;

}  // namespace

Arrivals::Arrivals(reactor::Loop& loop, ArrivalRules& rules, ArrivalsHost& host)
    : loop_(loop), rules_(rules), host_(host), header_deadline_(loop, [this] { sweep(); }), retry_(loop, [this] {
        resume();
      }) {}

bool Arrivals::listen(const reactor::SocketAddress& address, Kind kind, const reactor::ListenOptions& options,
                      reactor::SocketAddress& bound, std::string& error) {
  auto listener = reactor::Listener::open(
      loop_, address, options,
      [this, kind](reactor::Fd fd, const reactor::SocketAddress& peer) { accept(std::move(fd), peer, kind); }, error);
  if (listener == nullptr) return false;
  bound = listener->local_address();
  listeners_.push_back(std::move(listener));
  return true;
}

void Arrivals::stop() {
  listeners_.clear();
  retry_.disarm();
  header_deadline_.disarm();
  beyond_.reset();
  for (size_t i = 0; i < waiting_.size(); ++i) rules_.connections.give_back();
  waiting_.clear();
}

void Arrivals::give_back(const Source* source) {
  rules_.connections.give_back();
  if (source != nullptr && source->counted) rules_.addresses.give_back(source->address, loop_.now_ms());
}

// Accepting and its end.

void Arrivals::accept(reactor::Fd fd, const reactor::SocketAddress& peer, Kind kind) {
  if (!rules_.connections.take()) {
    // Another shard took the last place just now, and there is no going back to the backlog.
    beyond_ = std::move(fd);
    beyond_peer_ = peer;
    beyond_kind_ = kind;
    return pause();
  }
  let_in(std::move(fd), peer, kind);
  if (!rules_.connections.has_room()) pause();
}

void Arrivals::pause() {
  if (std::exchange(paused_, true)) return;
  for (const auto& listener : listeners_) listener->pause();
  retry_.arm_at(loop_.now_ms() + kAcceptRetryMs);
  host_.on_arrivals_event(BrokerEvent::Kind::kAcceptPaused, {}, {});
}

void Arrivals::resume() {
  if (beyond_ && rules_.connections.take()) let_in(std::move(beyond_), beyond_peer_, beyond_kind_);
  if (beyond_ || !rules_.connections.has_room()) return retry_.arm_at(loop_.now_ms() + kAcceptRetryMs);
  paused_ = false;
  for (const auto& listener : listeners_) listener->resume();
  host_.on_arrivals_event(BrokerEvent::Kind::kAcceptResumed, {}, {});
}

// Without limits per address, a connection of a plain listener costs nothing here.
void Arrivals::let_in(reactor::Fd fd, const reactor::SocketAddress& peer, Kind kind) {
  if (kind == Kind::kProxy) return begin_header(std::move(fd), peer);
  Arrival arrival{std::move(fd), {}, now() + core::kConnectDeadlineMs, {}, nullptr};
  if (rules_.addresses.any()) return let_in_counted(std::move(arrival), reactor::IpAddress::of(peer));
  host_.on_arrival(std::move(arrival));
}

// `address` is where it comes from really; none: from a Unix socket.
void Arrivals::let_in_counted(Arrival arrival, const std::optional<reactor::IpAddress>& address) {
  if (!address || !rules_.addresses.any()) return host_.on_arrival(std::move(arrival));
  const AddressLimits::Refusal refusal = rules_.addresses.take(*address, loop_.now_ms());
  if (!refusal.text.empty()) {
    arrival.refusal = {v1::CODE_RATE_EXCEEDED, refusal.text, refusal.retry_after_ms};
    return host_.on_arrival(std::move(arrival));
  }
  if (arrival.source == nullptr) arrival.source = std::make_unique<Source>();
  arrival.source->address = *address;
  arrival.source->counted = true;
  host_.on_arrival(std::move(arrival));
}

// The PROXY header.

// Who is not trusted is not waited for: it would hold a place that no limit of its address is asked about.
void Arrivals::begin_header(reactor::Fd fd, const reactor::SocketAddress& peer) {
  waiting_.push_back({std::move(fd), now() + core::kConnectDeadlineMs, peer, {}, {}});
  const auto waiting = std::prev(waiting_.end());
  if (!rules_.proxies.trusts(peer)) {
    refuse(*waiting, "PROXY headers of this address are not believed: see proxy_from");
    waiting_.erase(waiting);
    return;
  }
  if (!read_header(*waiting)) {
    waiting_.erase(waiting);
    return;
  }
  if (waiting->watch.start(loop_, waiting->fd.get(), UV_READABLE, [this, waiting] { receive(waiting); }) != 0) {
    rules_.connections.give_back();
    waiting_.erase(waiting);
    return;
  }
  header_deadline_.arm_at(waiting_.front().deadline.ms);
}

void Arrivals::receive(AllWaiting::iterator waiting) {
  if (!read_header(*waiting)) waiting_.erase(waiting);
}

bool Arrivals::read_header(Waiting& waiting) {
  char space[transport::kProxyHeaderBytesMax];
  const reactor::IoResult received = reactor::receive(waiting.fd.get(), {space, sizeof space - waiting.bytes.size()});
  if (received.would_block()) return true;
  if (!received.transferred()) {
    // A balancer that only looks whether anybody is there leaves without a word.
    if (waiting.bytes.empty()) {
      rules_.connections.give_back();
    } else {
      refuse(waiting, "the connection ended within its PROXY header");
    }
    return false;
  }
  waiting.bytes.append(space, received.bytes);
  transport::ProxyHeader header;
  core::Bytes wrong;
  switch (transport::read_proxy_header(waiting.bytes, header, wrong)) {
    case transport::ProxyRead::kNeedMore:
      return true;
    case transport::ProxyRead::kHeader:
      take_header(waiting, header);
      return false;
    case transport::ProxyRead::kBroken:
      refuse(waiting, wrong);
      return false;
  }
  return false;
}

void Arrivals::take_header(Waiting& waiting, const transport::ProxyHeader& header) {
  waiting.watch.stop();
  Arrival arrival{std::move(waiting.fd), core::Bytes(waiting.bytes).substr(header.size), waiting.deadline, {}, nullptr};
  switch (header.source) {
    case transport::ProxyHeader::Source::kItself:
      break;
    case transport::ProxyHeader::Source::kAddress:
      arrival.source = std::make_unique<Source>();
      arrival.source->peer = reactor::IpAddress{header.address}.with_port(header.port);
      return let_in_counted(std::move(arrival), reactor::IpAddress{header.address});
    case transport::ProxyHeader::Source::kUnix:
      arrival.source = std::make_unique<Source>();
      arrival.source->peer = reactor::SocketAddress::unnamed_unix();
      break;
  }
  host_.on_arrival(std::move(arrival));
}

void Arrivals::refuse(const Waiting& waiting, std::string_view why) {
  rules_.connections.give_back();
  rules_.proxies.count_refusal();
  host_.on_arrivals_event(BrokerEvent::Kind::kConnectRefused, waiting.peer.text(), why);
}

void Arrivals::sweep() {
  while (!waiting_.empty() && waiting_.front().deadline <= now()) {
    refuse(waiting_.front(), "no complete PROXY header came in time");
    waiting_.pop_front();
  }
  if (!waiting_.empty()) header_deadline_.arm_at(waiting_.front().deadline.ms);
}

}  // namespace onehop::server
