// TopicQueue: see the header.
#include "core/rooms/topic_queue.h"

#include <cstring>
#include <utility>

namespace onehop::core {
namespace {

// What a node of the map takes beside its key and value.
constexpr size_t kNodeBytes = 48;

}  // namespace

void TopicQueue::add(const RoutedMessage& message, Instant deadline, size_t bytes_max) {
  const size_t size = message.from_stamp.size() + message.body.size();
  const size_t weight = sizeof(Waiting) + sizeof(Buffer) + size;
  if (!missed_.empty() || bytes_ + weight > bytes_max) return count_missed(message);
  BufferRef block = Buffer::allocate(size);
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
  messages_.push_back({kept, deadline, std::move(block)});
  bytes_ += weight;
  count_held();
}

void TopicQueue::pop() {
  bytes_ -= sizeof(Waiting) + sizeof(Buffer) + messages_.front().block->capacity();
  messages_.pop_front();
  count_held();
}

void TopicQueue::count_missed(const RoutedMessage& message) {
  const Bytes topic = message.scanned.destination_name;
  const Origin& sender = message.sender;
  const uint64_t id = message.confirmed() ? message.scanned.id : 0;
  const Key key{message.destination_hash, sender.shard, sender.session.index, sender.session.generation, id};
  if (const auto found = missed_.find(key); found != missed_.end()) {
    ++found->second.count;
    return;
  }
  missed_.emplace(key, Missed{std::string(topic), sender, id, 1});
  missed_bytes_ += sizeof(Key) + sizeof(Missed) + kNodeBytes + topic.size();
  count_held();
}

}  // namespace onehop::core
