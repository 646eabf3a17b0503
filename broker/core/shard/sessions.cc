// Sessions: how a session ends, or waits for its client to come back.
#include "core/shard/sessions.h"

#include <sodium/crypto_generichash.h>
#include <sodium/utils.h>

#include <algorithm>
#include <utility>

#include "core/shard/shard_parts.h"

namespace onehop::core {

Sessions::Sessions(ShardParts& shard) : shard_(shard), next_number_(shard.config.first_session + shard.config.index) {}

uint64_t Sessions::take_number() {
  const uint64_t number = next_number_;
  next_number_ += shard_.config.count;
  return number;
}

// The session's number, and a keyed hash of it and the name: the broker need not remember tokens, it computes them
// again.
std::string Sessions::resume_token(const Session& session) const {
  std::string text(sizeof session.number, '\0');
  write_fixed64(text.data(), session.number);
  std::string token = text;
  text += session.name.name();
  unsigned char mac[16];
  crypto_generichash(mac, sizeof mac, reinterpret_cast<const unsigned char*>(text.data()), text.size(),
                     shard_.config.token_key.data(), shard_.config.token_key.size());
  return token.append(reinterpret_cast<const char*>(mac), sizeof mac);
}

bool Sessions::holds_token(const Session& session, const v1::Connect& connect, uint32_t principal) const {
  const std::string token = resume_token(session);
  const std::string& shown = connect.resume_token();
  return shown.size() == token.size() && sodium_memcmp(shown.data(), token.data(), token.size()) == 0 &&
         session.principal == principal;
}

void Sessions::detach(Session& session) {
  shard_.presence.detached(shard_.links[session.link.index].session);
  shard_.links[session.link.index].session = {};
  session.away = std::make_unique<Away>(Away{std::exchange(session.link, {})});
  session.control.reset();
  if (session.backlog != nullptr) {
    session.backlog->window_full_since = Instant::never();
    session.backlog->free_memory();
  }
  if (session.sending == nullptr) return;
  session.sending->pong_wanted = false;
  session.sending->ping_waits = false;
}

void Sessions::end_or_detach(SessionId id, Session& session, const Farewell& farewell, SessionThen then) {
  const Link& link = shard_.links[session.link.index];
  if (then == SessionThen::kEnd || session.session_expiry_ms == 0 || shard_.shutdown.draining()) {
    const bool taken_over = then == SessionThen::kEnd && farewell.code == v1::CODE_SESSION_TAKEN_OVER;
    return end_session(id, taken_over ? Event::Kind::kTakenOver : Event::Kind::kSessionEnded, farewell);
  }
  shard_.note(Event::Kind::kSessionDetached, link, session.name.name(), session.number, farewell.code, farewell.text);
  const Instant heard = link.last_heard;
  detach(session);
  session.away->left = shard_.now();
  session.away->expires = shard_.now() + session.session_expiry_ms;
  if (session.is_instance) shard_.services.update(id, session);
  wheel_.arm(id.index, next_session_due(session));
  shard_.memory.count_away(id, session);
  shard_.presence_home.left(session, heard);
}

void Sessions::end_session(SessionId id, Event::Kind how, const Farewell& farewell) {
  Session& session = sessions_[id.index];
  const HostLink link = session.link ? shard_.links[session.link.index].host : HostLink{};
  shard_.host.note(
      {how, link, session.name.name(), session.number, static_cast<uint32_t>(farewell.code), farewell.text});
  // First: what it sent to itself is told to nobody any more.
  if (session.link) detach(session);
  shard_.services.session_ended(id, session);
  shard_.outcomes.lose(session, shard_.shutdown.draining() ? v1::REASON_SHUTTING_DOWN : v1::REASON_CONNECTION_LOST);
  shard_.requests.session_ended(id);
  const Origin origin = shard_.origin_of(id);
  if (session.sending != nullptr) shard_.flow.sender_ended(origin, *session.sending);
  if (session.senders != nullptr) {
    for (const Origin& sender : session.senders->gates()) {
      shard_.crossing.tell_peer(RecordKind::kGateOpened, sender, origin, sender.shard);
    }
    shard_.flow.release_later({session.name.name()}, std::move(session.senders));
  }
  shard_.permissions.session_ended(id);
  shard_.subscriptions.session_ended(id);
  shard_.topics.session_ended(id);
  shard_.presence.session_ended(id);
  shard_.presence_home.ended(session, farewell);
  shard_.memory.uncount_away(id, session);
  shard_.counters.state_bytes -= session.name.held_bytes();
  wheel_.disarm(id.index);
  directory_.erase(id);
  sessions_.erase(id);
  --shard_.counters.sessions;
}

Instant Sessions::next_session_due(const Session& session) const {
  Instant due = session.away == nullptr ? Instant::never() : session.away->expires;
  if (session.away != nullptr && session.is_instance) {
    const Instant moves = ServiceMoves::not_waited_for(*session.away);
    if (moves > shard_.now()) due = std::min(due, moves);
  }
  const Backlog* const backlog = session.backlog.get();
  if (backlog == nullptr) return due;
  due = std::min(due, backlog->earliest_deadline());
  if (backlog->window_full_since == Instant::never()) return due;
  return std::min(due, backlog->window_full_since + shard_.config.limits.ack_timeout_ms);
}

void Sessions::take_session_due(SessionId id, Session& session) {
  if (session.away != nullptr && session.away->expires <= shard_.now()) {
    return end_session(id, Event::Kind::kSessionEnded, {v1::CODE_UNSPECIFIED, "the session expired", 0});
  }
  if (session.away != nullptr && session.is_instance) shard_.moves.move_if_away(id);
  if (session.backlog != nullptr && session.backlog->earliest_deadline() <= shard_.now()) {
    shard_.outcomes.expire(session);
    if (!session.link) {
      if (session.backlog->empty()) session.backlog->free_memory();
      shard_.memory.count_away(id, session);
    }
    // On a connection its flush would see to that.
    const bool low =
        !session.link && session.senders != nullptr && queued_for(session, nullptr) <= shard_.config.limits.low_mark();
    if (low) shard_.flow.release_senders(id, session);
  }
  const bool settles_nothing = session.link && session.backlog != nullptr && window_was_full_too_long(session);
  if (settles_nothing) {
    const LinkId link = session.link;
    shard_.endings.end_link(link, shard_.links[link.index], {v1::CODE_SLOW_CONSUMER, "the client settles nothing", 0});
    if (sessions_.find(id) == nullptr) return;
  }
  wheel_.arm(id.index, next_session_due(session));
}

// Of a session that is connected and has a backlog.
bool Sessions::window_was_full_too_long(const Session& session) {
  Instant& full_since = session.backlog->window_full_since;
  if (full_since == Instant::never()) return false;
  // While its connection is not read, its verdicts may be waiting there: the clock stands.
  if (!shard_.links[session.link.index].reading) full_since = shard_.now();
  if (full_since + shard_.config.limits.ack_timeout_ms > shard_.now()) return false;
  full_since = Instant::never();
  return true;
}

void Sessions::advance() {
  due_.clear();
  wheel_.advance(shard_.now(), due_);
  std::sort(due_.begin(), due_.end());
  for (const uint32_t index : due_) {
    const SessionId id = sessions_.id_at(index);
    if (Session* session = sessions_.find(id)) take_session_due(id, *session);
  }
}

// What was measured by the old rates says nothing about the new ones; and deadlines may be earlier now.
void Sessions::take_new_limits(bool other_rates) {
  sessions_.for_each([this, other_rates](SessionId id, Session& session) {
    if (other_rates && session.sending != nullptr) session.sending->rate = {};
    wheel_.arm(id.index, next_session_due(session));
  });
}

}  // namespace onehop::core
