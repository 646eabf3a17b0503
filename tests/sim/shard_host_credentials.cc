// ShardHost: what it answers about credentials, and who may stay.
#include <string>

#include "onehop/v1/onehop.pb.h"
#include "sim/shard_host.h"

namespace onehop::sim {

// 0: the credentials do not end.
uint32_t ShardHost::draw_hold() {
  if (world_.scenario.expiring_permille == 0) return 0;
  if (!world_.random.chance(world_.scenario.expiring_permille)) return 0;
  return world_.random.chance(500) ? world_.random.between(20, 500) : world_.random.between(500, 5'000);
}

core::Instant ShardHost::end_of(uint32_t hold_ms) const {
  return hold_ms == 0 ? core::Instant::never() : now_ + hold_ms;
}

core::Answered ShardHost::ask_about_renewal(core::Ticket ticket, const core::Question& question, const Link& link,
                                            core::Answer& answer) {
  if (ticket.value <= last_renewal_) world_.oracle.fail(link.number, "is asked about with a used ticket");
  last_renewal_ = ticket.value;
  world_.trace.add(question.token);
  world_.oracle.asked_to_renew(link.number, question.name, question.token, question.session);
  const uint32_t verdict = world_.random.chance(world_.scenario.renew_refused_permille) ? world_.random.below(3) : 3;
  if (world_.random.chance(world_.scenario.ask_pending_permille)) {
    const auto number = static_cast<uint32_t>(world_.answers.size());
    PendingAnswer pending{index_, link.number, ticket};
    pending.renews = true;
    pending.verdict = verdict;
    world_.answers.push_back(pending);
    const uint64_t delay = world_.delay_us(60'000);
    world_.events.add(world_.now_us() + delay, Event::Kind::kAnswer, number);
    return core::Answered::kLater;
  }
  answer = renewal_answer(link.number, verdict);
  return core::Answered::kNow;
}

core::Answer ShardHost::renewal_answer(uint32_t connection, uint32_t verdict) {
  core::Answer answer;
  Renewal renewal;
  answer.accepted = verdict > 1;
  switch (verdict) {
    case 0:
      renewal.reason = v1::REASON_NOT_AUTHORIZED;
      break;
    case 1:
      renewal.reason = v1::REASON_BROKER_BUSY;
      answer.code = v1::CODE_SERVER_BUSY;
      break;
    case 2:
      // Of somebody else.
      renewal.reason = v1::REASON_NOT_AUTHORIZED;
      answer.principal = 1;
      answer.credentials_end = end_of(draw_hold());
      break;
    default:
      renewal.hold_ms = draw_hold();
      answer.credentials_end = end_of(renewal.hold_ms);
      break;
  }
  world_.oracle.renewal_answered(connection, renewal);
  return answer;
}

// The answer counts only if its connection is still open.
void ShardHost::take_renewal_answer(const PendingAnswer& pending) {
  const Link& link = world_.network.link(pending.link);
  const Connection& connection = world_.oracle.connection(pending.link);
  const bool counts = link.owned && link.shard == index_ && connection.ending_since_us == kNever &&
                      world_.oracle.session_of(pending.link).connection == pending.link;
  core::Answer answer;
  if (counts) answer = renewal_answer(pending.link, pending.verdict);
  if (!counts) world_.coverage.add(Provoked::kAnswerTooLate);
  begin_call("on_answer", pending.link);
  shard_.on_answer(pending.ticket, answer, now_);
  end_call();
}

void ShardHost::answer_who_stays(const core::Question& question, core::Answer& answer) {
  const Link* link = question.link.value == 0 ? nullptr : named(question.link, "ask");
  const Stays stays = world_.policy_of(question.name);
  world_.trace.add(question.session);
  world_.oracle.asked_who_stays(link == nullptr ? kNone : link->number, question.name, question.session, stays);
  answer.accepted = stays == Stays::kYes;
  if (stays == Stays::kUnsure) answer.code = v1::CODE_SERVER_BUSY;
}

void ShardHost::policy_changed() {
  now_ = world_.now();
  begin_call("on_policy_changed", 0);
  shard_.on_policy_changed(now_);
  end_call();
  sleep_until(world_.now_us() + 1);
}

}  // namespace onehop::sim
