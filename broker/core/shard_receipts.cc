// Shard: what senders are told of their messages' fates.
#include "core/limits.h"
#include "core/shard.h"

namespace onehop::core {

Receipt Shard::receipt_for(const RoutedMessage& message, const Fate& fate) {
  const uint64_t id = message.scanned.id;
  return {message.sender, {}, false, message.confirmed(), message.frame_bytes, {id, id, fate, {}}};
}

void Shard::refuse(const RoutedMessage& message, const Fate& fate) {
  counters_.count_refused(fate.reason);
  if (message.scanned.id == 0) return;  // It asked to hear nothing.
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
  if (session == nullptr) {
    if (!receipt.gate_closed) return;
    return tell_peer(RecordKind::kSenderGone, receipt.sender, receipt.recipient, receipt.recipient.shard);
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
  count_away(receipt.sender.session, *session);
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
  if (session.control == nullptr) session.control = std::make_unique<PendingControl>(counters_);
  mark_dirty(session.link, links_[session.link.index]);
  return session.control.get();
}

}  // namespace onehop::core
