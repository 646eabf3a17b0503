// Revocation: see the header.
#include "core/shard/revocation.h"

#include "core/shard/shard_parts.h"

namespace onehop::core {
namespace {

constexpr Bytes kCannotSay = "the permissions cannot be checked now";

}  // namespace

void Revocation::policy_changed() {
  if (!shard_.config.asks_who_stays && !shard_.config.asks_permission) return;
  left_ = ring_ = shard_.sessions.slots();
  if (next_ >= ring_) next_ = 0;
}

Instant Revocation::advance() {
  for (uint32_t looked_at = 0; left_ != 0 && looked_at < kPlacesInTurn; ++looked_at, --left_) {
    judge(shard_.sessions.id_at(next_));
    if (++next_ == ring_) next_ = 0;
  }
  return left_ == 0 ? Instant::never() : shard_.now() + 1;
}

void Revocation::judge(SessionId id) {
  const Session* const session = shard_.sessions.find(id);
  if (session == nullptr) return;
  if (!shard_.config.asks_who_stays || may_stay(id)) shard_.subscription_rights.judge(id);
}

bool Revocation::may_stay(SessionId id) {
  const Session* const session = shard_.sessions.find(id);
  Link* const link = shard_.links.find(session->link);
  Question question{Question::Kind::kStay, link == nullptr ? HostLink{} : link->host, session->name.name(), {}};
  question.session = session->number;
  Answer answer;
  shard_.host.ask({}, question, answer);
  if (answer.accepted) return true;
  if (answer.code == 0) {
    end(id, true);
  } else if (link != nullptr) {
    shard_.endings.end_link(session->link, *link, {static_cast<v1::Code>(answer.code), kCannotSay, 0});
  }
  return false;
}

void Revocation::end(SessionId id, bool is_denied) {
  const Session* const session = shard_.sessions.find(id);
  Link* const link = shard_.links.find(session->link);
  if (is_denied) ++shard_.counters.sessions_revoked;
  const Farewell farewell = is_denied ? Farewell{v1::CODE_NOT_AUTHORIZED, "permissions were taken away", 0}
                                      : Farewell{v1::CODE_SERVER_BUSY, kCannotSay, 0};
  if (link != nullptr) return shard_.endings.end_link(session->link, *link, farewell, SessionThen::kEnd);
  shard_.sessions.end_session(id, Event::Kind::kSessionEnded, farewell);
}

}  // namespace onehop::core
