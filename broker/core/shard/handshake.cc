// Handshake: from the first frame of a connection to its session.
#include "core/shard/handshake.h"

#include <algorithm>
#include <utility>

#include "core/base/name.h"
#include "core/base/name_hash.h"
#include "core/shard/shard_parts.h"
#include "core/wire/lobby.h"

namespace onehop::core {
namespace {

uint32_t clamp_or_default(uint32_t value, uint32_t fallback, uint32_t low, uint32_t high) {
  return value == 0 ? fallback : std::clamp(value, low, high);
}

}  // namespace

bool Handshake::pass_lobby(LinkId id, Link& link, Input& in) {
  FrameView frame;
  Farewell farewell;
  connect_.Clear();
  switch (read_first_frame(link.decoder, in, connect_, frame, farewell)) {
    case FirstFrame::kNeedMore:
      return false;
    case FirstFrame::kReject:
      shard_.endings.refuse_connect(id, link, connect_.name(), farewell);
      return false;
    case FirstFrame::kConnect:
      break;
  }
  const Bytes name = connect_.name();
  link.home =
      name.empty() ? shard_.config.index : home_shard(name_hash(name, shard_.config.hash_key), shard_.config.count);
  if (link.home != shard_.config.index) {
    link.decoder.put_back(in, frame);
    link.decoder.save(in);
    link.state = LinkState::kLeaving;
    shard_.writer.mark_dirty(id, link);
    return false;
  }
  ask(id, link, connect_);
  if (link.state == LinkState::kOpen) return true;
  if (link.state == LinkState::kAsking) link.decoder.save(in);
  return false;
}

void Handshake::ask(LinkId id, Link& link, const v1::Connect& connect) {
  const Ticket ticket{next_ticket_++};
  Answer answer;
  Question question{Question::Kind::kAuthenticate, link.host, connect.name(), connect.token()};
  question.take_over = connect.on_conflict() == v1::ON_CONFLICT_TAKE_OVER;
  if (shard_.host.ask(ticket, question, answer) == Answered::kNow) return take_answer(id, link, connect, answer);
  link.asking = std::make_unique<Asking>(Asking{ticket, connect});
  link.state = LinkState::kAsking;
  link.deadline = shard_.now() + kConnectDeadlineMs;
  shard_.deadlines.arm(id.index, link.deadline);
  asking_.emplace(ticket.value, id);
  shard_.links.stop_reading(link);
}

void Handshake::on_answer(Ticket ticket, const Answer& answer) {
  const auto found = asking_.find(ticket.value);
  if (found == asking_.end()) return;
  const LinkId id = found->second;
  asking_.erase(found);
  Link* link = shard_.links.find(id);
  if (link == nullptr || link->state != LinkState::kAsking) return;
  const std::unique_ptr<Asking> asking = std::move(link->asking);
  link->state = LinkState::kLobby;
  take_answer(id, *link, asking->connect, answer);
  const bool is_old = ticket.value < old_tickets_end_;
  if (is_old && link->state == LinkState::kOpen) shard_.revocation.judge(link->session);
  shard_.links.resume_reading(*link);
  if (link->state == LinkState::kOpen) shard_.links.may_go_on(id);
}

void Handshake::policy_changed() {
  if (shard_.config.asks_who_stays) old_tickets_end_ = next_ticket_;
}

void Handshake::take_answer(LinkId id, Link& link, const v1::Connect& connect, const Answer& answer) {
  if (answer.accepted && answer.credentials_end <= shard_.now()) {
    return shard_.endings.refuse_connect(id, link, connect.name(), kCredentialsExpired);
  }
  if (answer.accepted) return claim(id, link, connect, answer);
  const auto code = answer.code == 0 ? v1::CODE_BAD_CREDENTIALS : static_cast<v1::Code>(answer.code);
  shard_.endings.refuse_connect(id, link, connect.name(), {code, answer.text, answer.retry_after_ms});
}

// Gives the name to the link. A valid resume token resumes the owner's session. Otherwise a new session is opened, if
// the name has no owner or its owner gives way.
void Handshake::claim(LinkId id, Link& link, const v1::Connect& connect, const Answer& answer) {
  const uint32_t principal = answer.principal;
  std::string name = connect.name();
  uint64_t hash = name_hash(name, shard_.config.hash_key);
  SessionId elder = name.empty() ? SessionId{} : shard_.sessions.find_name(name, hash);
  if (elder && shard_.sessions.holds_token(shard_.sessions[elder.index], connect, principal))
    return resume(id, link, elder, connect, answer.credentials_end);
  if (name.empty() || is_generated_name(name)) {
    name = make_name();
    hash = name_hash(name, shard_.config.hash_key);
    elder = {};
  }
  if (const Refusal& full = answer.one_more; !elder && full.code != 0) {
    return shard_.endings.refuse_connect(id, link, name,
                                         {static_cast<v1::Code>(full.code), full.text, full.retry_after_ms});
  }
  if (!elder && !shard_.memory.has_place_for_client()) return refuse_full_house(id, link, connect.name());
  Farewell refusal;
  if (elder && !displace(elder, connect, answer, refusal))
    return shard_.endings.refuse_connect(id, link, name, refusal);
  open_session(id, link, connect, answer, name, hash);
}

void Handshake::refuse_full_house(LinkId id, Link& link, Bytes name) {
  ++shard_.counters.connects_refused_full;
  if (shard_.sessions.size() >= shard_.config.limits.sessions_max) {
    return shard_.endings.refuse_connect(id, link, name,
                                         {v1::CODE_SERVER_BUSY, "the broker has all the clients it takes", 0});
  }
  const uint32_t retry_after_ms = shard_.jittered_lease(shard_.origin_of(id));
  shard_.endings.refuse_connect(id, link, name,
                                {v1::CODE_SERVER_BUSY, "the broker is short of memory", retry_after_ms});
}

// Whether the elder owner of a name gives way to a newcomer without its token; if so, it has ended.
bool Handshake::displace(SessionId elder_id, const v1::Connect& connect, const Answer& answer, Farewell& refusal) {
  const uint32_t principal = answer.principal;
  Session& elder = shard_.sessions[elder_id.index];
  const Farewell farewell{v1::CODE_SESSION_TAKEN_OVER, "another connection took the name over", 0};
  const bool wanted = connect.on_conflict() == v1::ON_CONFLICT_TAKE_OVER;
  const bool abandoned = !elder.link && elder.principal == principal;
  refusal = {v1::CODE_NAME_IN_USE, "the name is in use", 0};
  if (!wanted && !abandoned) {
    if (elder.principal == principal) {
      refusal.retry_after_ms = contest(elder.link, shard_.links[elder.link.index], elder);
    }
    return false;
  }
  if (!abandoned && !answer.may_take_over) {
    refusal = {v1::CODE_NOT_AUTHORIZED, "the client may not take this name over", 0};
    return false;
  }
  if (!takeovers_.allow(elder.name_hash, shard_.now(), refusal.retry_after_ms)) {
    refusal.text = "the name was taken over too often just now";
    return false;
  }
  ++shard_.counters.takeovers;
  if (const LinkId link = elder.link) {
    shard_.endings.end_link(link, shard_.links[link.index], farewell, SessionThen::kEnd);
  } else {
    shard_.sessions.end_session(elder_id, Event::Kind::kTakenOver, farewell);
  }
  return true;
}

// A newcomer asks for the name of a client that seems to be connected. The newcomer may be the same device, back after
// a loss of power. So the connected client is pinged. If nothing is heard from it in time, its connection ends, and the
// next newcomer with the same principal gets the name. Returns after how many milliseconds that will be known.
uint32_t Handshake::contest(LinkId id, Link& link, Session& session) {
  const bool ends_anyway = link.deadline <= shard_.now() + kContestMs;
  if (!link.contested && !ends_anyway) {
    link.contested = true;
    link.deadline = shard_.now() + kContestMs;
    shard_.deadlines.arm_earlier(id.index, link.deadline);
    link.pinged = true;
    shard_.outcomes.control_of(session)->set_ping(shard_.now().ms);
  }
  return static_cast<uint32_t>(std::max<uint64_t>(1, link.deadline - shard_.now()));
}

void Handshake::open_session(LinkId id, Link& link, const v1::Connect& connect, const Answer& answer, Bytes name,
                             uint64_t hash) {
  const Limits& limits = shard_.config.limits;
  const SessionId session_id = shard_.sessions.insert();
  Session& session = shard_.sessions[session_id.index];
  session.name = NameStamp(name);
  session.number = shard_.sessions.take_number();
  session.name_hash = hash;
  session.principal = answer.principal;
  session.frame_bytes_max = std::max(connect.frame_bytes_max(), kFrameBytesMaxFloor);
  if (connect.frame_bytes_max() == 0) session.frame_bytes_max = limits.frame_bytes_max;
  session.receive_window = static_cast<uint16_t>(
      clamp_or_default(connect.receive_window(), limits.receive_window_default, 1, limits.receive_window_max));
  session.ordered_refusals = (connect.features() & kFeatureOrderedRefusals) != 0;
  session.may_renew = (connect.features() & kFeatureRenewal) != 0;
  session.uses_topics = (connect.features() & kFeatureTopics) != 0;
  session.uses_replies = (connect.features() & kFeatureReplies) != 0;
  session.uses_presence = (connect.features() & kFeaturePresence) != 0;
  shard_.sessions.add_name(session_id);
  ++shard_.counters.sessions;
  ++shard_.counters.sessions_opened;
  shard_.counters.state_bytes += session.name.held_bytes();
  attach(id, link, session_id, session, connect, answer.credentials_end);
  answer_connected(link, session, false);
  shard_.note(Event::Kind::kSessionOpened, link, name, session.number, v1::CODE_UNSPECIFIED, {});
}

// The session talks through this link from now on.
void Handshake::attach(LinkId id, Link& link, SessionId session_id, Session& session, const v1::Connect& connect,
                       Instant credentials_end) {
  const Limits& limits = shard_.config.limits;
  session.keepalive_ms = clamp_or_default(connect.keepalive_ms(), limits.keepalive_ms_default, limits.keepalive_ms_min,
                                          limits.keepalive_ms_max);
  session.session_expiry_ms = std::min(connect.session_expiry_ms(), limits.session_expiry_ms_max);
  session.link = id;
  if (session.away != nullptr) shard_.memory.uncount_away(session_id, session);
  session.away.reset();
  link.session = session_id;
  link.connected_ds = static_cast<uint32_t>(link.last_heard.ms / 100);
  link.state = LinkState::kOpen;
  link.deadline = shard_.deadlines.end_of_age(id, link.last_heard);
  shard_.terms.begin(id, link, credentials_end);
  shard_.writer.mark_dirty(id, link);
  if (session.is_instance) shard_.services.update(session_id, session);
  shard_.deadlines.arm(id.index, shard_.deadlines.next_due(link, &session));
  shard_.presence_home.connected(session);
}

void Handshake::answer_connected(Link& link, const Session& session, bool resumed) {
  const Limits& limits = shard_.config.limits;
  v1::Frame frame;
  v1::Connected& connected = *frame.mutable_connected();
  connected.set_name(std::string(session.name.name()));
  connected.set_protocol_version(kProtocolVersion);
  connected.set_server(shard_.config.server);
  connected.set_resume_token(shard_.sessions.resume_token(session));
  connected.set_resumed(resumed);
  connected.set_session(session.number);
  connected.set_keepalive_ms(session.keepalive_ms);
  connected.set_session_expiry_ms(session.session_expiry_ms);
  connected.set_frame_bytes_max(limits.frame_bytes_max);
  connected.set_send_window(limits.send_window);
  connected.set_send_window_bytes(limits.send_bytes_max());
  connected.set_last_id(session.last_id);
  connected.set_features((session.ordered_refusals ? kFeatureOrderedRefusals : 0) |
                         (session.may_renew ? kFeatureRenewal : 0) | (session.uses_topics ? kFeatureTopics : 0) |
                         (session.uses_presence ? kFeaturePresence : 0) | (session.uses_replies ? kFeatureReplies : 0));
  connected.set_ttl_ms_max(limits.ttl_ms_max);
  connected.set_start_grace_ms(shard_.start_grace_left());
  if (link.has_terms) connected.set_credentials_expire_in_ms(shard_.terms.left_ms(session.link));
  shard_.counters.queued_bytes += append_frame(link.output, shard_.segments, frame);
}

// ~ and thirteen letters and digits; made until one lives here and is free.
std::string Handshake::make_name() {
  for (;;) {
    uint64_t bits;
    shard_.host.random({reinterpret_cast<char*>(&bits), sizeof bits});
    std::string name = "~";
    for (int i = 0; i < 13; ++i, bits >>= 5) name += "abcdefghijklmnopqrstuvwxyz234567"[bits & 31];
    const uint64_t hash = name_hash(name, shard_.config.hash_key);
    if (home_shard(hash, shard_.config.count) == shard_.config.index && !shard_.sessions.find_name(name, hash))
      return name;
  }
}

void Handshake::drop_question(Link& link) {
  if (link.asking == nullptr) return;
  asking_.erase(link.asking->ticket.value);
  link.asking.reset();
}

// Nothing is taken from the elder connection before all of this is known to be right.
void Handshake::resume(LinkId id, Link& link, SessionId session_id, const v1::Connect& connect,
                       Instant credentials_end) {
  Session& session = shard_.sessions[session_id.index];
  if (const Bytes wrong = wrong_with_resume(session, connect); !wrong.empty()) {
    return shard_.endings.refuse_connect(id, link, connect.name(), {v1::CODE_PROTOCOL_ERROR, wrong, 0});
  }
  if (connect.attempt() <= session.attempt) {
    const Farewell late{v1::CODE_SESSION_TAKEN_OVER, "a later connection has resumed the session", 0};
    return shard_.endings.refuse_connect(id, link, connect.name(), late);
  }
  if (session.backlog != nullptr && shard_.now() + kResumesAheadMs < session.backlog->resumes_paid) {
    const auto wait_ms = static_cast<uint32_t>(session.backlog->resumes_paid - (shard_.now() + kResumesAheadMs));
    const Farewell hasty{v1::CODE_SERVER_BUSY, "the session was resumed too often just now", wait_ms};
    return shard_.endings.refuse_connect(id, link, connect.name(), hasty);
  }
  silence_elder(session);
  ++shard_.counters.sessions_resumed;
  session.attempt = connect.attempt();
  session.repeating = true;
  if (speaks_of(session, connect.ack())) {
    shard_.outcomes.take_verdicts(session, connect.ack());
  } else {
    ++shard_.counters.stale_acks;
  }
  if (session.sending != nullptr) {
    session.sending->receipts.acknowledge(acked_receipts(session, connect));
    session.sending->receipts.repeat();
    session.has_receipts = session.sending->receipts.has_untold();
  }
  if (session.backlog != nullptr) {
    Backlog& backlog = *session.backlog;
    backlog.resumes_paid = std::max(backlog.resumes_paid, shard_.now()) +
                           (backlog.open() + backlog.unsent()) / kResumedDeliveriesPerMs +
                           (backlog.open_bytes() + backlog.unsent_bytes()) / kResumedBytesPerMs;
    backlog.rewind(connect.received_up_to());
  }
  attach(id, link, session_id, session, connect, credentials_end);
  // The new credentials may allow less.
  shard_.permissions.forget(session_id, session);
  answer_connected(link, session, true);
  shard_.sessions.arm(session_id.index, shard_.sessions.next_session_due(session));
  shard_.note(Event::Kind::kSessionResumed, link, session.name.name(), session.number, v1::CODE_UNSPECIFIED, {});
  shard_.presence.resumed(session_id, session);
  shard_.revocation.judge_rights(session_id);
}

// What breaks the rules in a Connect that holds the session's token; or nothing.
Bytes Handshake::wrong_with_resume(const Session& session, const v1::Connect& connect) const {
  if (connect.attempt() == 0) return "the first resume is attempt 1";
  const uint64_t highest = session.backlog == nullptr ? 0 : session.backlog->highest_sent();
  if (connect.received_up_to() > highest) return "received_up_to is above every delivery tag given";
  if (acked_receipts(session, connect) > (session.sending == nullptr ? 0 : session.sending->receipts.last_seq())) {
    return "receipts_up_to is above every seq given";
  }
  return speaks_of(session, connect.ack()) ? shard_.outcomes.wrong_with_verdicts(session, connect.ack()) : Bytes();
}

// The receipts that the client has, by its own word and by its ack.
uint64_t Handshake::acked_receipts(const Session& session, const v1::Connect& connect) {
  const uint64_t by_ack = speaks_of(session, connect.ack()) ? connect.ack().receipts_up_to() : 0;
  return std::max(connect.receipts_up_to(), by_ack);
}

// Ends the link that the session had until now. Its queued frames are dropped, except the rest of one that has begun;
// what the backlog and the receipt log hold is sent again on the new link.
void Handshake::silence_elder(Session& session) {
  const Farewell farewell{v1::CODE_SESSION_TAKEN_OVER, "another connection resumed the session", 0};
  const LinkId elder = session.link ? session.link : session.away->left_link;
  Link* link = shard_.links.find(elder);
  if (link == nullptr) return;
  shard_.endings.drop_output(*link);
  if (link->state == LinkState::kClosing) {
    shard_.counters.queued_bytes += append_goodbye(link->output, shard_.segments, farewell);
    return;
  }
  shard_.sessions.detach(session);
  shard_.note(Event::Kind::kConnectionEnded, *link, session.name.name(), session.number, farewell.code, farewell.text);
  shard_.endings.begin_closing(elder, *link, farewell);
}

}  // namespace onehop::core
