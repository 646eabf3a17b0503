// Records: see the header.
#include "core/crossing/record.h"

#include <cstring>
#include <utility>

namespace onehop::core {

uint32_t attach_copy(Parcel& parcel, Bytes body) {
  BufferRef copy = Buffer::allocate(body.size());
  std::memcpy(copy->data(), body.data(), body.size());
  return parcel.attach(std::move(copy));
}

Receipt read_receipt_record(Bytes& rest) {
  const Bytes all = rest;
  const auto record = read_record<ReceiptRecord>(rest);
  const Bytes text = all.substr(sizeof record, record.name_size);
  return {record.head.sender,    record.recipient,   record.head.gate_closed,
          record.confirmed != 0, record.frame_bytes, {record.first_id, record.last_id, record.fate, std::string(text)},
          record.recipient_hash};
}

}  // namespace onehop::core
