// Shutdown: see the header.
#include "core/shard/shutdown.h"

#include <algorithm>
#include <utility>

#include "core/shard/shard_parts.h"

namespace onehop::core {

Shutdown::Shutdown(ShardParts& shard) : shard_(shard), tellers_outstanding_(shard.config.count - uint32_t{1}) {}

void Shutdown::drain(const Drain& drain) {
  if (std::exchange(draining_, true)) return;
  drain_spread_ms_ = drain.spread_ms;
  shard_.links.for_each([this, &drain](LinkId id, Link& link) {
    if (link.state == LinkState::kLobby || link.state == LinkState::kAsking) {
      return shard_.endings.refuse_connect(id, link, {}, going_down(shard_.origin_of(id)));
    }
    if (link.state != LinkState::kOpen) return;  // Its home refuses it, or it is at its end.
    Farewell farewell = going_down(shard_.origin_of(link.session));
    farewell.grace_ms = std::max(1u, drain.grace_ms);
    link.deadline = Instant::never();  // It will not grow old, and nobody gets its name.
    link.contested = false;
    shard_.counters.queued_bytes += append_goodbye(link.output, shard_.segments, farewell);
    shard_.writer.mark_dirty(id, link);
  });
  shard_.sessions.for_each([this](SessionId id, const Session& session) {
    if (session.link) return;
    shard_.sessions.end_session(id, Event::Kind::kSessionEnded, going_down(shard_.origin_of(id)));
  });
  shard_.writer.want_flush();
}

void Shutdown::stop() {
  if (std::exchange(stopping_, true)) {
    // There is no more time to wait for other shards.
    if (goodbyes_due_ != Instant::never()) goodbyes_due_ = shard_.now();
    return;
  }
  draining_ = true;
  shard_.writer.want_flush();  // A shard without others says its goodbyes in the next flush.
  goodbyes_due_ = shard_.now() + kClosingDeadlineMs;
  shard_.sessions.for_each([this](SessionId id, Session& session) {
    if (session.link) return shard_.outcomes.lose(session, v1::REASON_SHUTTING_DOWN);
    shard_.sessions.end_session(id, Event::Kind::kSessionEnded,
                                {v1::CODE_SERVER_SHUTTING_DOWN, "the broker is going down", 0});
  });
  shard_.requests.stop();
  shard_.moves.stop();
  shard_.topics.stop();
  for (ShardIndex shard = 0; shard < shard_.config.count; ++shard) {
    if (shard == shard_.config.index) continue;
    ++stops_outstanding_;
    shard_.crossing.tell_peer(RecordKind::kStopping, shard_.origin_of(SessionId{}), {}, shard);
  }
  for (const ShardIndex asker : std::exchange(stop_askers_, {})) answer_stopping(asker);
}

void Shutdown::answer_stopping(ShardIndex asker) {
  shard_.crossing.tell_peer(RecordKind::kStopped, {Origin::Kind::kNone, 0, asker, 0, {}}, {}, asker);
  ++stops_answered_;
  // It opens no more accounts.
  // A message to a service may still come from a third shard, to be lost here.
  if (!shard_.topics.has_open_accounts() && !shard_.services.were_used()) tell_all_told(asker);
}

void Shutdown::say_goodbyes() {
  goodbyes_due_ = Instant::never();
  shard_.links.for_each([this](LinkId id, Link& link) {
    if (link.state == LinkState::kClosing) return;
    const bool open = link.state == LinkState::kOpen;
    const Farewell farewell = going_down(shard_.origin_of(open ? link.session : SessionId{id.index, id.generation}));
    if (!open) return shard_.endings.refuse_connect(id, link, {}, farewell);
    shard_.endings.end_link_in_order(id, link, farewell, SessionThen::kEnd);
  });
}

Farewell Shutdown::going_down(const Origin& client) const {
  const uint64_t span = drain_spread_ms_ + uint64_t{1};
  const auto spread = static_cast<uint32_t>(shard_.spread_of(client) * span / 1024);
  return {v1::CODE_SERVER_SHUTTING_DOWN, "the broker is going down",
          drain_spread_ms_ == 0 ? shard_.jittered_lease(client) : spread};
}

void Shutdown::take_stopping(ShardIndex asker) {
  if (stopping_) return answer_stopping(asker);
  stop_askers_.push_back(asker);
}

void Shutdown::take_stopped() {
  if (--stops_outstanding_ != 0) return;
  for (ShardIndex shard = 0; shard < shard_.config.count; ++shard) {
    if (shard != shard_.config.index) tell_all_told(shard);
  }
}

void Shutdown::tell_all_told(ShardIndex shard) {
  const uint64_t bit = uint64_t{1} << shard;
  if ((told_all_ & bit) != 0) return;
  told_all_ |= bit;
  shard_.crossing.tell_peer(RecordKind::kAllTold, shard_.origin_of(SessionId{}), {}, shard);
}

void Shutdown::say_goodbyes_if_due() {
  if (goodbyes_due_ == Instant::never()) return;
  if (tellers_outstanding_ == 0 || goodbyes_due_ <= shard_.now()) say_goodbyes();
}

bool Shutdown::stopped() const {
  return stopping_ && tellers_outstanding_ == 0 && stops_outstanding_ == 0 &&
         stops_answered_ + 1 == shard_.config.count;
}

}  // namespace onehop::core
