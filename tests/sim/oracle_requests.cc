// RequestOracle: see the header.
#include "sim/oracle_requests.h"

#include <algorithm>

#include "sim/oracle.h"

namespace onehop::sim {
namespace {

// How long after a session's end its requests may get their outcome.
constexpr uint64_t kResponderToldUsMax = 1'000'000;

}  // namespace

const std::vector<uint32_t>& RequestOracle::replies_to(const SentMessage& request) const {
  static const std::vector<uint32_t> none;
  const auto found = replies_.find(oracle_.record_of(request));
  return found == replies_.end() ? none : found->second;
}

bool RequestOracle::is_from_responder(const SentMessage& reply) const {
  const std::vector<Copy> copies = oracle_.copies_of(oracle_.message(reply.replies_to));
  return std::any_of(copies.begin(), copies.end(), [&reply](const Copy& copy) { return copy.session == reply.sender; });
}

void RequestOracle::replies(uint32_t reply, uint32_t request) {
  replies_[request].push_back(reply);
  if (!is_from_responder(oracle_.message(reply))) coverage_.add(Provoked::kReplyOfNobody);
}

void RequestOracle::reply_delivered(const SentMessage& reply) {
  if (!is_from_responder(reply)) return;
  const SentMessage& request = oracle_.message(reply.replies_to);
  const bool is_over = request.outcome != v1::OUTCOME_UNSPECIFIED && request.outcome != v1::OUTCOME_REPLIED;
  if (is_over && request.told_at < reply.sent_at) coverage_.add(Provoked::kReplyTooLate);
  if (oracle_.draining_at_ < reply.sent_at) coverage_.add(Provoked::kReplyInDrain);
}

bool RequestOracle::passes_drain(const SentMessage& reply) const {
  return reply.replies_to != kNone && is_from_responder(reply);
}

// A reply that was refused is none. A broker that drains does not refuse the reply to a request that is open.
void RequestOracle::reply_refused(uint32_t connection, const SentMessage& reply) {
  const SentMessage& request = oracle_.message(reply.replies_to);
  if (request.outcome == v1::OUTCOME_REPLIED && !has_reply(request)) {
    return oracle_.fail(connection, oracle_.describe(request) + " was REPLIED, and its only reply has been refused");
  }
  const bool draining = oracle_.draining_at_ < reply.sent_at && oracle_.stopping_at_ == kNever;
  if (reply.reason != v1::REASON_SHUTTING_DOWN || !draining || !is_from_responder(reply)) return;
  const Session& requester = oracle_.session(request.sender);
  const bool is_open = request.outcome == v1::OUTCOME_UNSPECIFIED && replies_to(request).size() == 1 &&
                       refused_us(request) == kNever && requester.ended_at == kNever &&
                       oracle_.session(reply.sender).ended_at == kNever &&
                       oracle_.now_us() + kEarlySlackUs < request.sent_us + request.ttl_ms * kUsPerMs;
  if (is_open) oracle_.fail(connection, oracle_.describe(reply) + " was refused, though its request is open");
}

// When its first recipient refused it first.
uint64_t RequestOracle::refused_us(const SentMessage& request) const {
  uint64_t first_us = kNever;
  for (const Copy& copy : oracle_.copies_of(request)) {
    for (const Verdict& verdict : Oracle::find_delivery(oracle_.session(copy.session), copy.tag)->verdicts) {
      if (!verdict.taken) first_us = std::min(first_us, verdict.at_us);
    }
  }
  return first_us;
}

bool RequestOracle::was_acknowledged(const SentMessage& request) const {
  const std::vector<Copy> copies = oracle_.copies_of(request);
  return std::any_of(copies.begin(), copies.end(), [this](const Copy& copy) {
    const std::vector<Verdict>& verdicts = Oracle::find_delivery(oracle_.session(copy.session), copy.tag)->verdicts;
    return std::any_of(verdicts.begin(), verdicts.end(), [this, &copy](const Verdict& verdict) {
      return verdict.taken && oracle_.connection(verdict.connection).session == copy.session;
    });
  });
}

bool RequestOracle::may_count(const SentMessage& request, const SentMessage& reply) const {
  if (reply.fate == Fate::kRefused || reply.unprocessed || !is_from_responder(reply)) return false;
  const uint64_t due_us = std::min(request.admitted_us, reply.sent_us) + request.ttl_ms * kUsPerMs;
  if (reply.sent_us > due_us + kLateUs) return false;
  for (const Copy& copy : oracle_.copies_of(request)) {
    if (copy.session != reply.sender) continue;
    const std::vector<Verdict>& verdicts = Oracle::find_delivery(oracle_.session(copy.session), copy.tag)->verdicts;
    const bool refused = !verdicts.empty() && std::all_of(verdicts.begin(), verdicts.end(), [&reply](const Verdict& v) {
      return !v.taken && v.known_us < reply.sent_us;
    });
    if (refused) return false;
  }
  return true;
}

bool RequestOracle::has_reply(const SentMessage& request) const {
  const std::vector<uint32_t>& all = replies_to(request);
  return std::any_of(all.begin(), all.end(),
                     [this, &request](uint32_t reply) { return may_count(request, oracle_.message(reply)); });
}

bool RequestOracle::was_read(const SentMessage& request, uint64_t until_us) const {
  const std::vector<uint32_t>& all = replies_to(request);
  return std::any_of(all.begin(), all.end(), [this, &request, until_us](uint32_t record) {
    const SentMessage& reply = oracle_.message(record);
    return reply.fate == Fate::kDelivered && reply.read_us < until_us && may_count(request, reply);
  });
}

// kNever while one of those who have got it is there.
uint64_t RequestOracle::responder_ended_us(const SentMessage& request) const {
  uint64_t ended_us = 0;
  for (const Copy& copy : oracle_.copies_of(request)) {
    ended_us = std::max(ended_us, oracle_.session(copy.session).ended_us);
  }
  return ended_us == 0 ? kNever : ended_us;
}

std::string RequestOracle::why_not_replied(const SentMessage& request, const v1::Receipt& receipt) {
  coverage_.add(Provoked::kReplied);
  coverage_.add(was_acknowledged(request) ? Provoked::kReplyAfterAck : Provoked::kReplyBeforeAck);
  const bool is_plain = receipt.reason() == v1::REASON_UNSPECIFIED && receipt.attempted() && receipt.text().empty() &&
                        receipt.code() == 0 && receipt.retry_after_ms() == 0;
  if (!is_plain) return "with more than a reply";
  return has_reply(request) ? "" : "nobody who has got it replied to it";
}

std::string RequestOracle::why_responder_not_lost(const SentMessage& request, const v1::Receipt& receipt) {
  coverage_.add(Provoked::kResponderLost);
  const bool stopping = oracle_.stopping_at_ != kNever;
  const v1::Reason reason = receipt.reason();
  if (reason != v1::REASON_CONNECTION_LOST && !(oracle_.going_down() && reason == v1::REASON_SHUTTING_DOWN))
    return "a wrong reason";
  if (!receipt.attempted() || !receipt.text().empty() || receipt.code() != 0) return "with words that make no sense";
  if (!was_acknowledged(request)) return "nobody has acknowledged it";
  const uint64_t ended_us = std::min(responder_ended_us(request), oracle_.stopping_us_);
  if (ended_us == kNever) return "its responder has not ended";
  if (was_read(request, ended_us)) return "its reply had come";
  const bool is_late = ended_us > request.admitted_us + request.ttl_ms * kUsPerMs + kLateUs;
  if (request.admitted_us != kNever && !stopping && is_late) return "its ttl was over before";
  return oracle_.why_overruled(request, ended_us, true);
}

std::string RequestOracle::why_impossible(const SentMessage& request, const v1::Receipt& receipt) {
  const uint64_t due_us = request.sent_us + request.ttl_ms * kUsPerMs;
  const uint64_t ended_us = std::min(responder_ended_us(request), oracle_.stopping_us_);
  switch (receipt.outcome()) {
    case v1::OUTCOME_REPLIED:
      return why_not_replied(request, receipt);
    case v1::OUTCOME_RESPONDER_LOST:
      return why_responder_not_lost(request, receipt);
    case v1::OUTCOME_DELIVERED:
      return "it is a request, whose outcome is the reply";
    case v1::OUTCOME_REJECTED:
      return was_read(request, refused_us(request)) ? "its reply had come" : "";
    case v1::OUTCOME_LOST:
      return was_read(request, ended_us) ? "its reply had come" : "";
    case v1::OUTCOME_EXPIRED:
      if (was_acknowledged(request)) coverage_.add(Provoked::kRequestExpired);
      if (was_read(request, due_us - std::min(due_us, kEarlySlackUs))) return "its reply had come";
      // What another instance may get as well may be with one that has not read it.
      if (!request.retries && ended_us != kNever && ended_us + kResponderToldUsMax < due_us)
        return "its responder had ended";
      return {};
    default:
      return "not an outcome of a request";
  }
}

// Its reply is in the requester's queue, so it arrives unless the requester ends or breaks. What becomes of a confirmed
// one the responder is told.
void RequestOracle::check_at_rest() {
  for (uint32_t record = 0; record < oracle_.messages() && !oracle_.failed(); ++record) {
    const SentMessage& request = oracle_.message(record);
    if (request.outcome != v1::OUTCOME_REPLIED || oracle_.is_broken(oracle_.session(request.sender))) continue;
    const std::vector<uint32_t>& all = replies_to(request);
    const bool has_come = std::any_of(all.begin(), all.end(), [this, &request](uint32_t number) {
      const SentMessage& reply = oracle_.message(number);
      if (!may_count(request, reply)) return false;
      return reply.fate == Fate::kDelivered || reply.confirmed || oracle_.may_be_lost(reply);
    });
    if (!has_come) return oracle_.fail(oracle_.describe(request) + " was REPLIED, and no reply has come");
  }
}

}  // namespace onehop::sim
