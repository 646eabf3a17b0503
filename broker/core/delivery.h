// A message on its way to its recipient: the same from a client of this shard and out of another shard's parcel.
#pragma once

#include <cstdint>

#include "core/buffer.h"
#include "core/bytes.h"
#include "core/ids.h"
#include "core/message_scan.h"
#include "core/output_queue.h"

namespace onehop::core {

struct RoutedMessage {
  Origin sender;
  uint64_t from_session = 0;
  uint64_t destination_hash = 0;
  uint32_t frame_bytes = 0;       // Of the sender's frame, as its length prefix says.
  bool ordered_refusals = false;  // The sender uses the gate.
  Bytes from_stamp;               // The sender's name as field `from`.
  ScannedMessage scanned;
  Bytes body;               // The sender's bytes: the body of its Message.
  Buffer* owner = nullptr;  // The block the body lies in, or nullptr if it cannot be kept.
};

// How many bytes a message takes on its recipient's connection, with the broker's fields in front.
size_t delivery_size(const RoutedMessage& message);

// Queues the message: new length prefix, the broker's fields, the sender's bytes as they came. `waits`: the socket is
// full, so that a large body is copied rather than let pin the block it was received in.
void append_delivery(OutputQueue& queue, SegmentPool& pool, const RoutedMessage& message, bool waits = false);

}  // namespace onehop::core
