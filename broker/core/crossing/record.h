// The records in a parcel. Each begins with a head and is padded to eight bytes; a message's head is followed by the
// sender's stamp and the body.
//
// A parcel's memory is aligned and every record padded, so that messages, of which there are many, are written and read
// in place: what is put together elsewhere and copied is read in other portions than it was written, which is slow.
#pragma once

#include <cstdint>
#include <cstring>
#include <new>

#include "core/base/ids.h"
#include "core/base/limits.h"
#include "core/crossing/parcel.h"
#include "core/wire/fate.h"
#include "core/wire/routed_message.h"

namespace onehop::core {

enum class RecordKind : uint8_t {
  kMessage = 1,
  kReceipt,      // To the sender's shard: what became of ids.
  kFlow,         // To the sender's shard: PAUSE or RESUME for a name.
  kOpenGate,     // To the recipient's shard, of a gate known to be closed: the sender knows of the refusals.
  kGateOpened,   // To the sender's shard: its gate there is no longer closed, or the recipient has ended.
  kSenderGone,   // To the recipient's shard: the sender's session has ended.
  kBarrier,      // To a shard that was sent to: answer when all before is settled.
  kBarrierDone,  // The answer.
  kStopping,     // To every other shard: answer when all before is settled and your recipients' messages are, for good.
  kStopped,      // The answer.
  kAllTold,      // To every other shard: after this come no receipts for messages to topics of this shard.
  kEndLargest,   // To the shard that holds most: memory is out.
  kPublish,      // To a topic's home: a message for its subscribers, written as kMessage.
  kFanOut,       // From a topic's home to a shard with subscribers: the same message.
  kMissed,       // From a topic's home to such a shard: its subscribers miss messages of the topic.
  kFannedOut,    // To a topic's home: how many subscribers such a shard has admitted a confirmed message for.
  kAudience,     // To a shard that must know: who has subscribed to a filter.
  kFiltersAsked,      // To a shard that was sent kAudience: answer when you have read all of those before this.
  kFiltersKnown,      // The answer.
  kPresenceWanted,    // To the home of a name, or to every shard: somebody here watches this name or prefix.
  kPresenceUnwanted,  // To the same: nobody here does any more.
  kPresenceAsked,     // To a home that was sent kPresenceWanted: the next portion of a snapshot is wanted.
  kPresence,          // To a shard with watchers: the state of a client. A part of a portion if it has a sender.
  kPresencePortion,   // To the shard that asked: the end of a portion.
  kToInstance,  // To an instance's shard: a message for it, written as kMessage, whose hash is the instance's session.
  kInstanceJoins,   // To every other shard: a session is an instance of a service.
  kInstanceLeaves,  // The same: it is none any more.
  kInstanceState,   // The same: whether an instance takes messages, and how much work it has.
  kReplyTaken,      // To the responder's shard: its reply has been admitted.
};

struct RecordHead {
  RecordKind kind{};
  bool ordered_refusals = false;  // kMessage.
  bool gate_closed = false;       // kReceipt.
  // kFlow: v1::State. kAudience: Audience::Kind. kInstanceState: InstanceState. kPresence: v1::PresenceState. The other
  // three of presence that have a text: whether it is a prefix. Messages: MessageFlags.
  uint8_t state = 0;
  uint32_t size = 0;  // Of the whole record.
  Origin sender;
};

struct MessageRecord {
  RecordHead head;
  uint64_t id;
  uint64_t from_session;
  uint64_t destination_hash;
  uint64_t in_reply_to_session;
  uint32_t frame_bytes;
  uint32_t ttl_ms;
  int32_t confirm;
  uint32_t body_size;
  uint32_t destination_offset;  // In the body.
  uint32_t attached;            // The parcel's attached body, or kInline.
  uint16_t destination_size;
  uint16_t stamp_size;
  uint32_t unused = 0;

  static constexpr uint32_t kInline = UINT32_MAX;
};

// The text follows.
struct ReceiptRecord {
  RecordHead head;
  Origin recipient;
  uint64_t recipient_hash;
  uint64_t first_id;
  uint64_t last_id;
  uint64_t frame_bytes;
  Fate fate;
  uint32_t name_size;
  uint32_t confirmed;
};

// kFlow, kAudience, those of instances, and those of presence but kPresence; the name, filter or prefix follows.
struct NameRecord {
  RecordHead head;
  // kFlow: retry_after_ms. kInstanceState: its work. kPresenceAsked, kPresencePortion: where the next portion begins.
  uint32_t number;
  uint32_t name_size;
};

// kPresence; the name follows.
struct PresenceRecord {
  RecordHead head;
  uint64_t name_hash;
  uint64_t session;
  uint64_t since_unix_ms;
  uint64_t heard_ms;  // An Instant.
  int32_t reason;
  uint32_t name_size;
};

// kMissed; the topic follows. The fate is that of each subscriber there.
struct MissedRecord {
  RecordHead head;
  uint64_t id;  // Of a confirmed message, or 0.
  uint32_t count;
  int32_t outcome;
  int32_t reason;
  uint32_t name_size;
};

// kFannedOut.
struct FannedOutRecord {
  RecordHead head;
  uint64_t id;
  uint32_t admitted;
  uint32_t missed;
  Fate miss;
  uint32_t name_size;  // Nothing follows.
};

// kReplyTaken.
struct RequestRecord {
  RecordHead head;
  uint64_t from_session;
  uint64_t id;
  uint32_t name_size;  // Nothing follows.
};

// The kinds without more to say than whom they concern.
struct PeerRecord {
  RecordHead head;
  Origin recipient;
};

constexpr size_t padded(size_t size) {
  return (size + 7) & ~size_t{7};
}

// Larger bodies lie beside the records.
inline bool travels_inline(const RoutedMessage& message) {
  return message.body.size() <= kInlineBodyBytesMax;
}

// How much of a parcel a message takes.
inline size_t message_record_size(const RoutedMessage& message) {
  const size_t body = travels_inline(message) ? message.body.size() : 0;
  return padded(sizeof(MessageRecord) + message.from_stamp.size() + body);
}
// Copies a body into a block of its own: the one it lies in is counted by this shard.
uint32_t attach_copy(Parcel& parcel, Bytes body);
inline void add_message_record(Parcel& parcel, const RoutedMessage& m) {
  const size_t size = message_record_size(m);
  char* out = parcel.extend(size);
  MessageRecord& record = *new (out) MessageRecord;
  record.head.kind = RecordKind::kMessage;
  record.head.ordered_refusals = m.ordered_refusals;
  record.head.state = m.scanned.flags;
  record.head.size = static_cast<uint32_t>(size);
  record.head.sender = m.sender;
  record.id = m.scanned.id;
  record.from_session = m.from_session;
  record.destination_hash = m.destination_hash;
  record.in_reply_to_session = m.scanned.in_reply_to_session;
  record.frame_bytes = m.frame_bytes;
  record.ttl_ms = m.scanned.ttl_ms;
  record.confirm = m.scanned.confirm;
  record.body_size = static_cast<uint32_t>(m.body.size());
  record.destination_offset = static_cast<uint32_t>(m.scanned.destination_name.data() - m.body.data());
  record.destination_size = static_cast<uint16_t>(m.scanned.destination_name.size());
  record.stamp_size = static_cast<uint16_t>(m.from_stamp.size());
  record.attached = MessageRecord::kInline;
  out += sizeof record;
  std::memcpy(out, m.from_stamp.data(), m.from_stamp.size());
  if (travels_inline(m)) {
    std::memcpy(out + m.from_stamp.size(), m.body.data(), m.body.size());
  } else {
    record.attached = attach_copy(parcel, m.body);
  }
}

// Reads records from the front of `rest`, taking them off. The message's bytes lie in the parcel.
inline RecordHead peek_record(Bytes rest) {
  RecordHead head;
  std::memcpy(&head, rest.data(), sizeof head);
  return head;
}
inline RoutedMessage read_message_record(const Parcel& parcel, Bytes& rest) {
  const MessageRecord& record = *std::launder(reinterpret_cast<const MessageRecord*>(rest.data()));
  const char* const text = rest.data() + sizeof record;
  rest.remove_prefix(record.head.size);
  RoutedMessage m;
  m.sender = record.head.sender;
  m.ordered_refusals = record.head.ordered_refusals;
  m.from_session = record.from_session;
  m.destination_hash = record.destination_hash;
  m.frame_bytes = record.frame_bytes;
  m.from_stamp = {text, record.stamp_size};
  if (record.attached == MessageRecord::kInline) {
    m.body = {text + record.stamp_size, record.body_size};
  } else {
    m.owner = parcel.attached(record.attached).get();
    m.body = {m.owner->data(), record.body_size};
  }
  m.scanned.destination_name = {m.body.data() + record.destination_offset, record.destination_size};
  m.scanned.id = record.id;
  m.scanned.in_reply_to_session = record.in_reply_to_session;
  m.scanned.ttl_ms = record.ttl_ms;
  m.scanned.confirm = record.confirm;
  m.scanned.flags = record.head.state;
  return m;
}
template <typename Record>
Record read_record(Bytes& rest) {
  Record record;
  std::memcpy(&record, rest.data(), sizeof record);
  rest.remove_prefix(record.head.size);
  return record;
}
Receipt read_receipt_record(Bytes& rest);
// As read_record, for those that a text follows; `name` lies in the parcel.
template <typename Record>
Record read_named_record(Bytes& rest, Bytes& name) {
  const Bytes all = rest;
  const auto record = read_record<Record>(rest);
  name = all.substr(sizeof record, record.name_size);
  return record;
}
inline NameRecord read_name_record(Bytes& rest, Bytes& name) {
  return read_named_record<NameRecord>(rest, name);
}

}  // namespace onehop::core
