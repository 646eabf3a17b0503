// How a message is written to its recipient.
#pragma once

#include <cstdint>

#include "core/backlog.h"
#include "core/buffer.h"
#include "core/bytes.h"
#include "core/instant.h"
#include "core/output_queue.h"
#include "core/routed_message.h"

namespace onehop::core {

// What a recipient gets: the broker's fields, and the sender's bytes.
struct Delivery {
  Bytes from_stamp;
  uint64_t from_session = 0;  // 0: the message has no id.
  uint64_t tag = 0;           // 0: no ack is wanted.
  bool redelivered = false;
  uint32_t ttl_left_ms = 0;  // With `redelivered`.
  Bytes body;
  Buffer* owner = nullptr;

  explicit Delivery(const RoutedMessage& message);
  // As it stands in a backlog.
  Delivery(const Backlog::Entry& entry, Instant now);
};

// How many bytes a message takes on its recipient's connection, with the broker's fields in front.
size_t delivery_size(const Delivery& delivery);

// Whether a queued frame, of which only a referenced body may be missing, is a message that wants no ack.
bool is_unconfirmed_delivery(Bytes frame);

// Queues the message: new length prefix, the broker's fields, the sender's bytes as they came. `waits`: the socket is
// full, so that a large body is copied rather than let pin the block it was received in.
void append_delivery(OutputQueue& queue, SegmentPool& pool, const Delivery& delivery, bool waits = false);

}  // namespace onehop::core
