// CountedSessions: see the header.
#include "server/counted_sessions.h"

#include <utility>

#include "onehop/v1/onehop.pb.h"

namespace onehop::server {

core::Refusal CountedSessions::ask(core::HostLink link, const reactor::SocketAddress& peer) {
  asked_ = link;
  address_ = reactor::IpAddress::of(peer);
  AddressLimits::Refusal refusal;
  if (address_) {
    refusal = limits_.refuse_session(*address_);
  } else if (!peer.is_unix()) {
    refusal.text = "the connection has ended";  // Its session would count nowhere.
  }
  too_many_ = !refusal.text.empty();
  if (!too_many_) return {};
  return {v1::CODE_RATE_EXCEEDED, refusal.text, refusal.retry_after_ms};
}

void CountedSessions::opened(core::HostLink link, uint64_t session) {
  if (link != std::exchange(asked_, {}) || !address_) return;
  if (addresses_.emplace(session, *address_).second) limits_.begin_session(*address_);
}

void CountedSessions::refused(core::HostLink link, uint32_t code) {
  if (link == asked_ && too_many_ && code == v1::CODE_RATE_EXCEEDED) limits_.count_refusal();
  if (link == asked_) asked_ = {};
}

void CountedSessions::ended(uint64_t session, uint64_t now_ms) {
  if (addresses_.empty()) return;
  const auto found = addresses_.find(session);
  if (found == addresses_.end()) return;
  limits_.end_session(found->second, now_ms);
  addresses_.erase(found);
}

}  // namespace onehop::server
