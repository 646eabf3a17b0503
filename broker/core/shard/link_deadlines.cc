// LinkDeadlines: when the deadline of a link comes, the link is looked at as a whole.
#include "core/shard/link_deadlines.h"

#include <algorithm>

#include "core/shard/shard_parts.h"

namespace onehop::core {

void LinkDeadlines::advance() {
  due_.clear();
  wheel_.advance(shard_.now(), due_);
  // In the order of the slots, so that it does not depend on how the wheel was filled.
  std::sort(due_.begin(), due_.end());
  for (const uint32_t index : due_) {
    const LinkId id = shard_.links.id_at(index);
    if (Link* link = shard_.links.find(id)) take_due(id, *link);
  }
}

void LinkDeadlines::take_due(LinkId id, Link& link) {
  Session* session = shard_.sessions.find(link.session);
  const bool unread = link.unread;
  link.unread = false;
  switch (link.state) {
    case LinkState::kLobby:
      // Armed with a deadline that has passed, it is looked at again in the next tick.
      if (unread) return wheel_.arm(id.index, link.deadline);
      if (shard_.now() >= link.deadline)
        shard_.endings.end_link(id, link, {v1::CODE_CONNECT_TIMEOUT, "no Connect came in time", 0});
      break;
    case LinkState::kAsking:
      if (shard_.now() >= link.deadline)
        shard_.endings.end_link(id, link, {v1::CODE_SERVER_BUSY, "no answer about the credentials", 0});
      break;
    case LinkState::kOpen:
      check_open(id, link, *session, unread);
      break;
    case LinkState::kLeaving:
    case LinkState::kClosing:
      if (shard_.now() >= link.deadline) shard_.writer.mark_dirty(id, link);
      break;
  }
  if (shard_.now() < link.deadline || link.state == LinkState::kOpen) {
    wheel_.arm(id.index, next_due(link, shard_.sessions.find(link.session)));
  }
}

void LinkDeadlines::check_open(LinkId id, Link& link, Session& session, bool unread) {
  if (link.has_terms && shard_.terms.take_due(id, link, session)) return;
  const Limits& limits = shard_.config.limits;
  const uint64_t silence_ms = link.reading && !unread ? shard_.now() - link.last_heard : 0;
  const bool unfinished = !unread && link.partial_since != Instant::never() &&
                          shard_.now() - link.partial_since >= limits.frame_deadline_ms;
  if (silence_ms >= dead_after(session)) {
    return shard_.endings.end_link(id, link, {v1::CODE_KEEPALIVE_TIMEOUT, "nothing was heard for 1.5 keepalives", 0});
  }
  if (unfinished) return shard_.endings.protocol_error(id, link, "a frame was begun and not finished in time");
  if (is_slow(link, session) && shard_.now() - link.blocked_since >= limits.slow_consumer_ms) {
    return shard_.endings.end_link(id, link,
                                   {v1::CODE_SLOW_CONSUMER, "the client does not read", limits.pause_lease_ms});
  }
  if (shard_.now() >= link.deadline && link.contested) return end_contest(id, link, unread);
  if (shard_.now() >= link.deadline) {
    ++shard_.counters.connections_aged;
    const Farewell aged{v1::CODE_USE_ANOTHER_SERVER, "the connection has reached its age", 0};
    shard_.note(Event::Kind::kConnectionEnded, link, session.name.name(), session.number, aged.code, aged.text);
    return shard_.endings.end_link_in_order(id, link, aged, SessionThen::kDetach);
  }
  if (silence_ms >= session.keepalive_ms && !link.pinged) {
    link.pinged = true;
    return shard_.outcomes.control_of(session)->set_ping(shard_.now().ms);
  }
  // An idle client holds nothing it does not need.
  if (session.control != nullptr && session.control->empty()) session.control.reset();
  if (session.backlog != nullptr && session.backlog->empty()) session.backlog->free_memory();
}

// Whoever was heard since keeps its name. While it is not read it cannot be heard, and the clock stands.
void LinkDeadlines::end_contest(LinkId id, Link& link, bool unread) {
  // An answer may come within the millisecond of the question.
  const bool heard = !link.pinged || link.last_heard + kContestMs > link.deadline;
  if (link.reading && !unread && !heard) {
    const Bytes text = "the client was silent while another connection asked for its name";
    return shard_.endings.end_link(id, link, {v1::CODE_KEEPALIVE_TIMEOUT, text, 0});
  }
  link.contested = !heard;
  link.deadline = heard ? end_of_age(id, link.connected_at(shard_.now()) + 100) : shard_.now() + kContestMs;
}

// Whether bytes that the socket refuses are held against the client.
bool LinkDeadlines::is_slow(const Link& link, const Session& session) const {
  return link.blocked && (queued_for(session, &link) > shard_.config.limits.high_mark() || link.waits_for_control);
}

Instant LinkDeadlines::next_due(const Link& link, const Session* session) const {
  if (link.state != LinkState::kOpen) return link.deadline;
  // While it is not read its life's clock stands; it is armed again when it is read.
  Instant due = link.deadline;
  if (link.reading) {
    due = std::min(due, link.last_heard + (link.pinged ? dead_after(*session) : session->keepalive_ms));
  }
  if (link.partial_since != Instant::never()) {
    due = std::min(due, link.partial_since + shard_.config.limits.frame_deadline_ms);
  }
  if (is_slow(link, *session)) due = std::min(due, link.blocked_since + shard_.config.limits.slow_consumer_ms);
  if (link.has_terms) due = std::min(due, shard_.terms.next_due(session->link));
  return due;
}

Instant LinkDeadlines::end_of_age(LinkId id, Instant from) const {
  const uint64_t age_ms = shard_.config.limits.connection_age_ms_max;
  if (age_ms == 0 || shard_.links[id.index].ageless) return Instant::never();
  return from + (age_ms * 9 / 10 + age_ms * shard_.spread_of(shard_.origin_of(id)) / 5120);
}

void LinkDeadlines::take_new_limits(bool other_age) {
  shard_.links.for_each([this, other_age](LinkId id, Link& link) {
    if (link.state != LinkState::kOpen) return;
    if (other_age && !link.contested) link.deadline = end_of_age(id, shard_.now());
    wheel_.arm(id.index, next_due(link, shard_.sessions.find(link.session)));
  });
}

}  // namespace onehop::core
