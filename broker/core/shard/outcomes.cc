// Outcomes: see the header.
#include "core/shard/outcomes.h"

#include <algorithm>
#include <utility>

#include "core/base/limits.h"
#include "core/base/utf8.h"
#include "core/shard/shard_parts.h"

namespace onehop::core {
namespace {

constexpr Fate kDelivered{v1::OUTCOME_DELIVERED, v1::REASON_UNSPECIFIED, 0, 0, true};

}  // namespace

void Outcomes::refuse(const RoutedMessage& message, const Fate& fate) {
  shard_.counters.count_refused(fate.reason);
  if (message.scanned.id == 0) return;  // It asked to hear nothing.
  tell_receipt(receipt_for(message, fate));
}

Receipt Outcomes::receipt_for(const RoutedMessage& message, const Fate& fate) {
  const uint64_t id = message.scanned.id;
  Receipt receipt{message.sender, {}, false, message.confirmed(), message.frame_bytes, {id, id, fate, {}}};
  if ((message.scanned.flags & kRequest) != 0) [[unlikely]] {
    receipt.sender.kind = Origin::Kind::kMarked;
    receipt.sender.detail = kRequest;
  }
  return receipt;
}

void Outcomes::tell_receipt(const Receipt& receipt) {
  if (receipt.sender.kind == Origin::Kind::kTopic) [[unlikely]]
    return tell_home(receipt);
  const ShardIndex shard = receipt.sender.shard;
  if (shard == shard_.config.index) return tell_sender(receipt);
  shard_.crossing.post_to(shard).add_receipt(receipt);
}

// To the home of the topic to which the message was sent.
void Outcomes::tell_home(const Receipt& receipt) {
  const ShardIndex home = receipt.sender.detail;
  if (home == shard_.config.index) return shard_.topics.take_outcome(receipt);
  shard_.crossing.post_to(home).add_receipt(receipt);
}

void Outcomes::take_receipt(const Receipt& receipt) {
  if (receipt.sender.kind == Origin::Kind::kTopic) return shard_.topics.take_outcome(receipt);
  tell_sender(receipt);
}

// On the sender's shard again.
void Outcomes::tell_sender(const Receipt& receipt) {
  const bool is_of_requests = receipt.sender.kind == Origin::Kind::kMarked && (receipt.sender.detail & kRequest) != 0;
  if (is_of_requests) [[unlikely]]
    return shard_.requests.take_fate(receipt);
  Session* session = shard_.sessions.find(receipt.sender.session);
  if (session == nullptr) {
    if (!receipt.gate_closed) return;
    return shard_.crossing.tell_peer(RecordKind::kSenderGone, receipt.sender, receipt.recipient,
                                     receipt.recipient.shard);
  }
  Sending& sending = *session->sending;
  if (receipt.gate_closed) {
    sending.closed_gates.add(receipt.recipient_hash, receipt.recipient);
    sending.count_held();
  }
  PendingControl* control = control_of(*session);
  if (receipt.confirmed) {
    sending.settle(receipt.ids.last_id - receipt.ids.first_id + 1, receipt.frame_bytes);
    sending.receipts.add(receipt.ids);
    session->has_receipts = true;
  } else if (control != nullptr) {
    control->add_refusal(receipt.ids);
  }
  if (control != nullptr) return bound_control(*session);
  shard_.memory.count_away(receipt.sender.session, *session);
}

void Outcomes::bound_control(const Session& session) {
  const size_t receipts = session.sending == nullptr ? 0 : session.sending->receipts.untold_bytes();
  if (session.control->bytes() + receipts <= kUnsentControlBytesMax) return;
  Link& link = shard_.links[session.link.index];
  link.waits_for_control = true;
  shard_.links.stop_reading(link);
  // Only now is a blocked socket held against the client, so its deadline may begin to matter.
  if (link.blocked)
    shard_.deadlines.arm_earlier(session.link.index, link.blocked_since + shard_.config.limits.slow_consumer_ms);
}

PendingControl* Outcomes::control_of(Session& session) {
  if (!session.link) return nullptr;
  if (session.control == nullptr) session.control = std::make_unique<PendingControl>(shard_.counters);
  shard_.writer.mark_dirty(session.link, shard_.links[session.link.index]);
  return session.control.get();
}

Bytes Outcomes::wrong_with_verdicts(const Session& session, const v1::Ack& ack) const {
  const uint64_t highest = session.backlog == nullptr ? 0 : session.backlog->highest_sent();
  uint64_t named = ack.up_to();
  for (const v1::Refusal& refusal : ack.refused()) named = std::max(named, refusal.delivery_tag());
  for (const v1::Range& range : ack.taken()) {
    if (range.first() > range.last()) return "a range in an ack runs backwards";
    named = std::max(named, range.last());
  }
  return named > highest ? Bytes("an ack speaks of a delivery tag that was never given") : Bytes();
}

void Outcomes::take_verdicts(Session& session, const v1::Ack& ack) {
  if (session.backlog == nullptr) return;
  Backlog& backlog = *session.backlog;
  const uint32_t open = backlog.open();
  for (const v1::Refusal& refusal : ack.refused()) {
    Backlog::Entry* entry = backlog.find_open(refusal.delivery_tag());
    if (entry == nullptr) continue;
    const Fate fate{v1::OUTCOME_REJECTED, v1::REASON_REFUSED_BY_RECIPIENT, refusal.retry_after_ms(), refusal.code(),
                    true};
    settle(backlog, *entry, fate, cut_utf8(refusal.text(), kRefusalTextBytesMax));
  }
  const auto take = [this, &backlog](Backlog::Entry& entry) { settle(backlog, entry, kDelivered, {}); };
  // In their order, so that outcomes of one sender make ranges, whatever the order in which the client names them.
  taken_.clear();
  for (const v1::Range& range : ack.taken()) taken_.emplace_back(range.first(), range.last());
  std::sort(taken_.begin(), taken_.end());
  uint64_t looked_at = 0;
  for (const auto& [first, last] : taken_) {
    if (last <= looked_at) continue;
    backlog.for_each_open(std::max(first, looked_at + 1), last, take);
    looked_at = last;
  }
  backlog.for_each_open(0, ack.up_to(), take);
  tell_settled();
  backlog.close_holes();
  if (backlog.open() != open && backlog.window_full_since != Instant::never()) {
    backlog.window_full_since = window_open(session, 0) ? Instant::never() : shard_.now();
  }
  if (session.link) shard_.writer.mark_dirty(session.link, shard_.links[session.link.index]);
}

// Ends one entry. Its sender is told the fate if it asked for that and was not told before. Runs of ids with one fate
// are gathered in settled_, so the caller has to call tell_settled() at the end.
void Outcomes::settle(Backlog& backlog, Backlog::Entry& entry, const Fate& fate, Bytes text) {
  tell_end(entry, fate, text);
  backlog.settle(entry);
}

void Outcomes::tell_end(const Backlog::Entry& entry, const Fate& fate, Bytes text) {
  if (!entry.confirmed || entry.state == Backlog::State::kExpired) return;
  if (entry.sender.kind == Origin::Kind::kSession) [[likely]] {
    count(fate);
  } else if (!tells_end_of_special(entry, fate)) {
    return;
  }
  if (settled_.goes_on_with(entry.sender, entry.id, fate, text)) return settled_.absorb(entry.id, entry.frame_bytes);
  tell_settled();
  settled_ = {entry.sender, {}, false, true, entry.frame_bytes, {entry.id, entry.id, fate, std::string(text)}};
}

bool Outcomes::tells_end_of_special(const Backlog::Entry& entry, const Fate& fate) {
  // What becomes of a topic's message is counted once, by the topic's home.
  return entry.sender.kind == Origin::Kind::kTopic || shard_.requests.tells_end(entry, fate);
}

void Outcomes::count(const Fate& fate) {
  shard_.counters.count_outcome(fate.outcome);
  if (fate.outcome == v1::OUTCOME_LOST) shard_.counters.count_lost(fate.reason);
}

void Outcomes::tell_settled() {
  if (settled_.sender.kind == Origin::Kind::kNone) return;
  tell_receipt(std::exchange(settled_, {}));
}

bool Outcomes::window_open(const Session& session, size_t frame_bytes) const {
  const Backlog& backlog = *session.backlog;
  if (backlog.open() == 0) return true;
  return backlog.open() < session.receive_window &&
         backlog.open_bytes() + frame_bytes <= shard_.config.limits.receive_window_bytes;
}

void Outcomes::pump(SessionId id, Session& session, Link& link) {
  Backlog& backlog = *session.backlog;
  if (backlog.earliest_deadline() <= shard_.now()) expire(session);
  while (backlog.has_unsent() && link.output.bytes() < kPumpBytes) {
    Backlog::Entry& entry = backlog.next_unsent();
    if (!window_open(session, entry.confirmed ? entry.frame_bytes : 0)) break;
    const size_t before = link.output.bytes();
    if (entry.attempted) ++shard_.counters.messages_redelivered;
    const RoutedMessage message = entry.message();
    Delivery delivery(message);
    if (entry.confirmed) delivery.set_tag(entry.tag);
    if (entry.attempted) delivery.set_redelivered(static_cast<uint32_t>(entry.deadline - shard_.now()));
    delivery.append_to(link.output, shard_.segments);
    shard_.counters.queued_bytes += link.output.bytes() - before;
    backlog.mark_sent();
  }
  backlog.close_holes();
  watch_window(id, session);
}

void Outcomes::watch_window(SessionId id, Session& session) {
  Backlog& backlog = *session.backlog;
  if (window_open(session, backlog.has_unsent() ? backlog.next_unsent().frame_bytes : 0)) {
    backlog.window_full_since = Instant::never();
  } else if (session.link && backlog.window_full_since == Instant::never()) {
    backlog.window_full_since = shard_.now();
    shard_.sessions.arm_earlier(id.index, shard_.now() + shard_.config.limits.ack_timeout_ms);
  }
}

void Outcomes::expire(Session& session) {
  Backlog& backlog = *session.backlog;
  backlog.for_each_due(shard_.now(), [&](Backlog::Entry& entry) {
    if (!entry.confirmed) ++shard_.counters.messages_expired;
    const bool attempted = entry.attempted;
    const Fate fate{v1::OUTCOME_EXPIRED, v1::REASON_UNSPECIFIED, 0, 0, attempted};
    tell_end(entry, fate, {});
    backlog.expire(entry);
  });
  tell_settled();
  backlog.close_holes();
  if (session.link) shard_.writer.mark_dirty(session.link, shard_.links[session.link.index]);
}

void Outcomes::lose(Session& session, v1::Reason reason) {
  if (session.backlog == nullptr) return;
  Backlog& backlog = *session.backlog;
  backlog.for_each([&](Backlog::Entry& entry) {
    const bool moves = entry.sender.kind == Origin::Kind::kMarked && shard_.moves.take(backlog, entry);
    if (moves) return backlog.settle(entry);
    if (!entry.confirmed) ++shard_.counters.messages_dropped;
    settle(backlog, entry, {v1::OUTCOME_LOST, reason, 0, 0, entry.attempted}, {});
  });
  tell_settled();
  backlog.close_holes();
}

}  // namespace onehop::core
