// Shard: flow control per destination. Senders of a client whose queue fills are told to pause, then refused; those
// that asked for order find their gate closed until they say that they know.
#include "core/shard.h"

namespace onehop::core {
namespace {

// Between two batches of RESUMEs of one recipient.
constexpr uint64_t kResumePaceMs = 10;

}  // namespace

void Shard::pause_sender(const RoutedMessage& message, Session& recipient, Instant now) {
  const uint32_t lease_ms = jittered_lease(message.sender);
  if (recipient.senders->tell_pause(message.sender, now, now + lease_ms) != SenderTable::Tell::kTell) return;
  ++counters_.pauses_told;
  tell_flow(message.sender, recipient.name.name(), v1::STATE_PAUSE, lease_ms);
}

void Shard::refuse_full(const RoutedMessage& message, SessionId id, Session& recipient) {
  const Fate fate{v1::OUTCOME_REJECTED, v1::REASON_QUEUE_FULL, jittered_lease(message.sender), 0, false};
  const bool plain = message.scanned.id == 0 || !message.ordered_refusals;
  if (plain) return refuse(message, fate);
  if (!recipient.senders->close_gate(message.sender)) return refuse(message, fate);
  ++counters_.gates_closed;
  counters_.count_refused(fate.reason);
  Receipt receipt = receipt_for(message, fate);
  receipt.recipient = origin_of(id);
  receipt.recipient_hash = recipient.name_hash;
  receipt.gate_closed = true;
  tell_receipt(receipt);
}

// On the recipient's shard: the sender knows what was refused.
void Shard::open_gate(const Origin& sender, const Origin& recipient) {
  Session* session = sessions_.find(recipient.session);
  if (session == nullptr || session->senders == nullptr || !session->senders->open_gate(sender)) return;
  tell_peer(RecordKind::kGateOpened, sender, recipient, sender.shard);
}

void Shard::tell_flow(const Origin& sender, Bytes recipient, v1::State state, uint32_t retry_after_ms) {
  if (sender.shard != config_.index) {
    NameRecord record{{RecordKind::kFlow, false, false, static_cast<uint8_t>(state), 0, sender}, retry_after_ms, 0};
    return posts_[sender.shard].add_control(record, recipient);
  }
  if (Session* session = sessions_.find(sender.session)) {
    PendingControl* control = control_of(*session);
    if (control == nullptr) return;
    control->add_flow(recipient, state, retry_after_ms);
    bound_control(*session);
  }
}

// Tells shard `to` something about a sender and a recipient.
void Shard::tell_peer(RecordKind kind, const Origin& sender, const Origin& recipient, ShardIndex to) {
  if (to == config_.index) return take_peer_record(kind, sender, recipient);
  posts_[to].add_control(PeerRecord{{kind, false, false, 0, 0, sender}, recipient});
}

void Shard::take_peer_record(RecordKind kind, const Origin& sender, const Origin& recipient) {
  switch (kind) {
    case RecordKind::kOpenGate:
      return open_gate(sender, recipient);
    case RecordKind::kGateOpened: {
      Session* session = sessions_.find(sender.session);
      if (session == nullptr || session->sending == nullptr) return;
      session->sending->closed_gates.remove(recipient);
      return session->sending->count_held();
    }
    case RecordKind::kSenderGone: {
      Session* session = sessions_.find(recipient.session);
      if (session != nullptr && session->senders != nullptr) session->senders->open_gate(sender);
      return;
    }
    case RecordKind::kBarrier:
      return tell_peer(RecordKind::kBarrierDone, sender, recipient, sender.shard);
    case RecordKind::kBarrierDone:
      if (Session* session = sessions_.find(sender.session)) take_barrier_done(sender.session, *session);
      return;
    case RecordKind::kStopping:
      if (stopping_) return answer_stopping(sender.shard);
      return stop_askers_.push_back(sender.shard);
    case RecordKind::kStopped:
      --stops_outstanding_;
      return;
    case RecordKind::kEndLargest:
      memory_turn_ = true;
      return;
    default:
      return;
  }
}

void Shard::sender_ended(const Origin& sender, const Sending& sending) {
  sending.closed_gates.for_each([this, &sender](const Origin& recipient) {
    tell_peer(RecordKind::kSenderGone, sender, recipient, recipient.shard);
  });
}

// The recipient's queue has gone below the low mark: those told to pause may go on, a few at a time.
void Shard::release_senders(SessionId id, Session& recipient) {
  if (recipient.senders->has_told()) {
    release_some(*recipient.senders, recipient.name.name());
    if (recipient.senders->has_told() && !recipient.resuming_senders) {
      recipient.resuming_senders = true;
      resuming_.push_back(id);
    }
  }
  if (recipient.senders->empty()) recipient.senders.reset();
}

void Shard::release_some(SenderTable& senders, Bytes name) {
  for (uint32_t left = kResumesPerFlush; left != 0 && senders.has_told(); --left) {
    ++counters_.resumes_told;
    tell_flow(senders.take_told(), name, v1::STATE_RESUME, 0);
  }
}

// Goes on with the recipients that had more than one batch, living and ended. Returns when to come back.
Instant Shard::release_more(Instant now) {
  if (now < next_release_) return resuming_.empty() && released_.empty() ? Instant::never() : next_release_;
  for (const SessionId id : std::exchange(resuming_, {})) {
    Session* recipient = sessions_.find(id);
    if (recipient == nullptr) continue;
    recipient->resuming_senders = false;
    const bool below = queued_for(*recipient, links_.find(recipient->link)) <= config_.limits.low_mark();
    if (recipient->senders != nullptr && below) release_senders(id, *recipient);
  }
  for (Released& ended : released_) release_some(*ended.senders, ended.name);
  std::erase_if(released_, [](const Released& ended) { return !ended.senders->has_told(); });
  if (resuming_.empty() && released_.empty()) return Instant::never();
  next_release_ = now + kResumePaceMs;
  return next_release_;
}

// When this sender may try again: the lease, a quarter up or down, so that refused senders do not come back together.
// Always the same for one session, so that receipts with it make ranges.
uint32_t Shard::jittered_lease(const Origin& sender) const {
  const uint64_t lease_ms = config_.limits.pause_lease_ms;
  return static_cast<uint32_t>(lease_ms * 3 / 4 + lease_ms * spread_of(sender) / 2048);
}

// 0 to 1023.
uint64_t Shard::spread_of(const Origin& origin) {
  const uint64_t key =
      uint64_t{origin.session.generation} << 32 ^ origin.session.index ^ uint64_t { origin.shard } << 48;
  return (key * 0x9E3779B97F4A7C15) >> 54;
}

}  // namespace onehop::core
