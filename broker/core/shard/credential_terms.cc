// CredentialTerms: see the header.
#include "core/shard/credential_terms.h"

#include <algorithm>
#include <utility>

#include "core/base/limits.h"
#include "core/shard/shard_parts.h"

namespace onehop::core {

void CredentialTerms::begin(LinkId id, Link& link, Instant end) {
  if (end == Instant::never()) return;
  terms_[id.index].end = end;
  link.has_terms = true;
}

void CredentialTerms::handle_renew(LinkId id, Link& link, Session& session, Bytes body) {
  v1::Renew renew;
  if (!session.may_renew) return shard_.endings.protocol_error(id, link, "Renew needs the feature RENEWAL");
  if (!parse_body(body, renew)) return shard_.endings.protocol_error(id, link, "Renew does not parse");
  const bool has_answer = session.control != nullptr && session.control->has_renewed();
  if (has_answer || (link.has_terms && terms_.at(id.index).asked.value != 0)) {
    return shard_.endings.protocol_error(id, link, "Renew comes before the answer to the one before it");
  }
  const Ticket ticket{++next_ticket_};
  Question question{Question::Kind::kRenew, link.host, session.name.name(), renew.token()};
  question.session = session.number;
  Answer answer;
  if (shard_.host.ask(ticket, question, answer) == Answered::kNow) {
    const SessionId session_id = link.session;
    if (decide(id, link, session, answer)) shard_.revocation.judge_rights(session_id);
    return;
  }
  Terms& terms = terms_[id.index];
  link.has_terms = true;
  terms.asked = ticket;
  terms.gives_up = shard_.now() + kVerdictDeadlineMs;
  asked_.emplace(ticket.value, id);
  shard_.deadlines.arm_earlier(id.index, terms.gives_up);
}

bool CredentialTerms::on_answer(Ticket ticket, const Answer& answer) {
  if ((ticket.value & kOwnTickets) == 0) return false;
  const auto found = asked_.find(ticket.value);
  if (found == asked_.end()) return true;
  const LinkId id = found->second;
  Link& link = shard_.links[id.index];
  const SessionId session = link.session;
  if (!decide(id, link, shard_.sessions[session.index], answer)) return true;
  if (ticket.value <= old_tickets_end_) {
    shard_.revocation.judge(session);
  } else {
    shard_.revocation.judge_rights(session);
  }
  return true;
}

// A renewal that is refused changes nothing.
bool CredentialTerms::decide(LinkId id, Link& link, Session& session, const Answer& answer) {
  Terms terms;
  if (link.has_terms) terms = terms_.at(id.index);
  asked_.erase(terms.asked.value);
  const v1::Reason reason = reason_of(session, answer);
  const bool holds = reason == v1::REASON_UNSPECIFIED;
  count(reason);
  if (holds) terms.end = answer.credentials_end;
  forget(id, link);
  begin(id, link, terms.end);
  const bool tells_end = holds && link.has_terms;
  shard_.outcomes.control_of(session)->set_renewed(reason, tells_end ? left_ms(id) : 0);
  shard_.deadlines.arm(id.index, shard_.deadlines.next_due(link, &session));
  if (!holds) return false;
  shard_.note(Event::Kind::kSessionRenewed, link, session.name.name(), session.number, v1::CODE_UNSPECIFIED, {});
  // The new credentials may allow less.
  shard_.permissions.forget(link.session, session);
  return true;
}

v1::Reason CredentialTerms::reason_of(const Session& session, const Answer& answer) const {
  if (!answer.accepted) {
    if (answer.code == v1::CODE_SERVER_BUSY) return v1::REASON_BROKER_BUSY;
    return answer.code == v1::CODE_RATE_EXCEEDED ? v1::REASON_RATE_LIMITED : v1::REASON_NOT_AUTHORIZED;
  }
  const bool good = answer.principal == session.principal && answer.credentials_end > shard_.now();
  return good ? v1::REASON_UNSPECIFIED : v1::REASON_NOT_AUTHORIZED;
}

void CredentialTerms::count(v1::Reason reason) {
  if (reason == v1::REASON_UNSPECIFIED) {
    ++shard_.counters.renewals_accepted;
  } else if (reason == v1::REASON_BROKER_BUSY) {
    ++shard_.counters.renewals_undecided;
  } else {
    ++shard_.counters.renewals_refused;
  }
}

void CredentialTerms::forget(LinkId id, Link& link) {
  if (!link.has_terms) return;
  link.has_terms = false;
  const auto found = terms_.find(id.index);
  asked_.erase(found->second.asked.value);
  terms_.erase(found);
}

Instant CredentialTerms::next_due(LinkId id) const {
  const Terms& terms = terms_.at(id.index);
  return std::min(terms.end, terms.gives_up);
}

bool CredentialTerms::take_due(LinkId id, Link& link, Session& session) {
  const Terms& terms = terms_.at(id.index);
  if (terms.end <= shard_.now()) {
    ++shard_.counters.credentials_expired;
    shard_.note(Event::Kind::kConnectionEnded, link, session.name.name(), session.number, kCredentialsExpired.code,
                kCredentialsExpired.text);
    shard_.endings.end_link_in_order(id, link, kCredentialsExpired, SessionThen::kDetach);
    return true;
  }
  if (terms.gives_up <= shard_.now()) {
    Answer undecided;
    undecided.code = v1::CODE_SERVER_BUSY;
    decide(id, link, session, undecided);
  }
  return false;
}

uint32_t CredentialTerms::left_ms(LinkId id) const {
  const Instant end = terms_.at(id.index).end;
  if (end == Instant::never()) return 0;
  return static_cast<uint32_t>(std::clamp<uint64_t>(end - std::min(end, shard_.now()), 1, UINT32_MAX));
}

}  // namespace onehop::core
