// Delivery: see the header.
#include "core/delivery.h"

#include <cstring>

#include "core/limits.h"

namespace onehop::core {
namespace {

constexpr char kFrameMessageTag = 3 << 3 | 2;  // Frame.message, length-delimited.
// Fields of Message that the broker sets.
constexpr char kDeliveryTagTag = 7 << 3 | 0;   // Varint.
constexpr char kRedeliveredTag = 10 << 3 | 0;  // Varint.
constexpr char kFromSessionTag = 12 << 3 | 1;  // fixed64.
constexpr char kTtlLeftTag = 14 << 3 | 0;      // Varint.

struct Sizes {
  size_t message;  // The stamped Message.
  size_t frame;    // The Frame around it.

  explicit Sizes(const Delivery& d) : message(d.from_stamp.size() + d.body.size()) {
    if (d.from_session != 0) message += 1 + sizeof d.from_session;
    if (d.tag != 0) message += 1 + varint_size(d.tag);
    if (d.redelivered) message += 2 + 1 + varint_size(d.ttl_left_ms);
    frame = 1 + varint_size(message) + message;
  }
};

char* write_bytes(char* out, Bytes bytes) {
  std::memcpy(out, bytes.data(), bytes.size());
  return out + bytes.size();
}

char* write_number(char* out, char tag, uint64_t value) {
  *out++ = tag;
  return write_varint(out, value);
}

}  // namespace

Delivery::Delivery(const RoutedMessage& m)
    : from_stamp(m.from_stamp), from_session(m.scanned.id == 0 ? 0 : m.from_session), body(m.body), owner(m.owner) {}

Delivery::Delivery(const Backlog::Entry& entry, Instant now)
    : from_stamp(entry.stamp()),
      from_session(entry.id == 0 ? 0 : entry.from_session),
      tag(entry.confirmed ? entry.tag : 0),
      redelivered(entry.attempted),
      ttl_left_ms(static_cast<uint32_t>(entry.deadline - now)),
      body(entry.body()),
      owner(entry.block.get()) {}

// In the order in which append_delivery writes: a message that wants an ack has its tag in front of the sender's bytes.
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
  if (at < end && *at == kFromSessionTag) at += 1 + sizeof(uint64_t);
  return at >= end || *at != kDeliveryTagTag;
}

size_t delivery_size(const Delivery& delivery) {
  const Sizes sizes(delivery);
  return varint_size(sizes.frame) + sizes.frame;
}

void append_delivery(OutputQueue& queue, SegmentPool& pool, const Delivery& d, bool waits) {
  const Sizes sizes(d);
  const bool by_reference =
      d.owner != nullptr && d.body.size() >= kReferenceBytesMin && !(waits && pins_too_much(*d.owner, d.body.size()));
  const size_t total = varint_size(sizes.frame) + sizes.frame;
  char* out = queue.append(pool, by_reference ? total - d.body.size() : total);
  out = write_varint(out, sizes.frame);
  *out++ = kFrameMessageTag;
  out = write_varint(out, sizes.message);
  out = write_bytes(out, d.from_stamp);
  if (d.from_session != 0) {
    *out++ = kFromSessionTag;
    out = write_fixed64(out, d.from_session);
  }
  if (d.tag != 0) out = write_number(out, kDeliveryTagTag, d.tag);
  if (d.redelivered) {
    out = write_number(out, kRedeliveredTag, 1);
    out = write_number(out, kTtlLeftTag, d.ttl_left_ms);
  }
  if (by_reference) {
    queue.append_body(pool, d.owner, d.body);
  } else {
    write_bytes(out, d.body);
  }
}

}  // namespace onehop::core
