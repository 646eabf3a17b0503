// Shard: how a connection becomes a client, and how both end.
#include <algorithm>
#include <cassert>
#include <utility>

#include "core/lobby.h"
#include "core/name.h"
#include "core/name_hash.h"
#include "core/shard.h"

namespace onehop::core {
namespace {

uint32_t clamp_or_default(uint32_t value, uint32_t fallback, uint32_t low, uint32_t high) {
  return value == 0 ? fallback : std::clamp(value, low, high);
}

}  // namespace

// Reads the first frame. True if the link now has a session and its next frames may be decoded.
bool Shard::pass_lobby(LinkId id, Link& link, Input& in, Instant now) {
  FrameView frame;
  Farewell farewell;
  scratch_connect_.Clear();
  switch (read_first_frame(link.decoder, in, scratch_connect_, frame, farewell)) {
    case FirstFrame::kNeedMore:
      return false;
    case FirstFrame::kReject:
      refuse_connect(id, link, scratch_connect_.name(), farewell, now);
      return false;
    case FirstFrame::kConnect:
      break;
  }
  const Bytes name = scratch_connect_.name();
  link.home = name.empty() ? config_.index : home_shard(name_hash(name, config_.hash_key), config_.count);
  if (link.home != config_.index) {
    link.decoder.put_back(in, frame);
    link.decoder.save(in);
    link.state = LinkState::kLeaving;
    mark_dirty(id, link);
    return false;
  }
  ask(id, link, scratch_connect_, now);
  if (link.state == LinkState::kOpen) return true;
  if (link.state == LinkState::kAsking) link.decoder.save(in);
  return false;
}

void Shard::ask(LinkId id, Link& link, const v1::Connect& connect, Instant now) {
  const Ticket ticket{next_ticket_++};
  Answer answer;
  const Question question{Question::Kind::kAuthenticate, link.host, connect.name(), connect.token()};
  if (host_.ask(ticket, question, answer) == Verdict::kAnswered) return take_answer(id, link, connect, answer, now);
  link.asking = std::make_unique<Asking>(Asking{ticket, connect});
  link.state = LinkState::kAsking;
  link.deadline = now + kConnectDeadlineMs;
  wheel_.arm(id.index, link.deadline);
  asking_.emplace(ticket.value, id);
  stop_reading(link);
}

void Shard::on_answer(Ticket ticket, const Answer& answer, Instant now) {
  const auto found = asking_.find(ticket.value);
  if (found == asking_.end()) return;
  const LinkId id = found->second;
  asking_.erase(found);
  Link* link = links_.find(id);
  if (link == nullptr || link->state != LinkState::kAsking) return;
  const std::unique_ptr<Asking> asking = std::move(link->asking);
  link->state = LinkState::kLobby;
  take_answer(id, *link, asking->connect, answer, now);
  resume_reading(*link, now);
  if (link->state == LinkState::kOpen) resumable_.push_back(id);
}

void Shard::take_answer(LinkId id, Link& link, const v1::Connect& connect, const Answer& answer, Instant now) {
  if (answer.accepted) return claim(id, link, connect, answer, now);
  const auto code = answer.code == 0 ? v1::CODE_BAD_CREDENTIALS : static_cast<v1::Code>(answer.code);
  refuse_connect(id, link, connect.name(), {code, answer.text, answer.retry_after_ms}, now);
}

// Gives the name to the link: as a resumed session, or as a new one if its owner, should it have one, gives way.
void Shard::claim(LinkId id, Link& link, const v1::Connect& connect, const Answer& answer, Instant now) {
  const uint32_t principal = answer.principal;
  std::string name = connect.name();
  uint64_t hash = name_hash(name, config_.hash_key);
  SessionId elder = name.empty() ? SessionId{} : directory_.find(name, hash);
  if (elder && holds_token(sessions_[elder.index], connect, principal)) return resume(id, link, elder, connect, now);
  if (name.empty() || is_generated_name(name)) {
    name = make_name();
    hash = name_hash(name, config_.hash_key);
    elder = {};
  }
  if (const Refusal& full = answer.one_more; !elder && full.code != 0) {
    return refuse_connect(id, link, name, {static_cast<v1::Code>(full.code), full.text, full.retry_after_ms}, now);
  }
  if (!elder && !has_place_for_client()) return refuse_full_house(id, link, connect.name(), now);
  Farewell refusal;
  if (elder && !displace(elder, connect, principal, refusal, now)) return refuse_connect(id, link, name, refusal, now);
  open_session(id, link, connect, principal, name, hash);
}

void Shard::refuse_full_house(LinkId id, Link& link, Bytes name, Instant now) {
  ++counters_.connects_refused_full;
  if (sessions_.size() >= config_.limits.sessions_max) {
    return refuse_connect(id, link, name, {v1::CODE_SERVER_BUSY, "the broker has all the clients it takes", 0}, now);
  }
  const uint32_t retry_after_ms = jittered_lease(origin_of({id.index, id.generation}));
  refuse_connect(id, link, name, {v1::CODE_SERVER_BUSY, "the broker is short of memory", retry_after_ms}, now);
}

// Whether the elder owner of a name gives way to a newcomer without its token; if so, it has ended.
bool Shard::displace(SessionId elder_id, const v1::Connect& connect, uint32_t principal, Farewell& refusal,
                     Instant now) {
  Session& elder = sessions_[elder_id.index];
  const Farewell farewell{v1::CODE_SESSION_TAKEN_OVER, "another connection took the name over", 0};
  const bool wanted = connect.on_conflict() == v1::ON_CONFLICT_TAKE_OVER;
  const bool abandoned = !elder.link && elder.principal == principal;
  refusal = {v1::CODE_NAME_IN_USE, "the name is in use", 0};
  if (!wanted && !abandoned) {
    if (elder.principal == principal) {
      refusal.retry_after_ms = contest(elder.link, links_[elder.link.index], elder, now);
    }
    return false;
  }
  if (!takeovers_.allow(elder.name_hash, now, refusal.retry_after_ms)) {
    refusal.text = "the name was taken over too often just now";
    return false;
  }
  ++counters_.takeovers;
  if (const LinkId link = elder.link) {
    end_link(link, links_[link.index], farewell, now, SessionThen::kEnd);
  } else {
    end_session(elder_id, Event::Kind::kTakenOver, farewell);
  }
  return true;
}

// Somebody else asks for the name of a client that is connected, or seems to be: a device that lost power may be the
// same, come back. The client is asked whether it is there; if it is not heard in time its connection ends, and with it
// what keeps the name from the next who asks. Returns when that will be known.
uint32_t Shard::contest(LinkId id, Link& link, Session& session, Instant now) {
  const bool ends_anyway = link.deadline <= now + kContestMs;
  if (!link.contested && !ends_anyway) {
    link.contested = true;
    link.deadline = now + kContestMs;
    wheel_.arm_earlier(id.index, link.deadline);
    link.pinged = true;
    control_of(session)->set_ping(now.ms);
  }
  return static_cast<uint32_t>(std::max<uint64_t>(1, link.deadline - now));
}

void Shard::open_session(LinkId id, Link& link, const v1::Connect& connect, uint32_t principal, Bytes name,
                         uint64_t hash) {
  const Limits& limits = config_.limits;
  const SessionId session_id = sessions_.insert();
  Session& session = sessions_[session_id.index];
  session.name = NameStamp(name);
  session.number = next_session_;
  next_session_ += config_.count;
  session.name_hash = hash;
  session.principal = principal;
  session.frame_bytes_max = std::max(connect.frame_bytes_max(), kFrameBytesMaxFloor);
  if (connect.frame_bytes_max() == 0) session.frame_bytes_max = limits.frame_bytes_max;
  session.receive_window = static_cast<uint16_t>(
      clamp_or_default(connect.receive_window(), limits.receive_window_default, 1, limits.receive_window_max));
  session.ordered_refusals = (connect.features() & kFeaturesServed & kFeatureOrderedRefusals) != 0;
  directory_.insert(session_id);
  ++counters_.sessions;
  ++counters_.sessions_opened;
  counters_.state_bytes += session.name.held_bytes();
  attach(id, link, session_id, session, connect);
  answer_connected(link, session, false);
  note(Event::Kind::kSessionOpened, link, name, session.number, v1::CODE_UNSPECIFIED, {});
}

// The session talks through this link from now on.
void Shard::attach(LinkId id, Link& link, SessionId session_id, Session& session, const v1::Connect& connect) {
  const Limits& limits = config_.limits;
  session.keepalive_ms = clamp_or_default(connect.keepalive_ms(), limits.keepalive_ms_default, limits.keepalive_ms_min,
                                          limits.keepalive_ms_max);
  session.session_expiry_ms = std::min(connect.session_expiry_ms(), limits.session_expiry_ms_max);
  session.link = id;
  if (session.away != nullptr) uncount_away(session_id, session);
  session.away.reset();
  link.session = session_id;
  link.connected_ds = static_cast<uint32_t>(link.last_heard.ms / 100);
  link.state = LinkState::kOpen;
  link.deadline = end_of_age(id, link.last_heard);
  mark_dirty(id, link);
  wheel_.arm(id.index, next_due(link, &session));
}

void Shard::answer_connected(Link& link, const Session& session, bool resumed) {
  const Limits& limits = config_.limits;
  v1::Frame frame;
  v1::Connected& connected = *frame.mutable_connected();
  connected.set_name(std::string(session.name.name()));
  connected.set_protocol_version(kProtocolVersion);
  connected.set_server(config_.server);
  connected.set_resume_token(resume_token(session));
  connected.set_resumed(resumed);
  connected.set_session(session.number);
  connected.set_keepalive_ms(session.keepalive_ms);
  connected.set_session_expiry_ms(session.session_expiry_ms);
  connected.set_frame_bytes_max(limits.frame_bytes_max);
  connected.set_send_window(limits.send_window);
  connected.set_send_window_bytes(limits.send_bytes_max());
  connected.set_last_id(session.last_id);
  connected.set_features(session.ordered_refusals ? kFeatureOrderedRefusals : 0);
  connected.set_ttl_ms_max(limits.ttl_ms_max);
  connected.set_start_grace_ms(start_grace_left(link.last_heard));
  counters_.queued_bytes += append_frame(link.output, segments_, frame);
}

// ~ and thirteen letters and digits; made until one lives here and is free.
std::string Shard::make_name() {
  for (;;) {
    uint64_t bits;
    host_.random({reinterpret_cast<char*>(&bits), sizeof bits});
    std::string name = "~";
    for (int i = 0; i < 13; ++i, bits >>= 5) name += "abcdefghijklmnopqrstuvwxyz234567"[bits & 31];
    const uint64_t hash = name_hash(name, config_.hash_key);
    if (home_shard(hash, config_.count) == config_.index && !directory_.find(name, hash)) return name;
  }
}

void Shard::refuse_connect(LinkId id, Link& link, Bytes name, const Farewell& farewell, Instant now) {
  ++counters_.connects_refused;
  note(Event::Kind::kConnectRefused, link, name, 0, farewell.code, farewell.text);
  begin_closing(id, link, farewell, now);
}

void Shard::end_link(LinkId id, Link& link, const Farewell& farewell, Instant now, SessionThen then) {
  if (link.state == LinkState::kClosing) return;
  if (link.state != LinkState::kOpen) return refuse_connect(id, link, {}, farewell, now);
  drop_output(link);
  Session& session = sessions_[link.session.index];
  note(Event::Kind::kConnectionEnded, link, session.name.name(), session.number, farewell.code, farewell.text);
  leave(link.session, session, farewell, then, now);
  begin_closing(id, link, farewell, now);
}

void Shard::end_link_in_order(LinkId id, Link& link, const Farewell& farewell, Instant now, SessionThen then) {
  if (Session* session = sessions_.find(link.session)) {
    link.control_bytes_left = 0;
    encode_control(id, link, *session);
    leave(link.session, *session, farewell, then, now);
  }
  begin_closing(id, link, farewell, now);
}

// All but the frame that has been begun.
void Shard::drop_output(Link& link) {
  const size_t queued_bytes = link.output.bytes();
  const size_t messages = link.output.count_frames(is_unconfirmed_delivery);
  link.output.drop_unbegun(segments_);
  counters_.messages_dropped += messages - link.output.count_frames(is_unconfirmed_delivery);
  counters_.queued_bytes -= queued_bytes - link.output.bytes();
}

void Shard::begin_closing(LinkId id, Link& link, const Farewell& farewell, Instant now) {
  assert(link.state != LinkState::kClosing);
  link.state = LinkState::kClosing;
  link.waits_for_credit = link.waits_for_control = false;
  drop_question(link);
  if (farewell.code != v1::CODE_UNSPECIFIED) {
    counters_.queued_bytes += append_goodbye(link.output, segments_, farewell);
  }
  link.deadline = now + kClosingDeadlineMs;
  wheel_.arm(id.index, link.deadline);
  resume_reading(link, now);  // To discard what still comes.
  mark_dirty(id, link);
}

// Nobody waits for the answer any more.
void Shard::drop_question(Link& link) {
  if (link.asking == nullptr) return;
  asking_.erase(link.asking->ticket.value);
  link.asking.reset();
}

// Not while it decodes: at the flush that follows.
void Shard::drop_decoder(Link& link) {
  counters_.decoder_bytes -= link.decoder.held_bytes();
  link.decoder = {};
}

void Shard::forget_link(LinkId id, Link& link) {
  drop_question(link);
  drop_decoder(link);
  counters_.messages_dropped += link.output.count_frames(is_unconfirmed_delivery);
  counters_.queued_bytes -= link.output.bytes();
  link.output.clear(segments_);
  wheel_.disarm(id.index);
  links_.erase(id);
  --counters_.links;
}

}  // namespace onehop::core
