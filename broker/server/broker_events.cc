// BrokerEvents: see the header.
#include "server/broker_events.h"

#include <optional>

namespace onehop::server {
namespace {

BrokerEvent::Kind kind_of(core::Event::Kind kind) {
  switch (kind) {
    case core::Event::Kind::kSessionOpened:
      return BrokerEvent::Kind::kSessionOpened;
    case core::Event::Kind::kSessionDetached:
      return BrokerEvent::Kind::kSessionDetached;
    case core::Event::Kind::kSessionResumed:
      return BrokerEvent::Kind::kSessionResumed;
    case core::Event::Kind::kSessionRenewed:
      return BrokerEvent::Kind::kSessionRenewed;
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

// Nothing: it is not the end of anything. The end of a connection is told with its session's.
std::optional<EndHow> how_it_ends(core::Event::Kind kind) {
  switch (kind) {
    case core::Event::Kind::kSessionEnded:
      return EndHow::kSessionEnded;
    case core::Event::Kind::kTakenOver:
      return EndHow::kSessionTakenOver;
    case core::Event::Kind::kSessionDetached:
      return EndHow::kSessionDetached;
    case core::Event::Kind::kConnectRefused:
      return EndHow::kConnectRefused;
    default:
      return std::nullopt;
  }
}

}  // namespace

bool BrokerEvents::wants(const core::Event& event) const {
  return handlers_.wants_events() || how_it_ends(event.kind);
}

void BrokerEvents::tell(const core::Event& event, std::string_view peer, std::string_view principal) {
  const auto code = static_cast<Code>(event.code);
  if (const std::optional<EndHow> how = how_it_ends(event.kind)) {
    ends_.note({*how, event.name, event.session, shard_, peer, code, event.text});
  }
  handlers_.tell({kind_of(event.kind), shard_, peer, event.name, event.session, code, event.text, principal});
}

void BrokerEvents::tell(BrokerEvent::Kind kind, std::string_view peer, std::string_view text) {
  if (kind == BrokerEvent::Kind::kConnectRefused) {
    counts_.count_refused_connect();
    ends_.note({EndHow::kConnectRefused, {}, 0, shard_, peer, Code::kNone, text});
  }
  handlers_.tell({kind, shard_, peer, {}, 0, Code::kNone, text});
}

}  // namespace onehop::server
