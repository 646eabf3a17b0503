// MessagePath: see the header. What happens to each message is inlined along the path, because a call costs about as
// much there as what it does.
#include "core/shard/message_path.h"

#include <algorithm>
#include <cassert>
#include <functional>

#include "core/base/limits.h"
#include "core/base/name.h"
#include "core/base/name_hash.h"
#include "core/shard/shard_parts.h"

// Marks the functions that every message passes.
#define ONEHOP_ON_THE_PATH [[gnu::always_inline]] inline

namespace onehop::core {
namespace {

Fate rejected(v1::Reason reason, uint64_t retry_after_ms = 0) {
  return {v1::OUTCOME_REJECTED, reason, static_cast<uint32_t>(std::min<uint64_t>(retry_after_ms, UINT32_MAX)), 0,
          false};
}

}  // namespace

void MessagePath::decode(LinkId id, Link& link, Input in) {
  ShardParts& shard = shard_;
  const size_t held_before = link.decoder.held_bytes();
  shard.counters.decoder_bytes -= held_before;
  decode_frames(shard, id, link, in);
  const size_t held = link.decoder.held_bytes();
  shard.counters.decoder_bytes += held;
  // A frame that has begun cannot be refused: while memory is short, each that grows is looked at before the next.
  if (held > held_before && shard.counters.memory_stage != 0) shard.writer.want_flush();
}

ONEHOP_ON_THE_PATH void MessagePath::decode_frames(ShardParts& shard, LinkId id, Link& link, Input in) {
  if (link.state == LinkState::kLobby && !shard.handshake.pass_lobby(id, link, in)) return;
  bool got_frame = false;
  while (link.state == LinkState::kOpen && !link.waits()) {
    FrameView frame;
    switch (link.decoder.next(in, shard.config.limits.frame_bytes_max, frame)) {
      case Next::kFrame:
        got_frame = true;
        if (handle_frame(shard, id, link, frame) == Handled::kWaits) link.decoder.put_back(in, frame);
        break;
      case Next::kNeedMore:
        return note_partial(shard, id, link, got_frame);
      case Next::kBadLength:
        return shard.endings.protocol_error(id, link, "a frame's length is broken");
      case Next::kTooLarge:
        return shard.endings.end_link(id, link, {v1::CODE_FRAME_TOO_LARGE, "a frame is over frame_bytes_max", 0});
    }
  }
  if (link.state != LinkState::kOpen) return;
  // It waits. What it has sent already is kept.
  link.decoder.save(in);
  shard.links.stop_reading(link);
}

void MessagePath::note_partial(ShardParts& shard, LinkId id, Link& link, bool got_frame) {
  if (!link.decoder.has_partial()) {
    link.partial_since = Instant::never();
  } else if (got_frame || link.partial_since == Instant::never()) {
    link.partial_since = shard.now();
    shard.deadlines.arm_earlier(id.index, shard.now() + shard.config.limits.frame_deadline_ms);
  }
}

ONEHOP_ON_THE_PATH MessagePath::Handled MessagePath::handle_frame(ShardParts& shard, LinkId id, Link& link,
                                                                  const FrameView& frame) {
  Session& session = shard.sessions[link.session.index];
  FrameField field;
  if (const ScanError error = scan_frame(frame.bytes, field); error != ScanError::kNone) {
    shard.endings.protocol_error(id, link, describe(error));
    return Handled::kDone;
  }
  if (field.number == static_cast<uint32_t>(FrameKind::kMessage)) {
    return handle_message(shard, id, link, session, frame, field.body);
  }
  if (frame.bytes.size() > kControlFrameBytesMax) {
    shard.endings.end_link(id, link, {v1::CODE_FRAME_TOO_LARGE, "a control frame is over 16 KiB", 0});
    return Handled::kDone;
  }
  shard.client_frames.handle_control(id, link, session, field);
  return Handled::kDone;
}

ONEHOP_ON_THE_PATH MessagePath::Handled MessagePath::handle_message(ShardParts& shard, LinkId id, Link& link,
                                                                    Session& session, const FrameView& frame,
                                                                    Bytes body) {
  if (session.sending == nullptr) session.sending = std::make_unique<Sending>(shard.counters);
  RoutedMessage& message = shard.path.message_;
  if (const ScanError error = scan_message(body, session.sending->destination, message.scanned);
      error != ScanError::kNone) {
    shard.endings.protocol_error(id, link, describe(error));
    return Handled::kDone;
  }
  message.frame_bytes = static_cast<uint32_t>(frame.bytes.size());
  message.body = body;
  message.owner = frame.owner;
  const Submission submission = submit(shard, link.session, session, message);
  if (submission.result == Submitted::kEnds) shard.endings.end_link(id, link, submission.farewell);
  if (submission.result != Submitted::kWaits) return Handled::kDone;
  wait(shard, id, link, session);
  return Handled::kWaits;
}

Submitted MessagePath::submit(LinkId id, Link& link, const ScannedMessage& scanned, Bytes body) {
  ShardParts& shard = shard_;
  Session& session = shard.sessions[link.session.index];
  if (session.sending == nullptr) session.sending = std::make_unique<Sending>(shard.counters);
  // A parcel keeps the name as a place in the body.
  assert(std::less_equal<>()(body.data(), scanned.destination_name.data()) &&
         std::less_equal<>()(scanned.destination_name.data() + scanned.destination_name.size(),
                             body.data() + body.size()));
  message_.scanned = scanned;
  message_.scanned.has_known_name = scanned.destination_name == session.sending->destination;
  message_.frame_bytes = static_cast<uint32_t>(1 + varint_size(body.size()) + body.size());
  message_.body = body;
  message_.owner = nullptr;
  if (message_.frame_bytes > shard.config.limits.frame_bytes_max) {
    shard.endings.end_link(id, link, {v1::CODE_FRAME_TOO_LARGE, "a frame is over frame_bytes_max", 0});
    return Submitted::kEnds;
  }
  const Submission submission = submit(shard, link.session, session, message_);
  if (submission.result == Submitted::kEnds) shard.endings.end_link(id, link, submission.farewell);
  if (submission.result == Submitted::kWaits) wait(shard, id, link, session);
  return submission.result;
}

void MessagePath::wait(ShardParts& shard, LinkId id, Link& link, const Session& session) {
  link.waits_to_send = true;
  const Sending& sending = *session.sending;
  if (shard.permissions.is_pending(link.session, sending.destination_hash)) return;
  shard.crossing.wait_for_credit(sending.destination_home, id);
}

// Takes a message on behalf of a session. From here on it is not known whether it came from a stream or a call.
ONEHOP_ON_THE_PATH MessagePath::Submission MessagePath::submit(ShardParts& shard, SessionId id, Session& session,
                                                               RoutedMessage& message) {
  const ScannedMessage& scanned = message.scanned;
  if (scanned.id == 0) {
    if (scanned.confirm != v1::CONFIRM_REFUSALS) {
      return ends(v1::CODE_PROTOCOL_ERROR, "a message that is to be confirmed needs an id");
    }
  } else if (scanned.id <= session.last_id) {
    // After a resume a client repeats what it does not know to have arrived.
    if (session.repeating) return {};
    return ends(v1::CODE_PROTOCOL_ERROR, "a message's id is not above the one before");
  }
  message.sender = shard.origin_of(id);
  message.from_session = session.number;
  message.ordered_refusals = session.ordered_refusals;
  message.from_stamp = session.name.stamp();
  Sending& sending = *session.sending;
  const bool confirmed = message.confirmed();
  if (confirmed && !within_send_window(shard, sending, message.frame_bytes)) {
    return ends(v1::CODE_QUOTA_EXCEEDED, "more is open than the send window allows");
  }
  // Counted before it is routed: its outcome may be there when route returns.
  if (confirmed) sending.open(message.frame_bytes);
  if (!route(shard, sending, message)) {
    if (confirmed) sending.settle(1, message.frame_bytes);
    shard.requests.cancel(message);
    if (shard.rates.any) sending.rate.give_back(shard.rates, message.frame_bytes);
    return {Submitted::kWaits, {}};
  }
  ++shard.counters.messages_received;
  ++sending.messages_sent;
  if (scanned.id != 0) {
    session.last_id = scanned.id;
    session.repeating = false;
  }
  return {};
}

bool MessagePath::within_send_window(ShardParts& shard, const Sending& sending, size_t frame_bytes) {
  const Limits& limits = shard.config.limits;
  return sending.open_messages + sending.receipts.outcomes() < limits.send_window &&
         sending.open_bytes + frame_bytes <= limits.send_bytes_max();
}

// On the sender's shard. False: the message waits, for credit to post to sending.destination_home or for the host.
ONEHOP_ON_THE_PATH bool MessagePath::route(ShardParts& shard, Sending& sending, RoutedMessage& message) {
  // A draining shard refuses before it posts: no message may follow the record that tells other shards that it stops.
  if (shard.shutdown.draining() && !shard.requests.replies_while_draining(message)) {
    shard.outcomes.refuse(message, rejected(v1::REASON_SHUTTING_DOWN));
    return true;
  }
  if (shard.rates.any) {
    const uint64_t wait_ms = sending.rate.take(shard.rates, message.frame_bytes, shard.now());
    if (wait_ms != 0) {
      shard.outcomes.refuse(message, rejected(v1::REASON_RATE_LIMITED, wait_ms));
      return true;
    }
  }
  const ScannedMessage& scanned = message.scanned;
  const bool known_confirm = scanned.confirm == v1::CONFIRM_REFUSALS || message.confirmed();
  if (!known_confirm || scanned.is_special) [[unlikely]] {
    const Way way = look_closer(shard, sending, message);
    if (way != Way::kGoesOn) return way == Way::kDone;
  }
  if (scanned.destination_name.size() > kNameBytesMax) {
    shard.outcomes.refuse(message, rejected(v1::REASON_UNKNOWN_CLIENT));
    return true;
  }
  if (!scanned.has_known_name) {
    const Permissions::Verdict verdict = look_up(shard, sending, message);
    if (verdict != Permissions::Verdict::kAllowed) return verdict != Permissions::Verdict::kPending;
  }
  message.destination_hash = sending.destination_hash;
  const ShardIndex home = sending.destination_home;
  if (home == shard.config.index) {
    Session* recipient = shard.sessions.find(sending.destination_session);
    if (recipient == nullptr) {
      sending.destination_session = shard.sessions.find_name(scanned.destination_name, message.destination_hash);
      recipient = shard.sessions.find(sending.destination_session);
    }
    admit(shard, message, sending.destination_session, recipient);
    return true;
  }
  if (!shard.crossing.post_to(home).add_message(message)) return false;
  sending.shards_sent_to |= uint64_t{1} << home;
  return true;
}

// More than a message to a client, or with a level of confirmation that is not served.
MessagePath::Way MessagePath::look_closer(ShardParts& shard, Sending& sending, RoutedMessage& message) {
  const auto way_of = [](bool done) { return done ? Way::kDone : Way::kWaits; };
  ScannedMessage& scanned = message.scanned;
  const Session& session = shard.sessions[message.sender.session.index];
  const bool wants_reply = session.uses_replies && (scanned.flags & kWantsReply) != 0;
  const bool may_reply = message.confirmed() && scanned.destination != Destination::kTopic;
  const bool known_confirm = scanned.confirm == v1::CONFIRM_REFUSALS || message.confirmed();
  if (!known_confirm || (wants_reply && !may_reply)) {
    shard.outcomes.refuse(message, rejected(v1::REASON_UNSUPPORTED));
    return Way::kDone;
  }
  scanned.flags &= session.uses_topics && scanned.destination == Destination::kService ? kRetryAttempted : 0;
  if (scanned.destination == Destination::kTopic) return way_of(shard.topics.route(sending, message));
  if (wants_reply) shard.requests.open(message);
  if (scanned.destination == Destination::kService) return way_of(shard.services.route(sending, message));
  if (scanned.in_reply_to_session != 0) shard.requests.mark_reply(message);
  return Way::kGoesOn;
}

Permissions::Verdict MessagePath::look_up(ShardParts& shard, Sending& sending, const RoutedMessage& message) {
  const Bytes destination = message.scanned.destination_name;
  sending.destination = destination;
  sending.destination_hash = name_hash(destination, shard.config.hash_key);
  sending.destination_home = home_shard(sending.destination_hash, shard.config.count);
  sending.destination_session = {};
  sending.count_held();
  return shard.config.asks_permission ? may_send(shard, sending, message) : Permissions::Verdict::kAllowed;
}

// Only what is allowed stays remembered, so that anything else is looked up again. If it is not allowed and does not
// wait, it is refused. The refusal is the same whether or not anybody has the name.
Permissions::Verdict MessagePath::may_send(ShardParts& shard, Sending& sending, const RoutedMessage& message) {
  const Bytes destination = message.scanned.destination_name;
  const auto verdict = shard.permissions.may_send(message.sender.session, destination, sending.destination_hash);
  if (verdict != Permissions::Verdict::kAllowed) sending.forget_destination();
  if (verdict == Permissions::Verdict::kDenied) shard.outcomes.refuse(message, rejected(v1::REASON_NOT_AUTHORIZED));
  if (verdict == Permissions::Verdict::kUndecided) {
    shard.outcomes.refuse(message, rejected(v1::REASON_BROKER_BUSY, shard.jittered_lease(message.sender)));
  }
  return verdict;
}

// On the recipient's home shard.
ONEHOP_ON_THE_PATH void MessagePath::admit(ShardParts& shard, const RoutedMessage& message, SessionId destination,
                                           Session* recipient) {
  if (shard.shutdown.draining() && !shard.requests.admits_while_draining(message)) {
    return shard.outcomes.refuse(message, rejected(v1::REASON_SHUTTING_DOWN));
  }
  if (recipient == nullptr) return refuse_unknown(shard, message);
  if (recipient->senders != nullptr && recipient->senders->gate_closed(message.sender)) {
    return shard.flow.refuse_full(message, destination, *recipient);
  }
  const bool too_large = message.frame_bytes > recipient->frame_bytes_max;
  if (too_large) return shard.outcomes.refuse(message, rejected(v1::REASON_TOO_LARGE));
  const ScannedMessage& scanned = message.scanned;
  if (scanned.in_reply_to_session != 0 && scanned.in_reply_to_session != recipient->number) {
    return shard.outcomes.refuse(message, rejected(v1::REASON_STALE_SESSION));
  }
  Delivery delivery(message);
  Link* const link = recipient->link ? &shard.links[recipient->link.index] : nullptr;
  const size_t queued_bytes = queued_for(*recipient, link) + delivery.size();
  const bool below = queued_bytes <= shard.config.limits.high_mark();
  const bool quiet = recipient->senders == nullptr && below;
  if (!quiet && !admit_under_pressure(shard, message, destination, *recipient, queued_bytes)) return;
  const bool has_allowance =
      link != nullptr && shard.counters.queued_bytes + shard.counters.open_bytes < shard.memory.allowance();
  if (!has_allowance && !shard.memory.has_memory_for(*recipient)) {
    return shard.outcomes.refuse(message, rejected(v1::REASON_BROKER_BUSY, shard.jittered_lease(message.sender)));
  }
  deliver(shard, message, delivery, destination, *recipient, link);
  if (scanned.in_reply_to_session != 0) shard.requests.take_reply(message, destination);
}

// No session owns the name. Right after the start its owner may only be late to come back: then waiting may cure it.
void MessagePath::refuse_unknown(ShardParts& shard, const RoutedMessage& message) {
  const bool may_come = shard.start_grace_left() != 0;
  shard.outcomes.refuse(message,
                        rejected(v1::REASON_UNKNOWN_CLIENT, may_come ? shard.jittered_lease(message.sender) : 0));
}

// It remembers who got the last message, because a batch goes to few recipients.
void MessagePath::take_message(const Parcel& parcel, Bytes& rest) {
  ShardParts& shard = shard_;
  Bytes name;
  uint64_t hash = 0;
  SessionId id;
  do {
    const RoutedMessage message = read_message_record(parcel, rest);
    Session* recipient = nullptr;
    if (message.destination_hash == hash && message.scanned.destination_name == name)
      recipient = shard.sessions.find(id);
    if (recipient == nullptr) {
      name = message.scanned.destination_name;
      hash = message.destination_hash;
      id = shard.sessions.find_name(name, hash);
      recipient = shard.sessions.find(id);
    }
    admit(shard, message, id, recipient);
  } while (!rest.empty() && peek_record(rest).kind == RecordKind::kMessage);
}

v1::Reason MessagePath::deliver_copy(const RoutedMessage& message, SessionId id, Session& recipient) {
  ShardParts& shard = shard_;
  const Limits& limits = shard.config.limits;
  if (message.frame_bytes > recipient.frame_bytes_max) return v1::REASON_TOO_LARGE;
  Delivery delivery(message);
  if ((message.scanned.flags & kAttempted) != 0) delivery.set_redelivered(message.scanned.ttl_ms);
  Link* const link = shard.links.find(recipient.link);
  const size_t queued = queued_for(recipient, link) + delivery.size();
  if (queued > limits.queue_bytes_max) return v1::REASON_QUEUE_FULL;
  // Only over the high mark is a blocked socket held against the client, so its deadline may begin to matter now.
  if (link != nullptr && queued > limits.high_mark() && link->blocked) {
    shard.deadlines.arm_earlier(recipient.link.index, link->blocked_since + limits.slow_consumer_ms);
  }
  if (!shard.memory.has_memory_for(recipient)) return v1::REASON_BROKER_BUSY;
  deliver(shard, message, delivery, id, recipient, link);
  return v1::REASON_UNSPECIFIED;
}

// The recipient's queue is, or was lately, over its high mark. True if the message may still be queued.
bool MessagePath::admit_under_pressure(ShardParts& shard, const RoutedMessage& message, SessionId id,
                                       Session& recipient, size_t queued_bytes) {
  if (recipient.senders == nullptr)
    recipient.senders = std::make_unique<SenderTable>(shard.config.limits.senders_max, shard.counters);
  if (queued_bytes > shard.config.limits.high_mark()) {
    shard.flow.pause_sender(message, recipient);
    // Only over the high mark is a blocked socket held against the client, so its deadline may begin to matter now.
    const Link* link = shard.links.find(recipient.link);
    if (link != nullptr && link->blocked)
      shard.deadlines.arm_earlier(recipient.link.index, link->blocked_since + shard.config.limits.slow_consumer_ms);
  }
  if (queued_bytes <= shard.config.limits.queue_bytes_max) return true;
  shard.flow.refuse_full(message, id, recipient);
  return false;
}

// Straight to the connection's queue, unless something waits already, the window is closed or the client is away. What
// wants an ack is kept in the backlog in any case.
ONEHOP_ON_THE_PATH void MessagePath::deliver(ShardParts& shard, const RoutedMessage& message, Delivery& delivery,
                                             SessionId id, Session& recipient, Link* link) {
  ++shard.counters.messages_admitted;
  ++recipient.messages_received;
  bool straight = link != nullptr;
  if (const Backlog* backlog = recipient.backlog.get()) {
    straight = straight && !backlog->has_unsent() && (message.confirmed() || shard.outcomes.window_open(recipient, 0));
  }
  bool goes_now = straight;
  if (message.confirmed() || !straight) {
    if (recipient.backlog == nullptr) recipient.backlog = std::make_unique<Backlog>(shard.counters);
    const uint32_t ttl_ms_max = shard.config.limits.ttl_ms_max;
    const uint32_t ttl_ms = message.scanned.ttl_ms == 0 ? ttl_ms_max : std::min(message.scanned.ttl_ms, ttl_ms_max);
    const bool first_to_expire = shard.now() + ttl_ms < recipient.backlog->earliest_deadline();
    Backlog::Entry& entry = recipient.backlog->add(message, shard.now() + ttl_ms);
    if (message.scanned.flags != 0) shard.requests.note_kept(id, entry, message);
    if (first_to_expire) shard.sessions.arm_earlier(id.index, entry.deadline);
    if (message.confirmed()) delivery.set_tag(entry.tag);
    goes_now = straight && shard.outcomes.window_open(recipient, entry.frame_bytes);
    if (goes_now) recipient.backlog->mark_sent();
    shard.outcomes.watch_window(id, recipient);
  }
  if (link == nullptr) return shard.memory.count_away(id, recipient);
  shard.writer.mark_dirty(recipient.link, *link);
  if (!goes_now) return;
  const size_t before = link->output.bytes();
  delivery.append_to(link->output, shard.segments, link->blocked);
  shard.counters.queued_bytes += link->output.bytes() - before;
  if (link->output.bytes() >= kEarlyFlushBytes && !link->blocked) shard.writer.want_flush();
}

}  // namespace onehop::core
