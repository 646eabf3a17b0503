// Crossing: the records of parcels, each handed to the part that it is for.
#include "core/shard/crossing.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "core/shard/shard_parts.h"

namespace onehop::core {

Crossing::Crossing(ShardParts& shard)
    : shard_(shard), posts_(shard.config.count), waiting_for_credit_(shard.config.count) {}

void Crossing::on_parcel(ShardIndex from, Parcel& parcel) {
  for (Bytes rest = parcel.bytes(); !rest.empty();) take_record(parcel, rest);
  parcel.clear();
  if (parcel.counts()) shard_.host.give_back(from, std::move(parcel));
}

void Crossing::on_credit(ShardIndex to, Parcel parcel) {
  posts_[to].credit(std::move(parcel));
  for (const LinkId id : std::exchange(waiting_for_credit_[to], {})) {
    Link* link = shard_.links.find(id);
    if (link == nullptr || !link->waits_to_send) continue;
    link->waits_to_send = false;
    shard_.links.may_go_on(id);
  }
}

void Crossing::take_record(const Parcel& parcel, Bytes& rest) {
  const RecordHead head = peek_record(rest);
  switch (head.kind) {
    case RecordKind::kMessage:
      return shard_.path.take_message(parcel, rest);
    case RecordKind::kReceipt:
      return shard_.outcomes.take_receipt(read_receipt_record(rest));
    case RecordKind::kFlow: {
      Bytes name;
      const NameRecord record = read_name_record(rest, name);
      return shard_.flow.tell_flow(head.sender, {name}, static_cast<v1::State>(head.state), record.number);
    }
    case RecordKind::kPublish:
      return shard_.topics.take_publish(parcel, rest);
    case RecordKind::kFanOut:
      return shard_.topics.take_fan_out(parcel, rest);
    case RecordKind::kMissed: {
      Bytes topic;
      const auto record = read_named_record<MissedRecord>(rest, topic);
      return shard_.topics.take_missed(record, topic);
    }
    case RecordKind::kFannedOut:
      return shard_.topics.take_fanned_out(read_record<FannedOutRecord>(rest));
    case RecordKind::kAudience: {
      Bytes filter;
      const NameRecord record = read_name_record(rest, filter);
      return shard_.subscriptions.take_audience(record, filter);
    }
    case RecordKind::kToInstance:
      return shard_.services.take_message(parcel, rest);
    case RecordKind::kInstanceJoins:
    case RecordKind::kInstanceLeaves:
    case RecordKind::kInstanceState:
      return take_instance_record(head.kind, rest);
    case RecordKind::kReplyTaken: {
      const auto record = read_record<RequestRecord>(rest);
      return shard_.requests.take_reply_taken({record.from_session, record.id});
    }
    case RecordKind::kPresenceWanted:
    case RecordKind::kPresenceUnwanted:
    case RecordKind::kPresenceAsked:
    case RecordKind::kPresence:
    case RecordKind::kPresencePortion:
      return take_presence_record(head.kind, rest);
    case RecordKind::kOpenGate:
    case RecordKind::kGateOpened:
    case RecordKind::kSenderGone:
    case RecordKind::kBarrier:
    case RecordKind::kBarrierDone:
    case RecordKind::kStopping:
    case RecordKind::kStopped:
    case RecordKind::kAllTold:
    case RecordKind::kEndLargest:
    case RecordKind::kFiltersAsked:
    case RecordKind::kFiltersKnown:
      return take_peer_record(head.kind, head.sender, read_record<PeerRecord>(rest).recipient);
  }
  assert(false && "a parcel holds what a shard put there");
}

void Crossing::take_instance_record(RecordKind kind, Bytes& rest) {
  Bytes service;
  const NameRecord record = read_name_record(rest, service);
  if (kind == RecordKind::kInstanceJoins) return shard_.services.take_joins(record, service);
  if (kind == RecordKind::kInstanceLeaves) return shard_.services.take_leaves(record, service);
  shard_.services.take_state(record);
}

void Crossing::take_presence_record(RecordKind kind, Bytes& rest) {
  Bytes name;
  if (kind == RecordKind::kPresence) {
    const auto record = read_named_record<PresenceRecord>(rest, name);
    const PresenceChange change = PresenceHome::read_change(record, name);
    if (record.head.sender.kind == Origin::Kind::kNone) return shard_.presence.take_change(change);
    return shard_.presence.take_found(record.head.sender.session, change);
  }
  const NameRecord record = read_name_record(rest, name);
  switch (kind) {
    case RecordKind::kPresenceAsked:
      return shard_.presence_home.take_asked(record, name);
    case RecordKind::kPresencePortion:
      return shard_.presence.take_portion_end(record.head.sender.session, record.number);
    default:
      return shard_.presence_home.take_wanted(record, name);
  }
}

void Crossing::tell_peer(RecordKind kind, const Origin& sender, const Origin& recipient, ShardIndex to) {
  if (to == shard_.config.index) return take_peer_record(kind, sender, recipient);
  posts_[to].add_control(PeerRecord{{kind, false, false, 0, 0, sender}, recipient});
}

void Crossing::take_peer_record(RecordKind kind, const Origin& sender, const Origin& recipient) {
  switch (kind) {
    case RecordKind::kOpenGate:
      return shard_.flow.open_gate(sender, recipient);
    case RecordKind::kGateOpened: {
      Session* session = shard_.sessions.find(sender.session);
      if (session == nullptr || session->sending == nullptr) return;
      session->sending->closed_gates.remove(recipient);
      return session->sending->count_held();
    }
    case RecordKind::kSenderGone: {
      Session* session = shard_.sessions.find(recipient.session);
      if (session != nullptr && session->senders != nullptr) session->senders->open_gate(sender);
      return;
    }
    case RecordKind::kBarrier:
      return tell_peer(RecordKind::kBarrierDone, sender, recipient, sender.shard);
    case RecordKind::kBarrierDone:
      if (Session* session = shard_.sessions.find(sender.session))
        shard_.client_frames.take_barrier_done(sender.session, *session);
      return;
    case RecordKind::kStopping:
      return shard_.shutdown.take_stopping(sender.shard);
    case RecordKind::kStopped:
      return shard_.shutdown.take_stopped();
    case RecordKind::kAllTold:
      return shard_.shutdown.take_all_told();
    case RecordKind::kEndLargest:
      return shard_.memory.want_turn();
    case RecordKind::kFiltersAsked:
      return shard_.subscriptions.take_asked(sender, recipient);
    case RecordKind::kFiltersKnown:
      return shard_.subscriptions.take_known(recipient);
    default:
      return;
  }
}

void Crossing::post_parcels() {
  for (ShardIndex shard = 0; shard < shard_.config.count; ++shard) {
    std::vector<Parcel> parcels = posts_[shard].take_filled();
    for (Parcel& parcel : parcels) {
      ++shard_.counters.parcels_posted;
      shard_.host.post(shard, std::move(parcel));
    }
  }
}

bool Crossing::has_filled() const {
  return std::any_of(posts_.begin(), posts_.end(), [](const ParcelPost& post) { return post.has_filled(); });
}

}  // namespace onehop::core
