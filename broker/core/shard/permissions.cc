// Permissions: see the header.
#include "core/shard/permissions.h"

#include <utility>

#include "core/base/limits.h"
#include "core/shard/shard_parts.h"

namespace onehop::core {

Permissions::Verdict Permissions::may(Question::Kind kind, SessionId id, Bytes destination, uint64_t key) {
  std::unique_ptr<Sender>& place = senders_[id.index];
  if (place == nullptr) place = std::make_unique<Sender>(shard_.counters);
  Sender& sender = *place;
  switch (sender.verdicts.find(key)) {
    case VerdictCache::Verdict::kAllowed:
      return Verdict::kAllowed;
    case VerdictCache::Verdict::kDenied:
      return Verdict::kDenied;
    case VerdictCache::Verdict::kUnknown:
      break;
  }
  if (sender.pending == key && sender.ticket.value != 0) return Verdict::kPending;
  if (sender.pending == key && std::exchange(sender.undecided, false)) return Verdict::kUndecided;
  return ask(kind, id, sender, destination, key);
}

Permissions::Verdict Permissions::ask(Question::Kind kind, SessionId id, Sender& sender, Bytes destination,
                                      uint64_t key) {
  const Session& session = shard_.sessions[id.index];
  // A connection before this one may have left a question about another destination.
  asked_.erase(std::exchange(sender.ticket, {}).value);
  sender.undecided = false;
  sender.pending = key;
  const Ticket ticket{++next_ticket_};
  Question question{kind, shard_.links[session.link.index].host, destination, {}};
  question.session = session.number;
  question.sender = session.name.name();
  Answer answer;
  if (shard_.host.ask(ticket, question, answer) == Answered::kNow) {
    if (!answer.accepted && answer.code != 0) return Verdict::kUndecided;
    keep(sender, key, answer.accepted);
    return answer.accepted ? Verdict::kAllowed : Verdict::kDenied;
  }
  // Nobody waits for those that have been answered.
  while (!due_.empty() && !asked_.contains(due_.front().ticket.value)) due_.pop_front();
  sender.ticket = ticket;
  asked_.emplace(ticket.value, Asked{id, key});
  due_.push_back({shard_.now() + kVerdictDeadlineMs, ticket});
  return Verdict::kPending;
}

KnownPermission Permissions::known(SessionId id, Bytes destination, uint64_t hash) {
  if (!shard_.config.asks_permission) return KnownPermission::kAllowed;
  const Session* const session = shard_.sessions.find(id);
  // Only what is allowed is remembered there, and only with a name.
  const Sending* const sending = session == nullptr ? nullptr : session->sending.get();
  if (sending != nullptr && !destination.empty() && sending->destination == destination)
    return KnownPermission::kAllowed;
  const auto found = session == nullptr ? senders_.end() : senders_.find(id.index);
  if (found == senders_.end()) return KnownPermission::kUnknown;
  switch (found->second->verdicts.find(hash)) {
    case VerdictCache::Verdict::kAllowed:
      return KnownPermission::kAllowed;
    case VerdictCache::Verdict::kDenied:
      return KnownPermission::kDenied;
    case VerdictCache::Verdict::kUnknown:
      break;
  }
  return KnownPermission::kUnknown;
}

bool Permissions::is_pending(SessionId sender, uint64_t hash) const {
  const auto found = senders_.find(sender.index);
  return found != senders_.end() && found->second->ticket.value != 0 && found->second->pending == hash;
}

bool Permissions::on_answer(Ticket ticket, const Answer& answer) {
  if ((ticket.value & kOwnTickets) == 0) return false;
  decide(ticket, answer.accepted || answer.code == 0, answer.accepted);
  return true;
}

void Permissions::decide(Ticket ticket, bool decided, bool allowed) {
  const auto found = asked_.find(ticket.value);
  if (found == asked_.end()) return;
  const Asked asked = found->second;
  asked_.erase(found);
  const auto place = senders_.find(asked.sender.index);
  if (place == senders_.end() || place->second->ticket != ticket) return;
  Sender& sender = *place->second;
  sender.ticket = {};
  sender.undecided = !decided;
  if (decided) keep(sender, asked.destination, allowed);
  wake(asked.sender);
}

void Permissions::keep(Sender& sender, uint64_t hash, bool allowed) {
  sender.verdicts.add(hash, allowed);
  sender.account.set(sizeof sender + sender.verdicts.held_bytes());
}

void Permissions::wake(SessionId id) {
  const Session* session = shard_.sessions.find(id);
  Link* const link = session == nullptr ? nullptr : shard_.links.find(session->link);
  if (link == nullptr || !link->waits_to_send) return;
  link->waits_to_send = false;
  shard_.links.may_go_on(session->link);
}

// Questions that are with the host were asked of the old policy: those that wait for them ask again.
void Permissions::policy_changed() {
  shard_.sessions.for_each([this](SessionId id, Session& session) { forget(id, session); });
  asked_.clear();
  due_.clear();
}

void Permissions::forget(SessionId id, Session& session) {
  if (!shard_.config.asks_permission) return;
  if (session.sending != nullptr) session.sending->forget_destination();
  const auto found = senders_.find(id.index);
  if (found == senders_.end()) return;
  Sender& sender = *found->second;
  sender.verdicts.clear();
  sender.undecided = false;
  // A link that does not wait for a verdict is left as it is.
  const Ticket asked = std::exchange(sender.ticket, {});
  if (asked_.erase(asked.value) != 0) wake(id);
}

Instant Permissions::advance() {
  while (!due_.empty() && due_.front().at <= shard_.now()) {
    const Ticket ticket = due_.front().ticket;
    due_.pop_front();
    decide(ticket, false, false);
  }
  return due_.empty() ? Instant::never() : due_.front().at;
}

}  // namespace onehop::core
