// Shard: deadlines. The wheel knows one for each link, the earliest; when it comes, the link is looked at as a whole.
#include <algorithm>

#include "core/shard.h"

namespace onehop::core {

Instant Shard::on_tick(Instant now) {
  due_.clear();
  wheel_.advance(now, due_);
  // In the order of the slots, so that it does not depend on how the wheel was filled.
  std::sort(due_.begin(), due_.end());
  for (const uint32_t index : due_) {
    const LinkId id = links_.id_at(index);
    if (Link* link = links_.find(id)) take_due(id, *link, now);
  }
  due_.clear();
  session_wheel_.advance(now, due_);
  std::sort(due_.begin(), due_.end());
  for (const uint32_t index : due_) {
    const SessionId id = sessions_.id_at(index);
    if (Session* session = sessions_.find(id)) take_session_due(id, *session, now);
  }
  const Instant release = release_more(now);
  watch_memory(now);
  if (!dirty_.empty() || !resumable_.empty() || goodbyes_due_ <= now || memory_turn_) flush_wanted_ = true;
  for (const ParcelPost& post : posts_) flush_wanted_ = flush_wanted_ || post.has_filled();
  const bool memory_short = counters_.memory_stage != 0;
  const Instant memory = memory_short ? now + MemoryLedger::kTurnMs : Instant::never();
  return std::min({wheel_.next(), session_wheel_.next(), release, goodbyes_due_, memory});
}

void Shard::take_due(LinkId id, Link& link, Instant now) {
  Session* session = sessions_.find(link.session);
  const bool unread = link.unread;
  link.unread = false;
  switch (link.state) {
    case LinkState::kLobby:
      // Armed with a deadline that has passed, it is looked at again in the next tick.
      if (unread) return wheel_.arm(id.index, link.deadline);
      if (now >= link.deadline) end_link(id, link, {v1::CODE_CONNECT_TIMEOUT, "no Connect came in time", 0}, now);
      break;
    case LinkState::kAsking:
      if (now >= link.deadline) end_link(id, link, {v1::CODE_SERVER_BUSY, "no answer about the credentials", 0}, now);
      break;
    case LinkState::kOpen:
      check_open(id, link, *session, unread, now);
      break;
    case LinkState::kLeaving:
    case LinkState::kClosing:
      if (now >= link.deadline) mark_dirty(id, link);
      break;
  }
  if (now < link.deadline || link.state == LinkState::kOpen) {
    wheel_.arm(id.index, next_due(link, sessions_.find(link.session)));
  }
}

void Shard::check_open(LinkId id, Link& link, Session& session, bool unread, Instant now) {
  const Limits& limits = config_.limits;
  const uint64_t silence_ms = link.reading && !unread ? now - link.last_heard : 0;
  const bool unfinished =
      !unread && link.partial_since != Instant::never() && now - link.partial_since >= limits.frame_deadline_ms;
  if (silence_ms >= dead_after(session)) {
    return end_link(id, link, {v1::CODE_KEEPALIVE_TIMEOUT, "nothing was heard for 1.5 keepalives", 0}, now);
  }
  if (unfinished) return protocol_error(id, link, "a frame was begun and not finished in time", now);
  if (is_slow(link, session) && now - link.blocked_since >= limits.slow_consumer_ms) {
    return end_link(id, link, {v1::CODE_SLOW_CONSUMER, "the client does not read", limits.pause_lease_ms}, now);
  }
  if (now >= link.deadline && link.contested) return end_contest(id, link, unread, now);
  if (now >= link.deadline) {
    ++counters_.connections_aged;
    const Farewell aged{v1::CODE_USE_ANOTHER_SERVER, "the connection has reached its age", 0};
    note(Event::Kind::kConnectionEnded, link, session.name.name(), session.number, aged.code, aged.text);
    return end_link_in_order(id, link, aged, now, SessionThen::kDetach);
  }
  if (silence_ms >= session.keepalive_ms && !link.pinged) {
    link.pinged = true;
    return control_of(session)->set_ping(now.ms);
  }
  // An idle client holds nothing it does not need.
  if (session.control != nullptr && session.control->empty()) session.control.reset();
  if (session.backlog != nullptr && session.backlog->empty()) session.backlog->free_memory();
}

// Whoever was heard since keeps its name. While it is not read it cannot be heard, and the clock stands.
void Shard::end_contest(LinkId id, Link& link, bool unread, Instant now) {
  // An answer may come within the millisecond of the question.
  const bool heard = !link.pinged || link.last_heard + kContestMs > link.deadline;
  if (link.reading && !unread && !heard) {
    const Bytes text = "the client was silent while another connection asked for its name";
    return end_link(id, link, {v1::CODE_KEEPALIVE_TIMEOUT, text, 0}, now);
  }
  link.contested = !heard;
  link.deadline = heard ? end_of_age(id, link.connected_at(now) + 100) : now + kContestMs;
}

// Whether bytes that the socket refuses are held against the client.
bool Shard::is_slow(const Link& link, const Session& session) const {
  return link.blocked && (queued_for(session, &link) > config_.limits.high_mark() || link.waits_for_control);
}

Instant Shard::next_due(const Link& link, const Session* session) const {
  if (link.state != LinkState::kOpen) return link.deadline;
  // While it is not read its life's clock stands; it is armed again when it is read.
  Instant due = link.deadline;
  if (link.reading) {
    due = std::min(due, link.last_heard + (link.pinged ? dead_after(*session) : session->keepalive_ms));
  }
  if (link.partial_since != Instant::never()) {
    due = std::min(due, link.partial_since + config_.limits.frame_deadline_ms);
  }
  if (is_slow(link, *session)) due = std::min(due, link.blocked_since + config_.limits.slow_consumer_ms);
  return due;
}

}  // namespace onehop::core
