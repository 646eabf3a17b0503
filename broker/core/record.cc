// Records: see the header.
#include "core/record.h"

#include <cstring>
#include <utility>

#include "core/limits.h"

namespace onehop::core {
namespace {

bool travels_inline(const RoutedMessage& message) {
  return message.body.size() <= kInlineBodyBytesMax;
}

}  // namespace

size_t message_record_size(const RoutedMessage& message) {
  const size_t body = travels_inline(message) ? message.body.size() : 0;
  return padded(sizeof(MessageRecord) + message.from_stamp.size() + body);
}

void add_message_record(Parcel& parcel, const RoutedMessage& m) {
  MessageRecord record{};
  record.head.kind = RecordKind::kMessage;
  record.head.ordered_refusals = m.ordered_refusals;
  record.head.size = static_cast<uint32_t>(message_record_size(m));
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
  if (!travels_inline(m)) {
    // The block it lies in is counted by this shard, so the body moves in a block of its own.
    BufferRef body = Buffer::allocate(m.body.size());
    std::memcpy(body->data(), m.body.data(), m.body.size());
    record.attached = parcel.attach(std::move(body));
  }
  char* out = parcel.extend(record.head.size);
  std::memcpy(out, &record, sizeof record);
  std::memcpy(out + sizeof record, m.from_stamp.data(), m.from_stamp.size());
  if (travels_inline(m)) std::memcpy(out + sizeof record + m.from_stamp.size(), m.body.data(), m.body.size());
}

RecordHead peek_record(Bytes rest) {
  RecordHead head;
  std::memcpy(&head, rest.data(), sizeof head);
  return head;
}

RoutedMessage read_message_record(const Parcel& parcel, Bytes& rest) {
  const Bytes all = rest;
  const auto record = read_record<MessageRecord>(rest);
  RoutedMessage m;
  m.sender = record.head.sender;
  m.ordered_refusals = record.head.ordered_refusals;
  m.from_session = record.from_session;
  m.destination_hash = record.destination_hash;
  m.frame_bytes = record.frame_bytes;
  m.from_stamp = all.substr(sizeof record, record.stamp_size);
  if (record.attached == MessageRecord::kInline) {
    m.body = all.substr(sizeof record + record.stamp_size, record.body_size);
  } else {
    m.owner = parcel.attached(record.attached).get();
    m.body = {m.owner->data(), record.body_size};
  }
  m.scanned.destination_name = m.body.substr(record.destination_offset, record.destination_size);
  m.scanned.id = record.id;
  m.scanned.in_reply_to_session = record.in_reply_to_session;
  m.scanned.ttl_ms = record.ttl_ms;
  m.scanned.confirm = record.confirm;
  return m;
}

Receipt read_receipt_record(Bytes& rest) {
  const Bytes all = rest;
  const auto record = read_record<ReceiptRecord>(rest);
  const Bytes text = all.substr(sizeof record, record.name_size);
  return {record.head.sender,    record.recipient,   record.head.gate_closed,
          record.confirmed != 0, record.frame_bytes, {record.first_id, record.last_id, record.fate, std::string(text)}};
}

NameRecord read_name_record(Bytes& rest, Bytes& name) {
  const Bytes all = rest;
  const auto record = read_record<NameRecord>(rest);
  name = all.substr(sizeof record, record.name_size);
  return record;
}

}  // namespace onehop::core
