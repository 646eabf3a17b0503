// Shard: sessions that outlive their connections. A session is attached to a link, or away until it is resumed or its
// time is over; what it had open then is lost, and its senders are told.
#include <sodium/crypto_generichash.h>
#include <sodium/utils.h>

#include <algorithm>
#include <utility>

#include "core/shard.h"

namespace onehop::core {

// The session's number, and a keyed hash of it and the name: the broker need not remember tokens, it computes them
// again.
std::string Shard::resume_token(const Session& session) const {
  std::string text(sizeof session.number, '\0');
  write_fixed64(text.data(), session.number);
  std::string token = text;
  text += session.name.name();
  unsigned char mac[16];
  crypto_generichash(mac, sizeof mac, reinterpret_cast<const unsigned char*>(text.data()), text.size(),
                     config_.token_key.data(), config_.token_key.size());
  return token.append(reinterpret_cast<const char*>(mac), sizeof mac);
}

bool Shard::holds_token(const Session& session, const v1::Connect& connect, uint32_t principal) const {
  const std::string token = resume_token(session);
  const std::string& shown = connect.resume_token();
  return shown.size() == token.size() && sodium_memcmp(shown.data(), token.data(), token.size()) == 0 &&
         session.principal == principal;
}

// The receipts that the client has, by its own word and by its ack.
uint64_t Shard::acked_receipts(const Session& session, const v1::Connect& connect) {
  const uint64_t by_ack = speaks_of(session, connect.ack()) ? connect.ack().receipts_up_to() : 0;
  return std::max(connect.receipts_up_to(), by_ack);
}

// What breaks the rules in a Connect that holds the session's token; or nothing.
Bytes Shard::wrong_with_resume(const Session& session, const v1::Connect& connect) const {
  if (connect.attempt() == 0) return "the first resume is attempt 1";
  const uint64_t highest = session.backlog == nullptr ? 0 : session.backlog->highest_sent();
  if (connect.received_up_to() > highest) return "received_up_to is above every delivery tag given";
  if (acked_receipts(session, connect) > (session.sending == nullptr ? 0 : session.sending->receipts.last_seq())) {
    return "receipts_up_to is above every seq given";
  }
  return speaks_of(session, connect.ack()) ? wrong_with_verdicts(session, connect.ack()) : Bytes();
}

// Nothing is taken from the elder connection before all of this is known to be right.
void Shard::resume(LinkId id, Link& link, SessionId session_id, const v1::Connect& connect, Instant now) {
  Session& session = sessions_[session_id.index];
  if (const Bytes wrong = wrong_with_resume(session, connect); !wrong.empty()) {
    return refuse_connect(id, link, connect.name(), {v1::CODE_PROTOCOL_ERROR, wrong, 0}, now);
  }
  if (connect.attempt() <= session.attempt) {
    const Farewell late{v1::CODE_SESSION_TAKEN_OVER, "a later connection has resumed the session", 0};
    return refuse_connect(id, link, connect.name(), late, now);
  }
  if (session.backlog != nullptr && now + kResumesAheadMs < session.backlog->resumes_paid) {
    const auto wait_ms = static_cast<uint32_t>(session.backlog->resumes_paid - (now + kResumesAheadMs));
    const Farewell hasty{v1::CODE_SERVER_BUSY, "the session was resumed too often just now", wait_ms};
    return refuse_connect(id, link, connect.name(), hasty, now);
  }
  silence_elder(session, now);
  ++counters_.sessions_resumed;
  session.attempt = connect.attempt();
  session.repeating = true;
  if (speaks_of(session, connect.ack())) {
    take_verdicts(session, connect.ack(), now);
  } else {
    ++counters_.stale_acks;
  }
  if (session.sending != nullptr) {
    session.sending->receipts.acknowledge(acked_receipts(session, connect));
    session.sending->receipts.repeat();
    session.has_receipts = session.sending->receipts.has_untold();
  }
  if (session.backlog != nullptr) {
    Backlog& backlog = *session.backlog;
    backlog.resumes_paid = std::max(backlog.resumes_paid, now) +
                           (backlog.open() + backlog.unsent()) / kResumedDeliveriesPerMs +
                           (backlog.open_bytes() + backlog.unsent_bytes()) / kResumedBytesPerMs;
    backlog.rewind(connect.received_up_to());
  }
  attach(id, link, session_id, session, connect);
  answer_connected(link, session, true);
  session_wheel_.arm(session_id.index, next_session_due(session));
  note(Event::Kind::kSessionResumed, link, session.name.name(), session.number, v1::CODE_UNSPECIFIED, {});
}

// Nothing more of what is queued for the session may go out on the connection it had: it will come again on the new
// one.
void Shard::silence_elder(Session& session, Instant now) {
  const Farewell farewell{v1::CODE_SESSION_TAKEN_OVER, "another connection resumed the session", 0};
  const LinkId elder = session.link ? session.link : session.away->left_link;
  Link* link = links_.find(elder);
  if (link == nullptr) return;
  drop_output(*link);
  if (link->state == LinkState::kClosing) {
    counters_.queued_bytes += append_goodbye(link->output, segments_, farewell);
    return;
  }
  detach(session);
  note(Event::Kind::kConnectionEnded, *link, session.name.name(), session.number, farewell.code, farewell.text);
  begin_closing(elder, *link, farewell, now);
}

// The session and its link no longer know each other. What only that connection was to hear is forgotten.
void Shard::detach(Session& session) {
  links_[session.link.index].session = {};
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

// The session's connection is at its end.
void Shard::leave(SessionId id, Session& session, const Farewell& farewell, SessionThen then, Instant now) {
  const Link& link = links_[session.link.index];
  if (then == SessionThen::kEnd || session.session_expiry_ms == 0 || draining_) {
    const bool taken_over = then == SessionThen::kEnd && farewell.code == v1::CODE_SESSION_TAKEN_OVER;
    return end_session(id, taken_over ? Event::Kind::kTakenOver : Event::Kind::kSessionEnded, farewell);
  }
  note(Event::Kind::kSessionDetached, link, session.name.name(), session.number, farewell.code, farewell.text);
  detach(session);
  session.away->left = now;
  session.away->expires = now + session.session_expiry_ms;
  session_wheel_.arm(id.index, next_session_due(session));
  count_away(id, session);
}

// For good: the name is free, and everybody who waits for this session hears of it.
void Shard::end_session(SessionId id, Event::Kind how, const Farewell& farewell) {
  Session& session = sessions_[id.index];
  const HostLink link = session.link ? links_[session.link.index].host : HostLink{};
  host_.note({how, link, session.name.name(), session.number, static_cast<uint32_t>(farewell.code), farewell.text});
  // First: what it sent to itself is told to nobody any more.
  if (session.link) detach(session);
  lose(session, draining_ ? v1::REASON_SHUTTING_DOWN : v1::REASON_CONNECTION_LOST);
  const Origin origin = origin_of(id);
  if (session.sending != nullptr) sender_ended(origin, *session.sending);
  if (session.senders != nullptr) {
    for (const Origin& sender : session.senders->gates()) {
      tell_peer(RecordKind::kGateOpened, sender, origin, sender.shard);
    }
    released_.push_back({std::string(session.name.name()), std::move(session.senders)});
  }
  uncount_away(id, session);
  counters_.state_bytes -= session.name.held_bytes();
  session_wheel_.disarm(id.index);
  directory_.erase(id);
  sessions_.erase(id);
  --counters_.sessions;
}

// What a session waits for beside its link: its end while it is away, the earliest ttl, verdicts that do not come.
Instant Shard::next_session_due(const Session& session) const {
  Instant due = session.away == nullptr ? Instant::never() : session.away->expires;
  const Backlog* const backlog = session.backlog.get();
  if (backlog == nullptr) return due;
  due = std::min(due, backlog->earliest_deadline());
  if (backlog->window_full_since == Instant::never()) return due;
  return std::min(due, backlog->window_full_since + config_.limits.ack_timeout_ms);
}

void Shard::take_session_due(SessionId id, Session& session, Instant now) {
  if (session.away != nullptr && session.away->expires <= now) {
    return end_session(id, Event::Kind::kSessionEnded, {v1::CODE_UNSPECIFIED, "the session expired", 0});
  }
  if (session.backlog != nullptr && session.backlog->earliest_deadline() <= now) {
    expire(session, now);
    if (!session.link) {
      if (session.backlog->empty()) session.backlog->free_memory();
      count_away(id, session);
    }
    // On a connection its flush would see to that.
    const bool low =
        !session.link && session.senders != nullptr && queued_for(session, nullptr) <= config_.limits.low_mark();
    if (low) release_senders(id, session);
  }
  const bool settles_nothing = session.link && session.backlog != nullptr && window_was_full_too_long(session, now);
  if (settles_nothing) {
    const LinkId link = session.link;
    end_link(link, links_[link.index], {v1::CODE_SLOW_CONSUMER, "the client settles nothing", 0}, now);
    if (sessions_.find(id) == nullptr) return;
  }
  session_wheel_.arm(id.index, next_session_due(session));
}

// Of a session that is connected and has a backlog.
bool Shard::window_was_full_too_long(const Session& session, Instant now) {
  Instant& full_since = session.backlog->window_full_since;
  if (full_since == Instant::never()) return false;
  // While its connection is not read, its verdicts may be waiting there: the clock stands.
  if (!links_[session.link.index].reading) full_since = now;
  if (full_since + config_.limits.ack_timeout_ms > now) return false;
  full_since = Instant::never();
  return true;
}

// Stopping, in three steps. Every shard settles what its recipients have open and admits nothing more; every shard
// hears from every other that it has, behind the last of its receipts; then everybody is told goodbye, receipts first.
void Shard::stop(Instant now) {
  if (std::exchange(stopping_, true)) {
    // There is no more time to wait for other shards.
    if (goodbyes_due_ != Instant::never()) goodbyes_due_ = now;
    return;
  }
  draining_ = true;
  flush_wanted_ = true;  // Where nothing is open the goodbyes are due at once.
  goodbyes_due_ = now + kClosingDeadlineMs;
  sessions_.for_each([this](SessionId id, Session& session) {
    if (session.link) return lose(session, v1::REASON_SHUTTING_DOWN);
    end_session(id, Event::Kind::kSessionEnded, {v1::CODE_SERVER_SHUTTING_DOWN, "the broker is going down", 0});
  });
  for (ShardIndex shard = 0; shard < config_.count; ++shard) {
    if (shard == config_.index) continue;
    ++stops_outstanding_;
    tell_peer(RecordKind::kStopping, origin_of({}), {}, shard);
  }
  for (const ShardIndex asker : std::exchange(stop_askers_, {})) answer_stopping(asker);
}

void Shard::answer_stopping(ShardIndex asker) {
  tell_peer(RecordKind::kStopped, {Origin::Kind::kNone, 0, asker, 0, {}}, {}, asker);
  ++stops_answered_;
}

void Shard::say_goodbyes(Instant now) {
  goodbyes_due_ = Instant::never();
  links_.for_each([this, now](LinkId id, Link& link) {
    if (link.state == LinkState::kClosing) return;
    const bool open = link.state == LinkState::kOpen;
    const Farewell farewell = going_down(origin_of(open ? link.session : SessionId{id.index, id.generation}));
    if (!open) return refuse_connect(id, link, {}, farewell, now);
    end_link_in_order(id, link, farewell, now, SessionThen::kEnd);
  });
}

}  // namespace onehop::core
