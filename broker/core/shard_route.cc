// Shard: the path of a message, from the bytes of its sender's connection, or from another shard's parcel, to its
// recipient's queue. Every refusal at admission is made here.
//
// What happens to each message is inlined along the path: there a call costs about as much as what it does.
#include <algorithm>

#include "core/limits.h"
#include "core/name.h"
#include "core/name_hash.h"
#include "core/shard.h"

// Of a function of this file that every message passes.
#define ONEHOP_ON_THE_PATH [[gnu::always_inline]] inline

namespace onehop::core {
namespace {

Fate rejected(v1::Reason reason, uint64_t retry_after_ms = 0) {
  return {v1::OUTCOME_REJECTED, reason, static_cast<uint32_t>(std::min<uint64_t>(retry_after_ms, UINT32_MAX)), 0,
          false};
}

}  // namespace

void Shard::decode(LinkId id, Link& link, Input in, Instant now) {
  const size_t held_before = link.decoder.held_bytes();
  counters_.decoder_bytes -= held_before;
  decode_frames(id, link, in, now);
  const size_t held = link.decoder.held_bytes();
  counters_.decoder_bytes += held;
  // A frame that has begun cannot be refused: while memory is short, each that grows is looked at before the next.
  if (held > held_before && counters_.memory_stage != 0) flush_wanted_ = true;
}

ONEHOP_ON_THE_PATH void Shard::decode_frames(LinkId id, Link& link, Input in, Instant now) {
  if (link.state == LinkState::kLobby && !pass_lobby(id, link, in, now)) return;
  bool got_frame = false;
  while (link.state == LinkState::kOpen && !waits(link)) {
    FrameView frame;
    switch (link.decoder.next(in, config_.limits.frame_bytes_max, frame)) {
      case Next::kFrame:
        got_frame = true;
        if (handle_frame(id, link, frame, now) == Handled::kNoCredit) link.decoder.put_back(in, frame);
        break;
      case Next::kNeedMore:
        return note_partial(id, link, got_frame, now);
      case Next::kBadLength:
        return protocol_error(id, link, "a frame's length is broken", now);
      case Next::kTooLarge:
        return end_link(id, link, {v1::CODE_FRAME_TOO_LARGE, "a frame is over frame_bytes_max", 0}, now);
    }
  }
  if (link.state != LinkState::kOpen) return;
  // It waits. What it has sent already is kept.
  link.decoder.save(in);
  stop_reading(link);
}

void Shard::note_partial(LinkId id, Link& link, bool got_frame, Instant now) {
  if (!link.decoder.has_partial()) {
    link.partial_since = Instant::never();
  } else if (got_frame || link.partial_since == Instant::never()) {
    link.partial_since = now;
    wheel_.arm_earlier(id.index, now + config_.limits.frame_deadline_ms);
  }
}

ONEHOP_ON_THE_PATH Shard::Handled Shard::handle_frame(LinkId id, Link& link, const FrameView& frame, Instant now) {
  Session& session = sessions_[link.session.index];
  FrameField field;
  if (const ScanError error = scan_frame(frame.bytes, field); error != ScanError::kNone) {
    protocol_error(id, link, describe(error), now);
    return Handled::kDone;
  }
  if (field.number == static_cast<uint32_t>(FrameKind::kMessage)) {
    return handle_message(id, link, session, frame, field.body, now);
  }
  if (frame.bytes.size() > kControlFrameBytesMax) {
    end_link(id, link, {v1::CODE_FRAME_TOO_LARGE, "a control frame is over 16 KiB", 0}, now);
    return Handled::kDone;
  }
  handle_control(id, link, session, field, now);
  return Handled::kDone;
}

ONEHOP_ON_THE_PATH Shard::Handled Shard::handle_message(LinkId id, Link& link, Session& session, const FrameView& frame,
                                                        Bytes body, Instant now) {
  if (session.sending == nullptr) session.sending = std::make_unique<Sending>(counters_);
  RoutedMessage& message = scratch_message_;
  const ScannedMessage& scanned = message.scanned;
  const ScanError error = scan_message(body, session.sending->destination, message.scanned);
  if (error != ScanError::kNone) {
    protocol_error(id, link, describe(error), now);
    return Handled::kDone;
  }
  if (scanned.id == 0) {
    if (scanned.confirm != v1::CONFIRM_REFUSALS) {
      protocol_error(id, link, "a message that is to be confirmed needs an id", now);
      return Handled::kDone;
    }
  } else if (scanned.id <= session.last_id) {
    // After a resume a client repeats what it does not know to have arrived.
    if (!session.repeating) protocol_error(id, link, "a message's id is not above the one before", now);
    return Handled::kDone;
  }
  message.sender = origin_of(link.session);
  message.from_session = session.number;
  message.frame_bytes = static_cast<uint32_t>(frame.bytes.size());
  message.ordered_refusals = session.ordered_refusals;
  message.from_stamp = session.name.stamp();
  message.body = body;
  message.owner = frame.owner;
  Sending& sending = *session.sending;
  const bool confirmed = message.confirmed();
  if (confirmed && !within_send_window(sending, message.frame_bytes)) {
    end_link(id, link, {v1::CODE_QUOTA_EXCEEDED, "more is open than the send window allows", 0}, now);
    return Handled::kDone;
  }
  // Counted before it is routed: its outcome may be there when route returns.
  if (confirmed) sending.open(message.frame_bytes);
  if (route(id, link, sending, message, now) == Handled::kNoCredit) {
    if (confirmed) sending.settle(1, message.frame_bytes);
    if (rates_.any) sending.rate.give_back(rates_, message.frame_bytes);
    return Handled::kNoCredit;
  }
  ++counters_.messages_received;
  ++sending.messages_sent;
  if (scanned.id != 0) {
    session.last_id = scanned.id;
    session.repeating = false;
  }
  return Handled::kDone;
}

bool Shard::within_send_window(const Sending& sending, size_t frame_bytes) const {
  const Limits& limits = config_.limits;
  return sending.open_messages + sending.receipts.outcomes() < limits.send_window &&
         sending.open_bytes + frame_bytes <= limits.send_bytes_max();
}

// On the sender's shard.
ONEHOP_ON_THE_PATH Shard::Handled Shard::route(LinkId link_id, Link& link, Sending& sending, RoutedMessage& message,
                                               Instant now) {
  // Here already, so that nothing follows this shard's word to the others that it stops.
  if (draining_) {
    refuse(message, rejected(v1::REASON_SHUTTING_DOWN));
    return Handled::kDone;
  }
  if (rates_.any) {
    const uint64_t wait_ms = sending.rate.take(rates_, message.frame_bytes, now);
    if (wait_ms != 0) {
      refuse(message, rejected(v1::REASON_RATE_LIMITED, wait_ms));
      return Handled::kDone;
    }
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
  if (!scanned.has_known_name) look_up(sending, scanned.destination_name);
  message.destination_hash = sending.destination_hash;
  const ShardIndex home = sending.destination_home;
  if (home == config_.index) {
    Session* recipient = sessions_.find(sending.destination_session);
    if (recipient == nullptr) {
      sending.destination_session = directory_.find(scanned.destination_name, message.destination_hash);
      recipient = sessions_.find(sending.destination_session);
    }
    admit(message, sending.destination_session, recipient, now);
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
  sending.count_held();
}

// On the recipient's home shard.
ONEHOP_ON_THE_PATH void Shard::admit(const RoutedMessage& message, SessionId destination, Session* recipient,
                                     Instant now) {
  if (draining_) {
    return refuse(message, rejected(v1::REASON_SHUTTING_DOWN));
  }
  if (recipient == nullptr) return refuse_unknown(message, now);
  if (recipient->senders != nullptr && recipient->senders->gate_closed(message.sender)) {
    return refuse_full(message, destination, *recipient);
  }
  const bool too_large = message.frame_bytes > recipient->frame_bytes_max;
  if (too_large) return refuse(message, rejected(v1::REASON_TOO_LARGE));
  const ScannedMessage& scanned = message.scanned;
  if (scanned.in_reply_to_session != 0 && scanned.in_reply_to_session != recipient->number) {
    return refuse(message, rejected(v1::REASON_STALE_SESSION));
  }
  Delivery delivery(message);
  Link* const link = recipient->link ? &links_[recipient->link.index] : nullptr;
  const size_t queued_bytes = queued_for(*recipient, link) + delivery.size();
  const bool below = queued_bytes <= config_.limits.high_mark();
  const bool quiet = recipient->senders == nullptr && below;
  if (!quiet && !admit_under_pressure(message, destination, *recipient, queued_bytes, now)) return;
  const bool has_allowance = link != nullptr && counters_.queued_bytes + counters_.open_bytes < memory_allowance_;
  if (!has_allowance && !has_memory_for(*recipient)) {
    return refuse(message, rejected(v1::REASON_BROKER_BUSY, jittered_lease(message.sender)));
  }
  deliver(message, delivery, destination, *recipient, link, now);
}

// No session owns the name. Right after the start its owner may only be late to come back: then waiting may cure it.
void Shard::refuse_unknown(const RoutedMessage& message, Instant now) {
  const bool may_come = start_grace_left(now) != 0;
  refuse(message, rejected(v1::REASON_UNKNOWN_CLIENT, may_come ? jittered_lease(message.sender) : 0));
}

uint32_t Shard::start_grace_left(Instant now) const {
  const Instant end = config_.started + config_.limits.start_grace_ms;
  return static_cast<uint32_t>(end - std::max(now, config_.started));
}

// Out of another shard's parcel: the message in front, and those right behind it. Who gets the last one is remembered:
// a batch goes to few.
void Shard::take_message(const Parcel& parcel, Bytes& rest, Instant now) {
  Bytes name;
  uint64_t hash = 0;
  SessionId id;
  do {
    const RoutedMessage message = read_message_record(parcel, rest);
    Session* recipient = nullptr;
    if (message.destination_hash == hash && message.scanned.destination_name == name) recipient = sessions_.find(id);
    if (recipient == nullptr) {
      name = message.scanned.destination_name;
      hash = message.destination_hash;
      id = directory_.find(name, hash);
      recipient = sessions_.find(id);
    }
    admit(message, id, recipient, now);
  } while (!rest.empty() && peek_record(rest).kind == RecordKind::kMessage);
}

// The recipient's queue is, or was lately, over its high mark. True if the message may still be queued.
bool Shard::admit_under_pressure(const RoutedMessage& message, SessionId id, Session& recipient, size_t queued_bytes,
                                 Instant now) {
  if (recipient.senders == nullptr)
    recipient.senders = std::make_unique<SenderTable>(config_.limits.senders_max, counters_);
  if (queued_bytes > config_.limits.high_mark()) {
    pause_sender(message, recipient, now);
    // Only over the high mark is a blocked socket held against the client, so its deadline may begin to matter now.
    const Link* link = links_.find(recipient.link);
    if (link != nullptr && link->blocked)
      wheel_.arm_earlier(recipient.link.index, link->blocked_since + config_.limits.slow_consumer_ms);
  }
  if (queued_bytes <= config_.limits.queue_bytes_max) return true;
  refuse_full(message, id, recipient);
  return false;
}

// Straight to the connection's queue, unless something waits already, the window is closed or the client is away. What
// wants an ack is kept in the backlog in any case.
ONEHOP_ON_THE_PATH void Shard::deliver(const RoutedMessage& message, Delivery& delivery, SessionId id,
                                       Session& recipient, Link* link, Instant now) {
  ++counters_.messages_delivered;
  ++recipient.messages_received;
  bool straight = link != nullptr;
  if (const Backlog* backlog = recipient.backlog.get()) {
    straight = straight && !backlog->has_unsent() && (message.confirmed() || window_open(recipient, 0));
  }
  bool goes_now = straight;
  if (message.confirmed() || !straight) {
    if (recipient.backlog == nullptr) recipient.backlog = std::make_unique<Backlog>(counters_);
    const uint32_t ttl_ms_max = config_.limits.ttl_ms_max;
    const uint32_t ttl_ms = message.scanned.ttl_ms == 0 ? ttl_ms_max : std::min(message.scanned.ttl_ms, ttl_ms_max);
    const bool first_to_expire = now + ttl_ms < recipient.backlog->earliest_deadline();
    const Backlog::Entry& entry = recipient.backlog->add(message, now + ttl_ms);
    if (first_to_expire) session_wheel_.arm_earlier(id.index, entry.deadline);
    if (message.confirmed()) delivery.set_tag(entry.tag);
    goes_now = straight && window_open(recipient, entry.frame_bytes);
    if (goes_now) recipient.backlog->mark_sent();
    watch_window(id, recipient, now);
  }
  if (link == nullptr) return count_away(id, recipient);
  mark_dirty(recipient.link, *link);
  if (!goes_now) return;
  const size_t before = link->output.bytes();
  delivery.append_to(link->output, segments_, link->blocked);
  counters_.queued_bytes += link->output.bytes() - before;
  if (link->output.bytes() >= kEarlyFlushBytes && !link->blocked) flush_wanted_ = true;
}

}  // namespace onehop::core
