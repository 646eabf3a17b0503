// KeptMessages: see the header.
#include "core/rooms/kept_messages.h"

#include <cstring>
#include <utility>

namespace onehop::core {

void KeptMessages::add(const RoutedMessage& message, Instant deadline) {
  BufferRef block = Buffer::allocate(message.from_stamp.size() + message.body.size());
  char* const stamp = block->data();
  char* const body = stamp + message.from_stamp.size();
  std::memcpy(stamp, message.from_stamp.data(), message.from_stamp.size());
  std::memcpy(body, message.body.data(), message.body.size());
  RoutedMessage kept = message;
  kept.from_stamp = {stamp, message.from_stamp.size()};
  kept.body = {body, message.body.size()};
  kept.scanned.destination_name = {body + (message.scanned.destination_name.data() - message.body.data()),
                                   message.scanned.destination_name.size()};
  kept.owner = block.get();
  bytes_ += weight_of(message);
  messages_.push_back({kept, deadline, std::move(block)});
}

void KeptMessages::pop() {
  bytes_ -= weight_of(front());
  messages_.pop_front();
}

}  // namespace onehop::core
