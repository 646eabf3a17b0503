// Shard: where a message goes, and whether its recipient takes it. Every refusal at admission is made here.
#include <algorithm>

#include "core/limits.h"
#include "core/name.h"
#include "core/name_hash.h"
#include "core/planted.h"
#include "core/shard.h"

namespace onehop::core {
namespace {

Fate rejected(v1::Reason reason, uint32_t retry_after_ms = 0) {
  return {v1::OUTCOME_REJECTED, reason, retry_after_ms, 0, false};
}

}  // namespace

// On the sender's shard.
Shard::Handled Shard::route(LinkId link_id, Link& link, Sending& sending, RoutedMessage& message, Instant now) {
  // Here already, so that nothing follows this shard's word to the others that it stops.
  if (stopping_) {
    refuse(message, rejected(v1::REASON_SHUTTING_DOWN));
    return Handled::kDone;
  }
  const ScannedMessage& scanned = message.scanned;
  const bool known_confirm = scanned.confirm == v1::CONFIRM_REFUSALS || message.confirmed();
  if (!known_confirm || scanned.destination != Destination::kClient) {
    refuse(message, rejected(v1::REASON_UNSUPPORTED));
    return Handled::kDone;
  }
  if (scanned.destination_name.size() > kNameBytesMax) {
    refuse(message, rejected(v1::REASON_UNKNOWN_CLIENT));
    return Handled::kDone;
  }
  if (sending.destination != scanned.destination_name) look_up(sending, scanned.destination_name);
  message.destination_hash = sending.destination_hash;
  const ShardIndex home = sending.destination_home;
  if (home == config_.index) {
    const bool cached = ONEHOP_PLANTED(kDestinationStale) && sending.destination_session;
    if (!cached && sessions_.find(sending.destination_session) == nullptr) {
      sending.destination_session = directory_.find(scanned.destination_name, message.destination_hash);
    }
    admit(message, sending.destination_session, now);
    return Handled::kDone;
  }
  if (!posts_[home].add_message(message)) {
    link.waits_for_credit = true;
    waiting_for_credit_[home].push_back(link_id);
    return Handled::kNoCredit;
  }
  sending.shards_sent_to |= uint64_t{1} << home;
  return Handled::kDone;
}

void Shard::look_up(Sending& sending, Bytes destination) {
  sending.destination = destination;
  sending.destination_hash = name_hash(destination, config_.hash_key);
  sending.destination_home = home_shard(sending.destination_hash, config_.count);
  sending.destination_session = {};
}

// On the recipient's home shard.
void Shard::admit(const RoutedMessage& message, SessionId destination, Instant now) {
  if (!barred_senders_.empty() && barred_senders_.contains(message.sender)) {
    return counters_.count_refused(v1::REASON_QUEUE_FULL);  // Not told: the sender is being ended.
  }
  if (stopping_) return refuse(message, rejected(v1::REASON_SHUTTING_DOWN));
  Session* recipient = sessions_.find(destination);
  if (recipient == nullptr) return refuse(message, rejected(v1::REASON_UNKNOWN_CLIENT));
  if (recipient->senders != nullptr && recipient->senders->gate_closed(message.sender)) {
    return refuse_full(message, destination, *recipient);
  }
  const bool too_large = message.frame_bytes > recipient->frame_bytes_max && !ONEHOP_PLANTED(kOwnLimitIgnored);
  if (too_large) return refuse(message, rejected(v1::REASON_TOO_LARGE));
  const ScannedMessage& scanned = message.scanned;
  if (scanned.in_reply_to_session != 0 && scanned.in_reply_to_session != recipient->number) {
    return refuse(message, rejected(v1::REASON_STALE_SESSION));
  }
  const size_t queued_bytes = queued_for(*recipient) + delivery_size(Delivery(message));
  const bool below = queued_bytes <= config_.limits.high_mark() && !ONEHOP_PLANTED(kPauseAtLowMark);
  const bool quiet = recipient->senders == nullptr && below;
  if (!quiet && !admit_under_pressure(message, destination, *recipient, queued_bytes, now)) return;
  if (counters_.queued_bytes + counters_.open_bytes > config_.limits.shard_queue_bytes_max) {
    return refuse(message, rejected(v1::REASON_BROKER_BUSY, jittered_lease(message.sender)));
  }
  deliver(message, destination, *recipient, now);
}

// The recipient's queue is, or was lately, over its high mark. True if the message may still be queued.
bool Shard::admit_under_pressure(const RoutedMessage& message, SessionId id, Session& recipient, size_t queued_bytes,
                                 Instant now) {
  if (recipient.senders == nullptr) recipient.senders = std::make_unique<SenderTable>(config_.limits.senders_max);
  if (queued_bytes > (ONEHOP_PLANTED(kPauseAtLowMark) ? config_.limits.low_mark() : config_.limits.high_mark())) {
    pause_sender(message, recipient, now);
    // Only over the high mark is a blocked socket held against the client, so its deadline may begin to matter now.
    const Link* link = links_.find(recipient.link);
    if (link != nullptr && link->blocked && !ONEHOP_PLANTED(kSlowConsumerForgotten))
      wheel_.arm_earlier(recipient.link.index, link->blocked_since + config_.limits.slow_consumer_ms);
  }
  if (queued_bytes <= config_.limits.queue_bytes_max || ONEHOP_PLANTED(kQueueUnbounded)) return true;
  refuse_full(message, id, recipient);
  return false;
}

// What a client's queue holds: what its socket has not taken yet, and what waits in the backlog behind it.
size_t Shard::queued_for(const Session& session) const {
  const size_t waiting = session.backlog == nullptr ? 0 : session.backlog->unsent_bytes();
  return session.link ? links_[session.link.index].output.bytes() + waiting : waiting;
}

// Straight to the connection's queue, unless something waits already, the window is closed or the client is away. What
// wants an ack is kept in the backlog in any case.
void Shard::deliver(const RoutedMessage& message, SessionId id, Session& recipient, Instant now) {
  ++counters_.messages_delivered;
  bool straight = static_cast<bool>(recipient.link);
  if (const Backlog* backlog = recipient.backlog.get()) {
    straight = straight && !backlog->has_unsent() && (message.confirmed() || window_open(recipient, 0));
    if (ONEHOP_PLANTED(kUnconfirmedOvertakes) && !message.confirmed()) straight = static_cast<bool>(recipient.link);
  }
  Delivery delivery(message);
  bool goes_now = straight;
  if (message.confirmed() || !straight) {
    if (recipient.backlog == nullptr) recipient.backlog = std::make_unique<Backlog>(counters_);
    const uint32_t ttl_ms_max = config_.limits.ttl_ms_max;
    const uint32_t ttl_ms = message.scanned.ttl_ms == 0 ? ttl_ms_max : std::min(message.scanned.ttl_ms, ttl_ms_max);
    const bool first_to_expire = now + ttl_ms < recipient.backlog->earliest_deadline();
    const Backlog::Entry& entry = recipient.backlog->add(message, now + ttl_ms);
    if (first_to_expire) session_wheel_.arm_earlier(id.index, entry.deadline);
    if (message.confirmed()) delivery.tag = entry.tag;
    goes_now = straight && window_open(recipient, entry.frame_bytes);
    if (goes_now) recipient.backlog->mark_sent();
    watch_window(id, recipient, now);
  }
  if (!recipient.link) return;
  Link& link = links_[recipient.link.index];
  mark_dirty(recipient.link, link);
  if (!goes_now) return;
  const size_t before = link.output.bytes();
  append_delivery(link.output, segments_, delivery, link.blocked);
  counters_.queued_bytes += link.output.bytes() - before;
  if (link.output.bytes() >= kEarlyFlushBytes && !link.blocked) flush_wanted_ = true;
}

Receipt Shard::receipt_for(const RoutedMessage& message, const Fate& fate) {
  const uint64_t id = message.scanned.id;
  return {message.sender, {}, false, message.confirmed(), message.frame_bytes, {id, id, fate, {}}};
}

void Shard::refuse(const RoutedMessage& message, const Fate& fate) {
  counters_.count_refused(fate.reason);
  if (message.scanned.id == 0) return;  // It asked to hear nothing.
  const bool crosses = message.sender.shard != config_.index;
  if (ONEHOP_PLANTED(kRefusalForgotten) && crosses && message.scanned.id % 8 == 0) return;
  if (ONEHOP_PLANTED(kRefusalToldTwice) && crosses) tell_receipt(receipt_for(message, fate));
  tell_receipt(receipt_for(message, fate));
}

void Shard::tell_receipt(const Receipt& receipt) {
  const ShardIndex shard = receipt.sender.shard;
  if (shard == config_.index) return take_receipt(receipt);
  posts_[shard].add_receipt(receipt);
}

// On the sender's shard again.
void Shard::take_receipt(const Receipt& receipt) {
  Session* session = sessions_.find(receipt.sender.session);
  if (ONEHOP_PLANTED(kReceiptToNewcomer)) {
    session = sessions_.find(sessions_.id_at(receipt.sender.session.index));
    if (session != nullptr && session->sending == nullptr) session = nullptr;
  }
  if (session == nullptr) {
    if (!receipt.gate_closed) return;
    return tell_peer(RecordKind::kSenderGone, receipt.sender, receipt.recipient, receipt.recipient.shard);
  }
  Sending& sending = *session->sending;
  if (receipt.gate_closed) {
    sending.closed_gates.push_back(receipt.recipient);
    if (sending.closed_gates.size() > config_.limits.senders_max) doomed_.push_back(receipt.sender.session);
  }
  PendingControl* control = control_of(*session);
  if (receipt.confirmed) {
    sending.settle(receipt.ids.last_id - receipt.ids.first_id + 1, receipt.frame_bytes);
    sending.receipts.add(receipt.ids);
    if (ONEHOP_PLANTED(kOutcomeToldTwice) && receipt.ids.last_id % 8 == 0) sending.receipts.add(receipt.ids);
  } else if (control != nullptr) {
    control->add_refusal(receipt.ids);
  }
  if (control != nullptr) bound_control(*session);
}

// A client hears no faster than it speaks: it is not read until what it is to be told has gone out.
void Shard::bound_control(const Session& session) {
  const size_t receipts = session.sending == nullptr ? 0 : session.sending->receipts.untold_bytes();
  if (session.control->bytes() + receipts <= kUnsentControlBytesMax) return;
  Link& link = links_[session.link.index];
  link.waits_for_control = true;
  stop_reading(link);
  // Only now is a blocked socket held against the client, so its deadline may begin to matter.
  if (link.blocked) wheel_.arm_earlier(session.link.index, link.blocked_since + config_.limits.slow_consumer_ms);
}

// What waits to be told on a session's connection; asking for it means that something will be added. Nothing if it is
// away: then nobody is there to be told.
PendingControl* Shard::control_of(Session& session) {
  if (!session.link) return nullptr;
  if (session.control == nullptr) session.control = std::make_unique<PendingControl>();
  mark_dirty(session.link, links_[session.link.index]);
  return session.control.get();
}

}  // namespace onehop::core
