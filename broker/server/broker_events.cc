// ShardHost: what core notes, as the program and its operators are told.

#include "onehop/v1/onehop.pb.h"
#include "server/shard_host.h"

namespace onehop::server {
namespace {

// The code's name without the enum's prefix; empty for 0.
std::string_view code_name(uint32_t code) {
  constexpr std::string_view kPrefix = "CODE_";
  std::string_view name = v1::Code_Name(static_cast<v1::Code>(code));
  if (code == 0 || !name.starts_with(kPrefix)) return {};
  return name.substr(kPrefix.size());
}

BrokerEvent::Kind kind_of(core::Event::Kind kind) {
  switch (kind) {
    case core::Event::Kind::kSessionOpened:
      return BrokerEvent::Kind::kSessionOpened;
    case core::Event::Kind::kSessionDetached:
      return BrokerEvent::Kind::kSessionDetached;
    case core::Event::Kind::kSessionResumed:
      return BrokerEvent::Kind::kSessionResumed;
    case core::Event::Kind::kSessionEnded:
      return BrokerEvent::Kind::kSessionEnded;
    case core::Event::Kind::kTakenOver:
      return BrokerEvent::Kind::kTakenOver;
    case core::Event::Kind::kConnectRefused:
      return BrokerEvent::Kind::kConnectRefused;
    case core::Event::Kind::kConnectionEnded:
      return BrokerEvent::Kind::kConnectionEnded;
    case core::Event::Kind::kKicked:
      return BrokerEvent::Kind::kKicked;
    case core::Event::Kind::kMemoryRefusing:
      return BrokerEvent::Kind::kMemoryRefusing;
    case core::Event::Kind::kMemoryEnding:
      return BrokerEvent::Kind::kMemoryEnding;
    case core::Event::Kind::kMemoryFree:
      return BrokerEvent::Kind::kMemoryFree;
  }
  return {};
}

// As RecentEnd::how; empty: it is not the end of anything. The end of a connection is told with its session's.
std::string_view how_it_ends(core::Event::Kind kind) {
  switch (kind) {
    case core::Event::Kind::kSessionEnded:
      return "session_ended";
    case core::Event::Kind::kTakenOver:
      return "session_taken_over";
    case core::Event::Kind::kSessionDetached:
      return "session_detached";
    case core::Event::Kind::kConnectRefused:
      return "connect_refused";
    default:
      return {};
  }
}

}  // namespace

// Empty once the peer has reset the connection, unless a PROXY header said who it is.
std::string ShardHost::peer_of(core::HostLink link) const {
  if (link.value == 0) return {};
  const auto address = address_of(connection_of(link));
  return address.size() == 0 ? std::string() : address.text();
}

reactor::SocketAddress ShardHost::address_of(const Connection& connection) const {
  const Source* source = source_of(connection);
  if (source != nullptr && source->peer.size() != 0) return source->peer;
  return connection.is_open() ? reactor::SocketAddress::peer_of(connection.fd()) : reactor::SocketAddress();
}

void ShardHost::note(const core::Event& event) {
  switch (event.kind) {
    case core::Event::Kind::kSessionOpened:
      counted_sessions_.opened(event.link, event.session);
      break;
    case core::Event::Kind::kSessionEnded:
    case core::Event::Kind::kTakenOver:
      counted_sessions_.ended(event.session, loop_.now_ms());
      break;
    case core::Event::Kind::kConnectRefused:
      counted_sessions_.refused(event.link, event.code);
      break;
    default:
      break;
  }
  const bool opens =
      event.kind == core::Event::Kind::kSessionOpened || event.kind == core::Event::Kind::kSessionResumed;
  if (opens) connection_of(event.link).named = true;
  const std::string_view how = how_it_ends(event.kind);
  if (!on_event_ && how.empty()) return;
  const std::string peer = peer_of(event.link);
  const std::string_view code = code_name(event.code);
  if (!how.empty()) recent_ends_.note({how, event.name, event.session, index_, peer, code, event.text});
  if (on_event_) on_event_({kind_of(event.kind), index_, peer, event.name, event.session, code, event.text});
}

void ShardHost::on_arrivals_event(BrokerEvent::Kind kind, std::string_view peer, std::string_view text) {
  if (kind == BrokerEvent::Kind::kConnectRefused) recent_ends_.note({"connect_refused", {}, 0, index_, peer, {}, text});
  if (on_event_) on_event_({kind, index_, peer, {}, 0, {}, text});
}

void ShardHost::tell(BrokerEvent::Kind kind) {
  if (on_event_) on_event_({kind, index_, {}, {}, 0, {}, {}});
}

}  // namespace onehop::server
