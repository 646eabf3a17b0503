// Shard: the end announced. Clients are told and may finish what they have begun; nothing new begins.
#include <algorithm>
#include <utility>

#include "core/shard.h"

namespace onehop::core {

void Shard::drain(const Drain& drain, Instant now) {
  if (std::exchange(draining_, true)) return;
  drain_spread_ms_ = drain.spread_ms;
  links_.for_each([this, &drain, now](LinkId id, Link& link) {
    if (link.state == LinkState::kLobby || link.state == LinkState::kAsking) {
      return refuse_connect(id, link, {}, going_down(origin_of({id.index, id.generation})), now);
    }
    if (link.state != LinkState::kOpen) return;  // Its home refuses it, or it is at its end.
    Farewell farewell = going_down(origin_of(link.session));
    farewell.grace_ms = std::max(1u, drain.grace_ms);
    link.deadline = Instant::never();  // It will not grow old, and nobody gets its name.
    link.contested = false;
    counters_.queued_bytes += append_goodbye(link.output, segments_, farewell);
    mark_dirty(id, link);
  });
  sessions_.for_each([this](SessionId id, const Session& session) {
    if (session.link) return;
    end_session(id, Event::Kind::kSessionEnded, going_down(origin_of(id)));
  });
  flush_wanted_ = true;
}

// Everybody is told a time of its own, so that they do not all come back at once.
Farewell Shard::going_down(const Origin& client) const {
  const uint64_t span = drain_spread_ms_ + uint64_t{1};
  const auto spread = static_cast<uint32_t>(spread_of(client) * span / 1024);
  return {v1::CODE_SERVER_SHUTTING_DOWN, "the broker is going down",
          drain_spread_ms_ == 0 ? jittered_lease(client) : spread};
}

}  // namespace onehop::core
