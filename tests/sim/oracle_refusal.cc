// Oracle: refusals at admission, and whether their reasons could be true.
#include <algorithm>

#include "sim/oracle.h"

namespace onehop::sim {
namespace {

Stretch& stretch_of(Stream& stream, uint32_t position) {
  size_t i = stream.stretches.size() - 1;
  while (i > 0 && stream.stretches[i].from_position > position) --i;
  return stream.stretches[i];
}

}  // namespace

const IdEntry* Oracle::find_range(uint32_t number, const v1::Receipt& receipt) {
  const std::vector<IdEntry>& ids = session_of(number).ids;
  const uint64_t first = receipt.first_id();
  const uint64_t last = receipt.last_id();
  const auto entry = std::partition_point(ids.begin(), ids.end(), [first](const IdEntry& e) { return e.id < first; });
  const auto left = static_cast<uint64_t>(ids.end() - entry);
  bool right = first != 0 && first <= last && last - first < left;
  for (uint64_t i = 0; right && i <= last - first; ++i) right = entry[static_cast<ptrdiff_t>(i)].id == first + i;
  if (right) return &*entry;
  fail(number,
       "a receipt for ids " + std::to_string(first) + " to " + std::to_string(last) + ", not all of which it sent");
  return nullptr;
}

void Oracle::refuse(uint32_t number, uint32_t record, const v1::Receipt& receipt) {
  SentMessage& sent = messages_[record];
  const v1::Reason reason = receipt.reason();
  const std::string what = describe(sent) + " refused with reason " + std::to_string(reason);
  if (receipt.outcome() != v1::OUTCOME_REJECTED || receipt.attempted() || !receipt.text().empty() ||
      receipt.code() != 0) {
    return fail(number, what + ": that makes no sense");
  }
  if (sent.fate == Fate::kRefused) return fail(number, what + " a second time");
  if (sent.fate == Fate::kDelivered) return fail(number, what + " after it was delivered");
  // That nobody was left for a topic's message may turn out later.
  const bool by_account = sent.topic != kNone && sent.confirmed;
  if (sent.settled && !by_account) return fail(number, what + " after the pong");
  const std::string why =
      reason == v1::REASON_RATE_LIMITED ? why_rate_illegal(sent, receipt.retry_after_ms()) : why_illegal(sent, reason);
  if (!why.empty()) return fail(number, what + ": " + why);
  const bool passes = reason == v1::REASON_QUEUE_FULL || reason == v1::REASON_BROKER_BUSY;
  if (passes && receipt.retry_after_ms() == 0) return fail(number, what + ": no retry_after_ms");
  sent.fate = Fate::kRefused;
  sent.reason = reason;
  if (sent.replies_to != kNone) requests_.reply_refused(number, sent);
  if (reason != v1::REASON_QUEUE_FULL || sent.service != kNone) return;
  Stretch& stretch = stretch_of(stream(sent.sender, sent.to), sent.position);
  if (stretch.refused_position == kNone || sent.position < stretch.refused_position) {
    stretch.refused_position = sent.position;
  } else if (sessions_[sent.sender].wants_order) {
    coverage_.add(sent.confirmed ? Provoked::kGateRefusedConfirmed : Provoked::kGateRefused);
  }
}

bool Oracle::gate_may_be_closed(const SentMessage& sent) {
  const Stretch& stretch = stretch_of(stream(sent.sender, sent.to), sent.position);
  return stretch.may_not_be_open || (stretch.refused_position != kNone && stretch.refused_position < sent.position);
}

bool Oracle::was_unowned_since(uint32_t name, uint64_t at) const {
  const Name& n = names_[name];
  return (n.owner == kNone && n.taken == kNone) || n.unowned_at >= at;
}

bool Oracle::any_owner_since(uint32_t name, uint64_t at, bool (*holds)(const Session&, const SentMessage&),
                             const SentMessage& sent) const {
  const std::vector<uint32_t>& owners = names_[name].owners;
  for (size_t i = owners.size(); i-- != 0;) {
    const Session& owner = sessions_[owners[i]];
    if (owner.ended_at < at) break;
    if (holds(owner, sent)) return true;
  }
  return false;
}

std::string Oracle::why_illegal(SentMessage& sent, v1::Reason reason) {
  const core::Limits& limits = scenario_.limits;
  const uint64_t with_stamp = sent.frame_bytes + kStampBytesMax;
  // In a backlog a message takes more room than in the queue to which it goes within the same call.
  const uint64_t waiting = scenario_.confirmed_permille == 0 ? 2 : 3;
  if (reason == v1::REASON_UNSUPPORTED) {
    coverage_.add(Provoked::kUnsupported);
    return sent.unsupported ? "" : "it is served";
  }
  if (reason == v1::REASON_SHUTTING_DOWN) return going_down() ? "" : "nobody stops the shards";
  if (sent.unsupported) return "it is not served";
  if (sent.topic != kNone) {
    coverage_.add(Provoked::kNobodyThere);
    if (reason == v1::REASON_NOBODY_THERE) return topics_.why_somebody_is_there(sent);
    if (reason != v1::REASON_BROKER_BUSY || !sent.confirmed) return "a topic never says so";
    return memory_was_short_since(sent.sent_us) ? "" : "there is memory: " + what_is_held();
  }
  if (sent.service != kNone) return services_.why_refusal_illegal(sent, reason);
  switch (reason) {
    case v1::REASON_UNKNOWN_CLIENT:
      coverage_.add(Provoked::kUnknownClient);
      return was_unowned_since(sent.to, sent.sent_at) ? "" : "its name had an owner all the time";
    case v1::REASON_QUEUE_FULL:
      coverage_.add(Provoked::kQueueFull);
      // What closed the gate may be told later, in a frame of the other kind; the next pong will show it.
      sent.behind_gate = queued_peak_since(sent.to, sent.sent_at) * waiting / 2 + with_stamp <= limits.queue_bytes_max;
      return !sent.behind_gate || sessions_[sent.sender].wants_order ? "" : "the queue was not full";
    case v1::REASON_TOO_LARGE:
      coverage_.add(Provoked::kTooLarge);
      return any_owner_since(
                 sent.to, sent.sent_at,
                 [](const Session& owner, const SentMessage& message) {
                   return owner.wanted_frame_bytes != 0 &&
                          message.frame_bytes > std::max(owner.wanted_frame_bytes, core::kFrameBytesMaxFloor);
                 },
                 sent)
                 ? ""
                 : "no owner of the name has such a limit";
    case v1::REASON_STALE_SESSION:
      coverage_.add(Provoked::kStaleSession);
      if (sent.in_reply_to_session == 0) return "it answers no session";
      return any_owner_since(
                 sent.to, sent.sent_at,
                 [](const Session& owner, const SentMessage& message) {
                   return owner.number != message.in_reply_to_session;
                 },
                 sent)
                 ? ""
                 : "it answers the session that owns the name";
    case v1::REASON_BROKER_BUSY:
      coverage_.add(Provoked::kBrokerBusy);
      return memory_was_short_since(sent.sent_us) || away_was_full_since(sent.sent_us)
                 ? ""
                 : "there is memory: " + what_is_held();
    default:
      return "not a reason that exists so far";
  }
}

}  // namespace onehop::sim
