// BrokerEvents: see the header.
#include "server/broker_events.h"

#include "onehop/v1/onehop.pb.h"

namespace onehop::server {

std::string_view code_name(uint32_t code) {
  constexpr std::string_view kPrefix = "CODE_";
  std::string_view name = v1::Code_Name(static_cast<v1::Code>(code));
  if (code == 0 || !name.starts_with(kPrefix)) return {};
  return name.substr(kPrefix.size());
}

namespace {

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

bool BrokerEvents::wants(const core::Event& event) const {
  return on_event_ || !how_it_ends(event.kind).empty();
}

void BrokerEvents::tell(const core::Event& event, std::string_view peer) {
  const std::string_view how = how_it_ends(event.kind);
  const std::string_view code = code_name(event.code);
  if (!how.empty()) ends_.note({how, event.name, event.session, shard_, peer, code, event.text});
  if (on_event_) on_event_({kind_of(event.kind), shard_, peer, event.name, event.session, code, event.text});
}

void BrokerEvents::tell(BrokerEvent::Kind kind, std::string_view peer, std::string_view code, std::string_view text) {
  if (kind == BrokerEvent::Kind::kConnectRefused) {
    counts_.count_refused_connect();
    ends_.note({"connect_refused", {}, 0, shard_, peer, code, text});
  }
  if (on_event_) on_event_({kind, shard_, peer, {}, 0, code, text});
}

}  // namespace onehop::server
