// SubscriptionRights: see the header.
#include "core/shard/subscription_rights.h"

#include <utility>
#include <vector>

#include "core/base/limits.h"
#include "core/shard/shard_parts.h"

namespace onehop::core {

bool SubscriptionRights::may(Link& link, Session& session, const v1::Subscribe& wanted) {
  if (!shard_.config.asks_permission) return true;
  Answer answer;
  if (ask(session, {link.session, session.link, wanted}, answer) == Answered::kLater) {
    link.waits_to_send = true;
    return false;
  }
  if (answer.accepted) return true;
  refuse(session, wanted.ref(), answer);
  return false;
}

void SubscriptionRights::judge(SessionId id) {
  const Session* const session = shard_.sessions.find(id);
  if (!shard_.config.asks_permission || session == nullptr) return;
  std::vector<v1::Subscribe> all;
  shard_.subscriptions.index().for_each_of(id.index,
                                           [&all](Bytes filter) { all.emplace_back().set_topic(std::string(filter)); });
  for (v1::Subscribe& one : all) {
    Asked asked{id, {}, std::move(one)};
    Answer answer;
    if (ask(*session, asked, answer) == Answered::kLater || answer.accepted) continue;
    return decide(asked, answer);  // The session has ended.
  }
}

Answered SubscriptionRights::ask(const Session& session, const Asked& asked, Answer& answer) {
  const Ticket ticket{++next_ticket_};
  const Link* const link = shard_.links.find(session.link);
  Question question{Question::Kind::kSubscribe, link == nullptr ? HostLink{} : link->host, asked.wanted.topic(), {}};
  question.session = session.number;
  question.sender = session.name.name();
  if (shard_.host.ask(ticket, question, answer) == Answered::kNow) return Answered::kNow;
  // Nobody waits for those that have been answered.
  while (!due_.empty() && !asked_.contains(due_.front().ticket.value)) due_.pop_front();
  asked_.emplace(ticket.value, asked);
  due_.push_back({shard_.now() + kVerdictDeadlineMs, ticket});
  return Answered::kLater;
}

bool SubscriptionRights::on_answer(Ticket ticket, const Answer& answer) {
  if ((ticket.value & kOwnTickets) == 0 || ticket.value >= 2 * kOwnTickets) return false;
  auto found = asked_.extract(ticket.value);
  if (!found.empty()) decide(found.mapped(), answer);
  return true;
}

// A refusal with a code means that the host cannot decide now. A session with such a subscription ends all the same, so
// that it does not keep what it may not have.
void SubscriptionRights::decide(const Asked& asked, const Answer& answer) {
  Session* const session = shard_.sessions.find(asked.session);
  if (session == nullptr) return;
  if (!asked.link) {
    if (answer.accepted || !shard_.subscriptions.has(asked.session, asked.wanted.topic())) return;
    return shard_.revocation.end(asked.session, answer.code == 0);
  }
  // A client whose connection has broken repeats what was not answered.
  Link* const link = shard_.links.find(asked.link);
  if (session->link != asked.link || link == nullptr || link->state != LinkState::kOpen) return;
  if (answer.accepted) {
    shard_.subscriptions.subscribe(asked.session, *session, asked.wanted);
  } else {
    refuse(*session, asked.wanted.ref(), answer);
  }
  link->waits_to_send = false;
  shard_.links.may_go_on(asked.link);
}

void SubscriptionRights::refuse(Session& session, uint64_t ref, const Answer& answer) {
  if (answer.code == 0) return shard_.subscriptions.answer(session, ref, v1::REASON_NOT_AUTHORIZED);
  const uint32_t retry_after_ms = shard_.jittered_lease(shard_.origin_of(shard_.links[session.link.index].session));
  shard_.subscriptions.answer(session, ref, v1::REASON_BROKER_BUSY, retry_after_ms);
}

void SubscriptionRights::policy_changed() {
  due_.clear();
  for (auto& [ticket, asked] : std::exchange(asked_, {})) {
    const Session* const session = shard_.sessions.find(asked.session);
    Answer answer;
    if (session != nullptr && ask(*session, asked, answer) == Answered::kNow) decide(asked, answer);
  }
}

Instant SubscriptionRights::advance() {
  while (!due_.empty() && due_.front().at <= shard_.now()) {
    const Ticket ticket = due_.front().ticket;
    due_.pop_front();
    Answer cannot_say;
    cannot_say.code = v1::CODE_SERVER_BUSY;
    on_answer(ticket, cannot_say);
  }
  return due_.empty() ? Instant::never() : due_.front().at;
}

}  // namespace onehop::core
