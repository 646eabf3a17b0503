// FlowControl: see the header.
#include "core/shard/flow_control.h"

#include <utility>

#include "core/shard/shard_parts.h"

namespace onehop::core {
namespace {

// Between two batches of RESUMEs that time alone brings about. Each flush of a recipient's link sends one more batch.
constexpr uint64_t kResumePaceMs = 10;

}  // namespace

void FlowControl::pause_sender(const RoutedMessage& message, Session& recipient) {
  const uint32_t lease_ms = shard_.jittered_lease(message.sender);
  if (recipient.senders->tell_pause(message.sender, shard_.now(), shard_.now() + lease_ms) != SenderTable::Tell::kTell)
    return;
  ++shard_.counters.pauses_told;
  tell_flow(message.sender, {recipient.name.name()}, v1::STATE_PAUSE, lease_ms);
}

void FlowControl::refuse_full(const RoutedMessage& message, SessionId id, Session& recipient) {
  const Fate fate{v1::OUTCOME_REJECTED, v1::REASON_QUEUE_FULL, shard_.jittered_lease(message.sender), 0, false};
  const bool plain = message.scanned.id == 0 || !message.ordered_refusals;
  if (plain) return shard_.outcomes.refuse(message, fate);
  if (!recipient.senders->close_gate(message.sender)) return shard_.outcomes.refuse(message, fate);
  ++shard_.counters.gates_closed;
  shard_.counters.count_refused(fate.reason);
  Receipt receipt = shard_.outcomes.receipt_for(message, fate);
  receipt.recipient = shard_.origin_of(id);
  receipt.recipient_hash = recipient.name_hash;
  receipt.gate_closed = true;
  shard_.outcomes.tell_receipt(receipt);
}

// On the recipient's shard: the sender knows what was refused.
void FlowControl::open_gate(const Origin& sender, const Origin& recipient) {
  Session* session = shard_.sessions.find(recipient.session);
  if (session == nullptr || session->senders == nullptr || !session->senders->open_gate(sender)) return;
  shard_.crossing.tell_peer(RecordKind::kGateOpened, sender, recipient, sender.shard);
}

// Senders that a service tells to pause are on this shard.
void FlowControl::tell_flow(const Origin& sender, const FlowTarget& target, v1::State state, uint32_t retry_after_ms) {
  if (sender.shard != shard_.config.index) {
    NameRecord record{{RecordKind::kFlow, false, false, static_cast<uint8_t>(state), 0, sender}, retry_after_ms, 0};
    return shard_.crossing.post_to(sender.shard).add_control(record, target.name);
  }
  if (Session* session = shard_.sessions.find(sender.session)) {
    PendingControl* control = shard_.outcomes.control_of(*session);
    if (control == nullptr) return;
    control->add_flow(target, state, retry_after_ms);
    shard_.outcomes.bound_control(*session);
  }
}

void FlowControl::sender_ended(const Origin& sender, const Sending& sending) {
  sending.closed_gates.for_each([this, &sender](const Origin& recipient) {
    shard_.crossing.tell_peer(RecordKind::kSenderGone, sender, recipient, recipient.shard);
  });
}

void FlowControl::release_senders(SessionId id, Session& recipient) {
  if (recipient.senders->has_told()) {
    release_some(*recipient.senders, {recipient.name.name()});
    if (recipient.senders->has_told() && !recipient.resuming_senders) {
      recipient.resuming_senders = true;
      resuming_.push_back(id);
    }
  }
  if (recipient.senders->empty()) recipient.senders.reset();
}

void FlowControl::release_some(SenderTable& senders, const FlowTarget& target) {
  for (uint32_t left = kResumesPerFlush; left != 0 && senders.has_told(); --left) {
    ++shard_.counters.resumes_told;
    tell_flow(senders.take_told(), target, v1::STATE_RESUME, 0);
  }
}

Instant FlowControl::release_more() {
  if (shard_.now() < next_release_) return resuming_.empty() && released_.empty() ? Instant::never() : next_release_;
  for (const SessionId id : std::exchange(resuming_, {})) {
    Session* recipient = shard_.sessions.find(id);
    if (recipient == nullptr) continue;
    recipient->resuming_senders = false;
    const bool below = queued_for(*recipient, shard_.links.find(recipient->link)) <= shard_.config.limits.low_mark();
    if (recipient->senders != nullptr && below) release_senders(id, *recipient);
  }
  for (Released& ended : released_) release_some(*ended.senders, {ended.name, ended.is_service});
  std::erase_if(released_, [](const Released& ended) { return !ended.senders->has_told(); });
  if (resuming_.empty() && released_.empty()) return Instant::never();
  next_release_ = shard_.now() + kResumePaceMs;
  return next_release_;
}

void FlowControl::release_later(const FlowTarget& target, std::unique_ptr<SenderTable> senders) {
  // At once, so that no PAUSE that follows is told before.
  release_some(*senders, target);
  if (!senders->has_told()) return;
  released_.push_back({std::string(target.name), target.is_service, std::move(senders)});
  shard_.writer.want_flush();
}

}  // namespace onehop::core
