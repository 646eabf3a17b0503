// Delivery: see the header.
#include "core/wire/delivery.h"

#include <cstring>

#include "core/base/limits.h"
#include "core/wire/tags.h"

namespace onehop::core {
namespace {

char* write_number(char* out, char tag, uint64_t value) {
  *out++ = tag;
  return write_varint(out, value);
}

}  // namespace

// In the order in which append_to writes: a message that wants an ack has its tag in front of the sender's bytes.
bool is_unconfirmed_delivery(Bytes frame) {
  const char* const end = frame.data() + frame.size();
  const auto skip_number = [end](const char* at, uint64_t& value) {
    return read_varint(at, end, kVarintBytesMax, value);
  };
  uint64_t size = 0;
  const char* at = skip_number(frame.data(), size);
  if (*at != kFrameMessageTag) return false;
  at = skip_number(at + 1, size);
  at = skip_number(at + 1, size);  // The name in `from`.
  at += size;
  if (end - at > 2 && std::memcmp(at, kSkippedTagBytes, sizeof kSkippedTagBytes) == 0) {
    at = skip_number(at + sizeof kSkippedTagBytes, size);
  }
  if (at < end && *at == kFromSessionTag) at += 1 + sizeof(uint64_t);
  return at >= end || *at != kDeliveryTagTag;
}

void Delivery::append_to(OutputQueue& queue, SegmentPool& pool, bool waits) const {
  const Bytes body = message_.body;
  Buffer* const owner = message_.owner;
  const bool by_reference =
      body.size() >= kReferenceBytesMin && owner != nullptr && !(waits && pins_too_much(*owner, body.size()));
  char* out = queue.append(pool, by_reference ? size_ - body.size() : size_);
  out = write_varint(out, frame_bytes_);
  *out++ = kFrameMessageTag;
  out = write_varint(out, message_bytes_);
  std::memcpy(out, message_.from_stamp.data(), message_.from_stamp.size());
  out += message_.from_stamp.size();
  if (from_session_ != 0) {
    *out++ = kFromSessionTag;
    out = write_fixed64(out, from_session_);
  }
  if (tag_ != 0) out = write_number(out, kDeliveryTagTag, tag_);
  if (redelivered_) {
    out = write_number(out, kRedeliveredTag, 1);
    out = write_number(out, kTtlLeftTag, ttl_left_ms_);
  }
  if (by_reference) {
    queue.append_body(pool, owner, body);
  } else {
    std::memcpy(out, body.data(), body.size());
  }
}

}  // namespace onehop::core
