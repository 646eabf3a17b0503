// Revocation: see the header.
#include "core/shard/revocation.h"

#include "core/shard/shard_parts.h"

namespace onehop::core {

void Revocation::policy_changed() {
  if (!shard_.config.asks_who_stays && !shard_.config.asks_permission) return;
  left_ = ring_ = shard_.sessions.slots();
  if (next_ >= ring_) next_ = 0;
}

Instant Revocation::advance() {
  size_t questions = 0;
  for (uint32_t looked_at = 0; left_ != 0 && looked_at < kPlacesInTurn && questions < kPlacesInTurn;
       ++looked_at, --left_) {
    questions += judge(shard_.sessions.id_at(next_));
    if (++next_ == ring_) next_ = 0;
  }
  return left_ == 0 ? Instant::never() : shard_.now() + 1;
}

size_t Revocation::judge(SessionId id) {
  const Session* const session = shard_.sessions.find(id);
  if (session == nullptr) return 0;
  const bool stays = !shard_.config.asks_who_stays || may_stay(id);
  return 1 + (stays ? judge_rights(id) : 0);
}

size_t Revocation::judge_rights(SessionId id) {
  const size_t questions = shard_.subscription_rights.judge(id);
  return questions + shard_.presence_rights.judge(id);
}

bool Revocation::may_stay(SessionId id) {
  const Session* const session = shard_.sessions.find(id);
  const Link* const link = shard_.links.find(session->link);
  Question question{Question::Kind::kStay, link == nullptr ? HostLink{} : link->host, session->name.name(), {}};
  question.session = session->number;
  Answer answer;
  shard_.host.ask({}, question, answer);
  if (answer.accepted) return true;
  if (answer.code == 0) {
    end(id);
  } else {
    disconnect(id, static_cast<v1::Code>(answer.code));
  }
  return false;
}

void Revocation::end(SessionId id) {
  const Session* const session = shard_.sessions.find(id);
  Link* const link = shard_.links.find(session->link);
  ++shard_.counters.sessions_revoked;
  const Farewell farewell{v1::CODE_NOT_AUTHORIZED, "permissions were taken away", 0};
  if (link != nullptr) return shard_.endings.end_link(session->link, *link, farewell, SessionThen::kEnd);
  shard_.sessions.end_session(id, Event::Kind::kSessionEnded, farewell);
}

void Revocation::disconnect(SessionId id, v1::Code code) {
  const LinkId link = shard_.sessions.find(id)->link;
  if (Link* const found = shard_.links.find(link)) {
    shard_.endings.end_link(link, *found, {code, "the permissions cannot be checked now", 0});
  }
}

}  // namespace onehop::core
