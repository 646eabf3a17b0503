// Delivery: see the header.
#include "core/delivery.h"

#include <cstring>

#include "core/limits.h"

namespace onehop::core {
namespace {

constexpr char kFrameMessageTag = 3 << 3 | 2;  // Frame.message, length-delimited.
constexpr char kFromSessionTag = 12 << 3 | 1;  // Message.from_session, fixed64.
constexpr size_t kFromSessionBytes = 1 + sizeof(uint64_t);

struct Sizes {
  size_t message;  // The stamped Message.
  size_t frame;    // The Frame around it.

  explicit Sizes(const RoutedMessage& m)
      : message(m.from_stamp.size() + (m.scanned.id != 0 ? kFromSessionBytes : 0) + m.body.size()),
        frame(1 + varint_size(message) + message) {}
};

char* write_bytes(char* out, Bytes bytes) {
  std::memcpy(out, bytes.data(), bytes.size());
  return out + bytes.size();
}

}  // namespace

size_t delivery_size(const RoutedMessage& message) {
  const Sizes sizes(message);
  return varint_size(sizes.frame) + sizes.frame;
}

void append_delivery(OutputQueue& queue, SegmentPool& pool, const RoutedMessage& m, bool waits) {
  const Sizes sizes(m);
  const bool by_reference =
      m.owner != nullptr && m.body.size() >= kReferenceBytesMin && !(waits && pins_too_much(*m.owner, m.body.size()));
  const size_t total = varint_size(sizes.frame) + sizes.frame;
  char* out = queue.append(pool, by_reference ? total - m.body.size() : total);
  out = write_varint(out, sizes.frame);
  *out++ = kFrameMessageTag;
  out = write_varint(out, sizes.message);
  out = write_bytes(out, m.from_stamp);
  if (m.scanned.id != 0) {
    *out++ = kFromSessionTag;
    out = write_fixed64(out, m.from_session);
  }
  if (by_reference) {
    queue.append_body(pool, m.owner, m.body);
  } else {
    write_bytes(out, m.body);
  }
}

}  // namespace onehop::core
