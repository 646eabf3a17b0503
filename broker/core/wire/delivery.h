// How a message is written to its recipient.
#pragma once

#include <cstdint>

#include "core/base/bytes.h"
#include "core/wire/output_queue.h"
#include "core/wire/routed_message.h"

namespace onehop::core {

// What a recipient gets: the broker's fields, and the sender's bytes. It refers to the message, and copies nothing of
// it: what was written a moment ago is slow to read in other portions.
class Delivery {
 public:
  explicit Delivery(const RoutedMessage& message)
      : message_(message), from_session_(message.scanned.id == 0 ? 0 : message.from_session) {
    measure();
  }
  explicit Delivery(RoutedMessage&&) = delete;

  // An ack is wanted. Not 0.
  void set_tag(uint64_t tag) {
    tag_ = tag;
    measure();
  }
  void set_redelivered(uint32_t ttl_left_ms) {
    redelivered_ = true;
    ttl_left_ms_ = ttl_left_ms;
    measure();
  }

  // How many bytes it takes on its recipient's connection.
  size_t size() const { return size_; }
  // Queues it: new length prefix, the broker's fields, the sender's bytes as they came. `waits`: the socket is full, so
  // that a large body is copied rather than let pin the block it was received in.
  void append_to(OutputQueue& queue, SegmentPool& pool, bool waits = false) const;

 private:
  // To be called when a field has changed.
  void measure() {
    message_bytes_ = message_.from_stamp.size() + message_.body.size();
    if (from_session_ != 0) message_bytes_ += 1 + sizeof from_session_;
    if (tag_ != 0) message_bytes_ += 1 + varint_size(tag_);
    if (redelivered_) message_bytes_ += 2 + 1 + varint_size(ttl_left_ms_);
    frame_bytes_ = 1 + varint_size(message_bytes_) + message_bytes_;
    size_ = varint_size(frame_bytes_) + frame_bytes_;
  }

  const RoutedMessage& message_;
  const uint64_t from_session_;  // 0: the message has no id.
  uint64_t tag_ = 0;             // 0: no ack is wanted.
  uint32_t ttl_left_ms_ = 0;     // If redelivered.
  bool redelivered_ = false;
  size_t message_bytes_;  // The stamped Message.
  size_t frame_bytes_;    // The Frame around it.
  size_t size_;           // With its length prefix.
};

// Whether a queued frame, of which only a referenced body may be missing, is a message that wants no ack.
bool is_unconfirmed_delivery(Bytes frame);

}  // namespace onehop::core
