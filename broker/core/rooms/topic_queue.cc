// TopicQueue: see the header.
#include "core/rooms/topic_queue.h"

namespace onehop::core {
namespace {

// What a node of the map takes beside its key and value.
constexpr size_t kNodeBytes = 48;

}  // namespace

void TopicQueue::add(const RoutedMessage& message, Instant deadline, size_t bytes_max) {
  const bool fits = messages_.bytes() + KeptMessages::weight_of(message) <= bytes_max;
  if (!missed_.empty() || !fits) return count_missed(message);
  messages_.add(message, deadline);
  count_held();
}

void TopicQueue::pop() {
  messages_.pop();
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
