// PresenceRights: see the header.
#include "core/shard/presence_rights.h"

#include <vector>

#include "core/base/limits.h"
#include "core/shard/shard_parts.h"

namespace onehop::core {
namespace {

PresencePattern pattern_of(const v1::Watch& watch) {
  return {watch.has_prefix() ? Bytes(watch.prefix()) : Bytes(watch.name()), watch.has_prefix()};
}

v1::Reason reason_of_refusal(const Answer& refusal) {
  return refusal.code == 0 ? v1::REASON_NOT_AUTHORIZED : v1::REASON_BROKER_BUSY;
}

}  // namespace

PresenceRights::PresenceRights(ShardParts& shard) : shard_(shard), account_(shard.counters.state_bytes) {}

bool PresenceRights::may(Link& link, Session& session, const v1::Watch& wanted) {
  if (!shard_.config.asks_permission) return true;
  Answer answer;
  const Asked asked{link.session, session.link, wanted, shard_.now() + kVerdictDeadlineMs};
  if (ask(session, asked, answer) == Answered::kLater) {
    link.waits_to_subscribe = true;
    return false;
  }
  if (!answer.accepted) shard_.presence.end_watch(link.session, session, wanted.ref(), reason_of_refusal(answer));
  return answer.accepted;
}

size_t PresenceRights::judge(SessionId id) {
  if (!shard_.config.asks_permission) return 0;
  size_t questions = ask_again([id](const Asked& asked) { return asked.session == id; });
  const Session* const session = shard_.sessions.find(id);
  if (session == nullptr || !session->link) return questions;
  std::vector<Asked> watches;
  shard_.presence.for_each_of(id, [this, id, &watches](uint64_t ref, const PresencePattern& pattern) {
    Asked& asked = watches.emplace_back(Asked{id, {}, {}, shard_.now() + kVerdictDeadlineMs});
    asked.wanted.set_ref(ref);
    if (pattern.is_prefix) {
      asked.wanted.set_prefix(std::string(pattern.text));
    } else {
      asked.wanted.set_name(std::string(pattern.text));
    }
  });
  for (const Asked& asked : watches) {
    Answer answer;
    ++questions;
    if (ask(*session, asked, answer) == Answered::kNow) decide(asked, answer);
  }
  return questions;
}

// Forgets what was asked about these. Of a Watch the client still waits for the answer, so it is asked about again.
template <typename Matches>
size_t PresenceRights::ask_again(Matches matches) {
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

// A name has no asterisk, so one at the end says that all names are meant that begin with what is before it.
Answered PresenceRights::ask(const Session& session, const Asked& asked, Answer& answer) {
  const Ticket ticket{++next_ticket_};
  const Link* const link = shard_.links.find(session.link);
  const PresencePattern pattern = pattern_of(asked.wanted);
  std::string who(pattern.text);
  if (pattern.is_prefix) who += '*';
  Question question{Question::Kind::kWatch, link == nullptr ? HostLink{} : link->host, who, {}};
  question.session = session.number;
  question.sender = session.name.name();
  if (shard_.host.ask(ticket, question, answer) == Answered::kNow) return Answered::kNow;
  asked_.emplace(ticket.value, asked);
  due_.emplace(asked.gives_up.ms, ticket.value);
  count_held();
  return Answered::kLater;
}

// With a name of usual length.
void PresenceRights::count_held() {
  constexpr size_t kEach = 2 * sizeof(Asked) + 128;
  account_.set(asked_.size() * kEach);
}

bool PresenceRights::on_answer(Ticket ticket, const Answer& answer) {
  if ((ticket.value & kOwnTickets) == 0 || ticket.value >= 2 * kOwnTickets) return false;
  auto found = asked_.extract(ticket.value);
  if (found.empty()) return true;
  due_.erase({found.mapped().gives_up.ms, ticket.value});
  count_held();
  decide(found.mapped(), answer);
  return true;
}

void PresenceRights::decide(const Asked& asked, const Answer& answer) {
  Session* const session = shard_.sessions.find(asked.session);
  if (session == nullptr) return;
  const uint64_t ref = asked.wanted.ref();
  if (!asked.link) {
    const bool ends =
        !answer.accepted && session->link && shard_.presence.has(asked.session, ref, pattern_of(asked.wanted));
    if (ends) shard_.presence.end_watch(asked.session, *session, ref, reason_of_refusal(answer));
    return;
  }
  // A client whose connection has broken repeats what was not answered.
  Link* const link = shard_.links.find(asked.link);
  if (session->link != asked.link || link == nullptr || link->state != LinkState::kOpen) return;
  if (answer.accepted) {
    shard_.presence.watch(asked.session, *session, asked.wanted);
  } else {
    shard_.presence.end_watch(asked.session, *session, ref, reason_of_refusal(answer));
  }
  link->waits_to_subscribe = false;
  shard_.links.may_go_on(asked.link);
}

void PresenceRights::policy_changed() {
  ask_again([](const Asked&) { return true; });
}

Instant PresenceRights::advance() {
  while (!due_.empty() && Instant{due_.begin()->first} <= shard_.now()) {
    Answer cannot_say;
    cannot_say.code = v1::CODE_SERVER_BUSY;
    on_answer(Ticket{due_.begin()->second}, cannot_say);
  }
  return due_.empty() ? Instant::never() : Instant{due_.begin()->first};
}

}  // namespace onehop::core
