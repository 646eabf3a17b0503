// Oracle: what recipients say of deliveries, and what senders are told in the end: one outcome each, and a true one.
#include <algorithm>

#include "sim/oracle.h"
#include "sim/trace.h"

namespace onehop::sim {
namespace {

// A shard counts in whole milliseconds.
constexpr uint64_t kEarlyUs = 2 * kUsPerMs;

uint64_t hash_receipts(const v1::Receipts& receipts) {
  uint64_t hash = receipts.seq();
  for (const v1::Receipt& item : receipts.items()) hash = hash_bytes(item.SerializeAsString(), hash);
  return hash;
}

}  // namespace

Delivery* Oracle::find_delivery(Session& session, uint64_t tag) {
  const auto found = std::partition_point(session.deliveries.begin(), session.deliveries.end(),
                                          [tag](const Delivery& delivery) { return delivery.tag < tag; });
  return found == session.deliveries.end() || found->tag != tag ? nullptr : &*found;
}

void Oracle::gives_verdict(uint32_t number, uint32_t index, uint64_t tag, Verdict verdict) {
  step();
  Delivery* delivery = find_delivery(sessions_[index], tag);
  if (delivery == nullptr) return;
  std::vector<Program::Open>& open = programs_[connections_[number].program].open;
  if (std::erase_if(open, [tag](const Program::Open& one) { return one.tag == tag; }) != 0) {
    connections_[number].verdict_us = now_us_;
  }
  // The first verdict wins. One that was lost with its connection may be followed by another, on another connection.
  for (const Verdict& before : delivery->verdicts) {
    if (before.connection == number) return;
  }
  verdict.connection = number;
  verdict.at_us = now_us_;
  delivery->verdicts.push_back(verdict);
  connections_[number].said.push_back({tag, connections_[number].pings.size()});
}

// The broker has everything that was said on this connection before so many pings.
void Oracle::prove_verdicts(uint32_t number, uint64_t pings) {
  std::erase_if(connections_[number].said, [this, number, pings](const Connection::Said& said) {
    if (said.pings >= pings) return false;
    Delivery* delivery = find_delivery(session_of(number), said.tag);
    if (delivery == nullptr) return true;
    for (Verdict& verdict : delivery->verdicts) {
      if (verdict.connection == number) verdict.known_us = std::min(verdict.known_us, now_us_);
    }
    return true;
  });
}

// A verdict that the broker had before a message could end in another way.
std::string Oracle::why_overruled(const SentMessage& sent, uint64_t until_us, bool by_refusals_only) {
  for (const Copy& copy : copies_of(sent)) {
    const std::vector<Verdict>& verdicts = find_delivery(sessions_[copy.session], copy.tag)->verdicts;
    const auto is_known = [this, &copy, until_us](const Verdict& verdict) {
      return connections_[verdict.connection].session == copy.session && verdict.known_us < until_us;
    };
    const auto is_taken = [](const Verdict& verdict) { return verdict.taken; };
    if (by_refusals_only && std::any_of(verdicts.begin(), verdicts.end(), is_taken)) continue;
    if (std::any_of(verdicts.begin(), verdicts.end(), is_known)) return "but its recipient had said what became of it";
  }
  return {};
}

std::vector<Copy> Oracle::copies_of(const SentMessage& sent) const {
  if (sent.service != kNone) return services_.copies(record_of(sent));
  if (sent.fate != Fate::kDelivered) return {};
  return {{sent.receiver, sent.tag}};
}

void Oracle::takes_range(uint32_t number, uint32_t index, uint64_t first, uint64_t last, const Verdict& taken) {
  Connection& connection = connections_[number];
  const uint64_t from = std::max(first, connection.settled_up_to + 1);
  const std::vector<Delivery>& deliveries = sessions_[index].deliveries;
  auto next = std::partition_point(deliveries.begin(), deliveries.end(),
                                   [from](const Delivery& delivery) { return delivery.tag < from; });
  for (; next != deliveries.end() && next->tag <= last; ++next) gives_verdict(number, index, next->tag, taken);
  if (first == 0) connection.settled_up_to = std::max(connection.settled_up_to, last);
}

// Acks come behind each other on one connection, and before the messages that follow them.
void Oracle::acknowledges_receipts(uint32_t number, uint64_t up_to) {
  Session& sender = session_of(number);
  sender.acked_at_most = std::max(sender.acked_at_most, up_to);
  for (; sender.acked_at_least < up_to; ++sender.acked_at_least) {
    sender.acked_outcomes += sender.receipts[sender.acked_at_least].outcomes;
  }
}

bool Oracle::window_has_room(uint32_t number, uint64_t bytes) const {
  const Session& sender = sessions_[connections_[number].session];
  const core::Limits& limits = scenario_.limits;
  return sender.confirmed - sender.acked_outcomes < limits.send_window &&
         sender.open_bytes + bytes <= limits.send_bytes_max();
}

void Oracle::receipts(uint32_t number, const v1::Receipts& receipts) {
  step();
  if (receipts.items().empty()) return fail(number, "got receipts of nothing");
  const bool is_new = receipts.seq() == 0 || check_seq(number, receipts);
  if (!is_new) return;
  for (const v1::Receipt& receipt : receipts.items()) {
    const IdEntry* entry = find_range(number, receipt);
    if (failed()) return;
    for (uint64_t id = receipt.first_id(); id <= receipt.last_id(); ++id, ++entry) {
      const SentMessage& sent = messages_[entry->record];
      if (sent.confirmed != (receipts.seq() != 0)) {
        return fail(number, describe(sent) + " has a receipt in a frame of the other kind");
      }
      if (sent.unprocessed) return fail(number, describe(sent) + " has a receipt, but was above last_id");
      if (sent.confirmed) {
        take_outcome(number, entry->record, receipt);
      } else {
        refuse(number, entry->record, receipt);
      }
      if (failed()) return;
    }
  }
}

// True if this frame was not read before, by whichever program. What was told once is told the same way again.
bool Oracle::check_seq(uint32_t number, const v1::Receipts& receipts) {
  Connection& connection = connections_[number];
  Session& sender = session_of(number);
  const uint64_t seq = receipts.seq();
  const std::string what = "got receipts with seq " + std::to_string(seq);
  if (connection.last_seq != 0 ? seq != connection.last_seq + 1
                               : seq > sender.acked_at_most + 1 || seq <= connection.receipts_up_to) {
    fail(number, what + " after " + std::to_string(connection.last_seq) + ", with " +
                     std::to_string(sender.acked_at_most) + " acknowledged");
    return false;
  }
  // What is not told again had been acknowledged.
  if (connection.last_seq == 0) acknowledges_receipts(number, seq - 1);
  connection.last_seq = seq;
  const uint64_t hash = hash_receipts(receipts);
  if (seq <= sender.receipts.size()) {
    coverage_.add(Provoked::kReceiptsRepeated);
    if (sender.receipts[seq - 1].hash != hash) fail(number, what + ", which said something else the first time");
    return false;
  }
  if (seq != sender.receipts.size() + 1) {
    fail(number, what + ", and never the one before");
    return false;
  }
  uint32_t outcomes = 0;
  for (const v1::Receipt& item : receipts.items()) {
    outcomes += static_cast<uint32_t>(item.last_id() - item.first_id() + 1);
  }
  sender.receipts.push_back({hash, outcomes});
  return true;
}

std::string Oracle::where(const SentMessage& sent) const {
  if (sent.topic != kNone) return "topic " + TopicOracle::topics()[sent.topic];
  if (sent.service != kNone) return "service " + ServiceOracle::services()[sent.service];
  return sent.to == kNone ? "nobody" : names_[sent.to].text;
}

void Oracle::take_outcome(uint32_t number, uint32_t record, const v1::Receipt& receipt) {
  SentMessage& sent = messages_[record];
  Session& sender = session_of(number);
  const std::string what = describe(sent) + " to " + where(sent) + " has outcome " + std::to_string(receipt.outcome()) +
                           ", reason " + std::to_string(receipt.reason());
  if (sent.outcome != v1::OUTCOME_UNSPECIFIED) {
    return fail(number, what + " after it had " + std::to_string(sent.outcome));
  }
  const bool at_admission = receipt.outcome() == v1::OUTCOME_REJECTED &&
                            receipt.reason() != v1::REASON_REFUSED_BY_RECIPIENT && receipt.missed() == 0;
  if (at_admission) {
    refuse(number, record, receipt);
    if (failed()) return;
  } else if (const std::string why = why_impossible(sent, receipt); !why.empty()) {
    return fail(number, what + ": " + why);
  }
  sent.outcome = receipt.outcome();
  sent.told_at = order_;
  sent.told_us = now_us_;
  ++sender.outcomes;
  sender.open_bytes -= sent.frame_bytes;
  coverage_.add(Provoked::kOutcome);
  // What has expired, or has been replied to, may keep its place.
  const bool keeps_place = sent.outcome == v1::OUTCOME_EXPIRED || sent.outcome == v1::OUTCOME_REPLIED;
  if (sent.to == kNone || keeps_place) return;
  --names_[sent.to].open_messages;
  names_[sent.to].open_bytes -= sent.frame_bytes + kEntryBytesMax;
}

std::string Oracle::why_impossible(const SentMessage& sent, const v1::Receipt& receipt) {
  if (sent.unsupported) return "it is not served";
  if (sent.topic != kNone) return topics_.why_sum_is_wrong(sent, receipt);
  if (sent.is_request) {
    if (std::string why = requests_.why_impossible(sent, receipt); !why.empty()) return why;
    const bool is_own = receipt.outcome() == v1::OUTCOME_REPLIED || receipt.outcome() == v1::OUTCOME_RESPONDER_LOST;
    if (is_own) return {};
  }
  const bool by_verdict = receipt.outcome() == v1::OUTCOME_DELIVERED || receipt.outcome() == v1::OUTCOME_REJECTED;
  if (by_verdict) return why_no_verdict(sent, receipt);
  if (!receipt.text().empty() || receipt.code() != 0 || receipt.retry_after_ms() != 0)
    return "with a recipient's words";
  const bool attempted = receipt.attempted();
  if (attempted && !(sent.service == kNone ? may_be_attempted(sent) : services_.may_be_attempted(sent)))
    return "attempted, but its recipient was away all the time";
  if (!attempted && sent.fate == Fate::kDelivered) return "not attempted, but its recipient has got it";
  switch (receipt.outcome()) {
    case v1::OUTCOME_EXPIRED:
      coverage_.add(attempted ? Provoked::kExpiredAttempted : Provoked::kExpiredNotAttempted);
      return receipt.reason() == v1::REASON_UNSPECIFIED ? why_not_expired(sent, attempted) : "with a reason";
    case v1::OUTCOME_LOST:
      coverage_.add(attempted ? Provoked::kLostAttempted : Provoked::kLostNotAttempted);
      if (sent.service != kNone) return services_.why_not_lost(sent, receipt.reason(), attempted);
      return why_not_lost(sent, receipt.reason(), attempted);
    default:
      return "not an outcome that exists so far";
  }
}

// A verdict was given that says so, by the session that got it.
std::string Oracle::why_no_verdict(const SentMessage& sent, const v1::Receipt& receipt) {
  if (!receipt.attempted()) return "not attempted";
  if (sent.fate != Fate::kDelivered) return "its recipient never got it";
  const bool taken = receipt.outcome() == v1::OUTCOME_DELIVERED;
  coverage_.add(taken ? Provoked::kTaken : Provoked::kRefusedByRecipient);
  if (taken && receipt.reason() != v1::REASON_UNSPECIFIED) return "with a reason";
  bool late = false;
  for (const Copy& copy : copies_of(sent)) {
    for (const Verdict& verdict : find_delivery(sessions_[copy.session], copy.tag)->verdicts) {
      if (connections_[verdict.connection].session != copy.session) continue;
      if (verdict.taken != taken || verdict.code != receipt.code() ||
          verdict.retry_after_ms != receipt.retry_after_ms() || verdict.text_hash != hash_bytes(receipt.text())) {
        continue;
      }
      if (verdict.at_us <= sent.admitted_us + sent.ttl_ms * kUsPerMs + kLateUs) return {};
      late = true;
    }
  }
  return late ? "its recipient said so when its ttl was over" : "its recipient did not say so";
}

// Whether its recipient had a connection at any time since it was sent.
bool Oracle::may_be_attempted(const SentMessage& sent) const {
  for (const uint32_t index : names_[sent.to].owners) {
    const Session& owner = sessions_[index];
    if (owner.ended_at >= sent.sent_at && (owner.connection != kNone || owner.left_at >= sent.sent_at)) return true;
  }
  return false;
}

std::string Oracle::why_not_expired(const SentMessage& sent, bool attempted) {
  const uint64_t due_us = sent.sent_us + sent.ttl_ms * kUsPerMs;
  if (now_us_ + kEarlyUs < due_us) return "its ttl is not over";
  if (std::string why = why_overruled(sent, due_us - std::min(due_us, kEarlyUs), sent.is_request); !why.empty())
    return why;
  if (sent.service != kNone) return attempted ? "" : services_.why_not_expired_unattempted(sent, due_us);
  return attempted && sent.fate == Fate::kDelivered ? "" : why_left_out(sent, due_us - std::min(due_us, kEarlyUs));
}

std::string Oracle::why_not_lost(const SentMessage& sent, v1::Reason reason, bool attempted) {
  const bool stopping = stopping_at_ != kNever;
  if (reason != v1::REASON_CONNECTION_LOST && !(going_down() && reason == v1::REASON_SHUTTING_DOWN))
    return "a wrong reason";
  uint64_t ended_us = stopping ? now_us_ : kNever;
  for (const uint32_t index : names_[sent.to].owners) {
    const Session& owner = sessions_[index];
    if (owner.ended_at == kNever || owner.ended_at < sent.sent_at) continue;
    if (sent.fate == Fate::kDelivered && owner.index != sent.receiver) continue;
    ended_us = std::min(ended_us, owner.ended_us);
  }
  if (ended_us == kNever) return "its recipient has not ended";
  if (std::string why = why_overruled(sent, stopping ? std::min(stopping_us_, ended_us) : ended_us, false);
      !why.empty())
    return why;
  // It had to have expired before. When it ended for several reasons, by the first.
  if (sent.admitted_us != kNever && !stopping && ended_us > sent.admitted_us + sent.ttl_ms * kUsPerMs + kLateUs) {
    return "its ttl was over before";
  }
  return attempted && sent.fate == Fate::kDelivered ? "" : why_left_out(sent, kNever);
}

// Who got later messages of this sender before that time, but not this one, had it left out.
std::string Oracle::why_left_out(const SentMessage& sent, uint64_t until_us) const {
  if (sent.fate == Fate::kDelivered) return {};
  const Session& sender = sessions_[sent.sender];
  for (size_t i = sent.position + 1; i < sender.messages.size(); ++i) {
    const SentMessage& later = messages_[sender.messages[i]];
    if (later.to != sent.to || later.fate != Fate::kDelivered || later.read_us >= until_us) continue;
    // It owned the name all the time, so both messages were its own.
    if (sessions_[later.receiver].opened_at < sent.sent_at) return "but " + describe(later) + " was delivered";
  }
  return {};
}

}  // namespace onehop::sim
