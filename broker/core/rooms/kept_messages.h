// Copies of messages that wait outside of any recipient's queue, because there was no credit to send them to another
// shard. In their order.
#pragma once

#include <cstddef>
#include <deque>

#include "core/base/buffer.h"
#include "core/base/instant.h"
#include "core/wire/routed_message.h"

namespace onehop::core {

class KeptMessages {
 public:
  // What one takes of the broker's memory.
  static size_t weight_of(const RoutedMessage& message) {
    return sizeof(Kept) + sizeof(Buffer) + message.from_stamp.size() + message.body.size();
  }

  bool empty() const { return messages_.empty(); }
  // What all take.
  size_t bytes() const { return bytes_; }
  // It may wait until `deadline`.
  void add(const RoutedMessage& message, Instant deadline);
  // The first one. Its bytes are good until pop().
  const RoutedMessage& front() const { return messages_.front().message; }
  Instant deadline() const { return messages_.front().deadline; }
  void pop();

 private:
  struct Kept {
    RoutedMessage message;  // Its bytes are in the block.
    Instant deadline;
    BufferRef block;
  };

  std::deque<Kept> messages_;
  size_t bytes_ = 0;
};

}  // namespace onehop::core
