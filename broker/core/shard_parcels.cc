// Shard: what other shards send.
#include <cassert>
#include <utility>

#include "core/shard.h"

namespace onehop::core {

void Shard::on_parcel(ShardIndex from, Parcel parcel, Instant now) {
  for (Bytes rest = parcel.bytes(); !rest.empty();) take_record(parcel, rest, now);
  parcel.clear();
  if (parcel.counts()) host_.give_back(from, std::move(parcel));
}

void Shard::on_credit(ShardIndex to, Parcel parcel, Instant now) {
  posts_[to].credit(std::move(parcel));
  for (const LinkId id : std::exchange(waiting_for_credit_[to], {})) {
    Link* link = links_.find(id);
    if (link == nullptr || !link->waits_for_credit) continue;
    link->waits_for_credit = false;
    resumable_.push_back(id);
  }
  static_cast<void>(now);
}

void Shard::take_record(const Parcel& parcel, Bytes& rest, Instant now) {
  const RecordHead head = peek_record(rest);
  switch (head.kind) {
    case RecordKind::kMessage:
      return take_message(parcel, rest, now);
    case RecordKind::kReceipt:
      return take_receipt(read_receipt_record(rest));
    case RecordKind::kFlow: {
      Bytes name;
      const NameRecord record = read_name_record(rest, name);
      return tell_flow(head.sender, name, static_cast<v1::State>(head.state), record.retry_after_ms);
    }
    case RecordKind::kOpenGate:
    case RecordKind::kGateOpened:
    case RecordKind::kSenderGone:
    case RecordKind::kBarrier:
    case RecordKind::kBarrierDone:
    case RecordKind::kStopping:
    case RecordKind::kStopped:
    case RecordKind::kEndLargest:
      return take_peer_record(head.kind, head.sender, read_record<PeerRecord>(rest).recipient);
  }
  assert(false && "a parcel holds what a shard put there");
}

}  // namespace onehop::core
