// SubscriptionRights: see the header.
#include "core/shard/subscription_rights.h"

#include <string>
#include <utility>
#include <vector>

#include "core/base/limits.h"
#include "core/shard/shard_parts.h"

namespace onehop::core {

SubscriptionRights::SubscriptionRights(ShardParts& shard) : shard_(shard), account_(shard.counters.state_bytes) {}

bool SubscriptionRights::may(Link& link, Session& session, const v1::Subscribe& wanted) {
  if (!shard_.config.asks_permission) return true;
  Answer answer;
  const Asked asked{link.session, session.link, wanted, shard_.now() + kVerdictDeadlineMs};
  if (ask(session, asked, answer) == Answered::kLater) {
    link.waits_to_subscribe = true;
    return false;
  }
  if (answer.accepted) return true;
  refuse(session, wanted.ref(), answer);
  return false;
}

size_t SubscriptionRights::judge(SessionId id) {
  if (!shard_.config.asks_permission) return 0;
  size_t questions = ask_again([id](const Asked& asked) { return asked.session == id; });
  const Session* const session = shard_.sessions.find(id);
  if (session == nullptr) return questions;
  std::vector<std::string> filters;
  shard_.subscriptions.index().for_each_of(id.index, [&filters](Bytes filter) { filters.emplace_back(filter); });
  std::vector<v1::Subscribe> wanted(filters.size());
  for (size_t i = 0; i < filters.size(); ++i) wanted[i].set_topic(std::move(filters[i]));
  for (std::string& service : shard_.services.services_of(id)) wanted.emplace_back().set_service(std::move(service));
  for (const v1::Subscribe& one : wanted) {
    const Asked asked{id, {}, one, shard_.now() + kVerdictDeadlineMs};
    Answer answer;
    ++questions;
    if (ask(*session, asked, answer) == Answered::kLater || answer.accepted) continue;
    decide(asked, answer);  // The session, or its connection, has ended.
    return questions;
  }
  return questions;
}

// Forgets what was asked about these. Of a Subscribe the client still waits for the answer, so it is asked about again.
template <typename Matches>
size_t SubscriptionRights::ask_again(Matches matches) {
  std::vector<Asked> waiting;
  for (auto at = asked_.begin(); at != asked_.end();) {
    const auto here = at++;
    if (!matches(here->second)) continue;
    due_.erase({here->second.gives_up.ms, here->first});
    if (here->second.link) waiting.push_back(std::move(here->second));
    asked_.erase(here);
  }
  count_held();
  for (const Asked& asked : waiting) {
    const Session* const session = shard_.sessions.find(asked.session);
    Answer answer;
    if (session != nullptr && ask(*session, asked, answer) == Answered::kNow) decide(asked, answer);
  }
  return waiting.size();
}

Answered SubscriptionRights::ask(const Session& session, const Asked& asked, Answer& answer) {
  const Ticket ticket{++next_ticket_};
  const Link* const link = shard_.links.find(session.link);
  const bool serves = asked.wanted.to_case() == v1::Subscribe::kService;
  Question question{serves ? Question::Kind::kServe : Question::Kind::kSubscribe,
                    link == nullptr ? HostLink{} : link->host,
                    serves ? asked.wanted.service() : asked.wanted.topic(),
                    {}};
  question.session = session.number;
  question.sender = session.name.name();
  if (shard_.host.ask(ticket, question, answer) == Answered::kNow) return Answered::kNow;
  asked_.emplace(ticket.value, asked);
  due_.emplace(asked.gives_up.ms, ticket.value);
  count_held();
  return Answered::kLater;
}

// With a filter of usual length.
void SubscriptionRights::count_held() {
  constexpr size_t kEach = 2 * sizeof(Asked) + 128;
  account_.set(asked_.size() * kEach);
}

bool SubscriptionRights::on_answer(Ticket ticket, const Answer& answer) {
  if ((ticket.value & kOwnTickets) == 0 || ticket.value >= 2 * kOwnTickets) return false;
  auto found = asked_.extract(ticket.value);
  if (found.empty()) return true;
  due_.erase({found.mapped().gives_up.ms, ticket.value});
  count_held();
  decide(found.mapped(), answer);
  return true;
}

// A refusal with a code means that the host cannot decide now.
void SubscriptionRights::decide(const Asked& asked, const Answer& answer) {
  Session* const session = shard_.sessions.find(asked.session);
  if (session == nullptr) return;
  if (!asked.link) {
    const bool serves = asked.wanted.to_case() == v1::Subscribe::kService;
    const bool has_it = serves ? shard_.services.has(asked.session, asked.wanted.service())
                               : shard_.subscriptions.has(asked.session, asked.wanted.topic());
    if (answer.accepted || !has_it) return;
    return answer.code == 0 ? shard_.revocation.end(asked.session) : shard_.revocation.disconnect(asked.session);
  }
  // A client whose connection has broken repeats what was not answered.
  Link* const link = shard_.links.find(asked.link);
  if (session->link != asked.link || link == nullptr || link->state != LinkState::kOpen) return;
  if (answer.accepted) {
    shard_.subscriptions.subscribe(asked.session, *session, asked.wanted);
  } else {
    refuse(*session, asked.wanted.ref(), answer);
  }
  link->waits_to_subscribe = false;
  shard_.links.may_go_on(asked.link);
}

void SubscriptionRights::refuse(Session& session, uint64_t ref, const Answer& answer) {
  if (answer.code == 0) return shard_.subscriptions.answer(session, ref, v1::REASON_NOT_AUTHORIZED);
  const uint32_t retry_after_ms = shard_.jittered_lease(shard_.origin_of(shard_.links[session.link.index].session));
  shard_.subscriptions.answer(session, ref, v1::REASON_BROKER_BUSY, retry_after_ms);
}

void SubscriptionRights::policy_changed() {
  ask_again([](const Asked&) { return true; });
}

Instant SubscriptionRights::advance() {
  while (!due_.empty() && Instant{due_.begin()->first} <= shard_.now()) {
    Answer cannot_say;
    cannot_say.code = v1::CODE_SERVER_BUSY;
    on_answer(Ticket{due_.begin()->second}, cannot_say);
  }
  return due_.empty() ? Instant::never() : Instant{due_.begin()->first};
}

}  // namespace onehop::core
