// Shard: where a message goes, and whether its recipient takes it. Every refusal at admission is made here.
#include "core/limits.h"
#include "core/name.h"
#include "core/name_hash.h"
#include "core/planted.h"
#include "core/shard.h"

namespace onehop::core {
namespace {

Fate rejected(v1::Reason reason, uint32_t retry_after_ms = 0) {
  return {v1::OUTCOME_REJECTED, reason, retry_after_ms};
}

}  // namespace

// On the sender's shard.
Shard::Handled Shard::route(LinkId link_id, Link& link, Sending& sending, RoutedMessage& message, Instant now) {
  const ScannedMessage& scanned = message.scanned;
  if (scanned.confirm != v1::CONFIRM_REFUSALS || scanned.destination != Destination::kClient) {
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
    ++counters_.messages_refused[v1::REASON_QUEUE_FULL];  // Not told: the sender is being ended.
    return;
  }
  Session* recipient = sessions_.find(destination);
  if (recipient == nullptr) return refuse(message, rejected(v1::REASON_UNKNOWN_CLIENT));
  if (recipient->senders != nullptr && recipient->senders->gate_closed(message.sender)) {
    return refuse_full(message, *recipient);
  }
  const bool too_large = message.frame_bytes > recipient->frame_bytes_max && !ONEHOP_PLANTED(kOwnLimitIgnored);
  if (too_large) return refuse(message, rejected(v1::REASON_TOO_LARGE));
  const ScannedMessage& scanned = message.scanned;
  if (scanned.in_reply_to_session != 0 && scanned.in_reply_to_session != recipient->number) {
    return refuse(message, rejected(v1::REASON_STALE_SESSION));
  }
  Link& link = links_[recipient->link.index];
  const size_t queued_bytes = link.output.bytes() + delivery_size(message);
  const bool below = queued_bytes <= config_.limits.high_mark() && !ONEHOP_PLANTED(kPauseAtLowMark);
  const bool quiet = recipient->senders == nullptr && below;
  if (!quiet && !admit_under_pressure(message, *recipient, queued_bytes, now)) return;
  if (counters_.queued_bytes > config_.limits.shard_queue_bytes_max) {
    return refuse(message, rejected(v1::REASON_BROKER_BUSY, jittered_lease(message.sender)));
  }
  deliver(message, recipient->link, link);
}

// The recipient's queue is, or was lately, over its high mark. True if the message may still be queued.
bool Shard::admit_under_pressure(const RoutedMessage& message, Session& recipient, size_t queued_bytes, Instant now) {
  if (recipient.senders == nullptr) recipient.senders = std::make_unique<SenderTable>(config_.limits.senders_max);
  if (queued_bytes > (ONEHOP_PLANTED(kPauseAtLowMark) ? config_.limits.low_mark() : config_.limits.high_mark())) {
    pause_sender(message, recipient, now);
    // Only over the high mark is a blocked socket held against the client, so its deadline may begin to matter now.
    const Link& link = links_[recipient.link.index];
    if (link.blocked && !ONEHOP_PLANTED(kSlowConsumerForgotten))
      wheel_.arm_earlier(recipient.link.index, link.blocked_since + config_.limits.slow_consumer_ms);
  }
  if (queued_bytes <= config_.limits.queue_bytes_max || ONEHOP_PLANTED(kQueueUnbounded)) return true;
  refuse_full(message, recipient);
  return false;
}

void Shard::deliver(const RoutedMessage& message, LinkId id, Link& link) {
  const size_t before = link.output.bytes();
  append_delivery(link.output, segments_, message, link.blocked);
  counters_.queued_bytes += link.output.bytes() - before;
  ++counters_.messages_delivered;
  mark_dirty(id, link);
  if (link.output.bytes() >= kEarlyFlushBytes && !link.blocked) flush_wanted_ = true;
}

void Shard::refuse(const RoutedMessage& message, const Fate& fate) {
  counters_.count_refused(fate.reason);
  const uint64_t id = message.scanned.id;
  if (id == 0) return;  // It asked to hear nothing.
  const bool crosses = message.sender.shard != config_.index;
  if (ONEHOP_PLANTED(kRefusalForgotten) && crosses && id % 8 == 0) return;
  if (ONEHOP_PLANTED(kRefusalToldTwice) && crosses)
    tell_receipt({{RecordKind::kReceipt, false, false, 0, 0, message.sender}, {}, {id, id, fate}});
  tell_receipt({{RecordKind::kReceipt, false, false, 0, 0, message.sender}, {}, {id, id, fate}});
}

void Shard::tell_receipt(const ReceiptRecord& receipt) {
  const ShardIndex shard = receipt.head.sender.shard;
  if (shard == config_.index) return take_receipt(receipt);
  posts_[shard].add_receipt(receipt);
}

// On the sender's shard again.
void Shard::take_receipt(const ReceiptRecord& receipt) {
  const Origin& sender = receipt.head.sender;
  Session* session = sessions_.find(sender.session);
  if (ONEHOP_PLANTED(kReceiptToNewcomer)) session = sessions_.find(sessions_.id_at(sender.session.index));
  if (session == nullptr) {
    if (receipt.head.gate_closed)
      tell_peer(RecordKind::kSenderGone, sender, receipt.recipient, receipt.recipient.shard);
    return;
  }
  if (receipt.head.gate_closed) {
    session->sending->closed_gates.push_back(receipt.recipient);
    if (session->sending->closed_gates.size() > config_.limits.senders_max) doomed_.push_back(sender.session);
  }
  control_of(*session).add_receipt(receipt.ids);
  bound_control(*session);
}

// A client hears no faster than it speaks: it is not read until what it is to be told has gone out.
void Shard::bound_control(const Session& session) {
  if (session.control->bytes() <= kUnsentControlBytesMax) return;
  Link& link = links_[session.link.index];
  link.waits_for_control = true;
  stop_reading(link);
  // Only now is a blocked socket held against the client, so its deadline may begin to matter.
  if (link.blocked) wheel_.arm_earlier(session.link.index, link.blocked_since + config_.limits.slow_consumer_ms);
}

// What waits to be told to a session; asking for it means that something will be added.
PendingControl& Shard::control_of(Session& session) {
  if (session.control == nullptr) session.control = std::make_unique<PendingControl>();
  mark_dirty(session.link, links_[session.link.index]);
  return *session.control;
}

}  // namespace onehop::core
