// The records in a parcel. Each begins with a head and is padded to eight bytes; a message's head is followed by the
// sender's stamp and the body. Read and written by memcpy: nothing in a parcel is shared, so nothing needs to be
// aligned.
#pragma once

#include <cstdint>

#include "core/fate.h"
#include "core/ids.h"
#include "core/parcel.h"
#include "core/routed_message.h"

namespace onehop::core {

enum class RecordKind : uint8_t {
  kMessage = 1,
  kReceipt,      // To the sender's shard: what became of ids.
  kFlow,         // To the sender's shard: PAUSE or RESUME for a name.
  kOpenGate,     // To the recipient's shard: the sender knows of the refusals.
  kGateOpened,   // To the sender's shard: its gate there is no longer closed, or the recipient has ended.
  kSenderGone,   // To the recipient's shard: the sender's session has ended.
  kEndSender,    // To the sender's shard: there is no room to remember its gate.
  kBarrier,      // To a shard that was sent to: answer when all before is settled.
  kBarrierDone,  // The answer.
  kStopping,     // To every other shard: answer when all before is settled and your recipients' messages are, for good.
  kStopped,      // The answer.
};

struct RecordHead {
  RecordKind kind{};
  bool ordered_refusals = false;  // kMessage.
  bool gate_closed = false;       // kReceipt.
  uint8_t state = 0;              // kFlow: v1::State.
  uint32_t size = 0;              // Of the whole record.
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
  uint64_t first_id;
  uint64_t last_id;
  uint64_t frame_bytes;
  Fate fate;
  uint32_t name_size;
  uint32_t confirmed;
};

// kFlow and kOpenGate; the name follows.
struct NameRecord {
  RecordHead head;
  uint64_t name_hash;
  uint32_t retry_after_ms;
  uint32_t name_size;
};

// The kinds without more to say than whom they concern.
struct PeerRecord {
  RecordHead head;
  Origin recipient;
};

constexpr size_t padded(size_t size) {
  return (size + 7) & ~size_t{7};
}

// How much of a parcel a message takes.
size_t message_record_size(const RoutedMessage& message);
void add_message_record(Parcel& parcel, const RoutedMessage& message);

// Reads records from the front of `rest`, taking them off. The message's bytes lie in the parcel.
RecordHead peek_record(Bytes rest);
RoutedMessage read_message_record(const Parcel& parcel, Bytes& rest);
template <typename Record>
Record read_record(Bytes& rest) {
  Record record;
  std::memcpy(&record, rest.data(), sizeof record);
  rest.remove_prefix(record.head.size);
  return record;
}
Receipt read_receipt_record(Bytes& rest);
// As read_record; `name` lies in the parcel.
NameRecord read_name_record(Bytes& rest, Bytes& name);

}  // namespace onehop::core
