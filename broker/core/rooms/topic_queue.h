// Messages that the home of their topics could not send to one other shard, because there was no credit. They keep
// their order, and their bytes are bounded. From the first message that does not fit, that shard misses all messages
// until the waiting ones have gone. Missed messages are counted for each topic and sender, confirmed ones each by
// itself. The shard is told of them after the messages.
//
//   add ──▶ messages ──▶ the shard, as credit comes
//     └───▶ missed ────▶ the shard, once no message is left
//
// Invariant: no message is added while the shard has missed messages of which it has not been told.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <tuple>

#include "core/base/account.h"
#include "core/base/bytes.h"
#include "core/base/counters.h"
#include "core/base/ids.h"
#include "core/base/instant.h"
#include "core/rooms/kept_messages.h"
#include "core/wire/routed_message.h"

namespace onehop::core {

class TopicQueue {
 public:
  explicit TopicQueue(Counters& totals) : account_(totals.state_bytes) {}
  TopicQueue(const TopicQueue&) = delete;
  TopicQueue& operator=(const TopicQueue&) = delete;

  bool empty() const { return messages_.empty() && missed_.empty(); }
  // Keeps a copy of a topic's message, which may wait until `deadline`; or counts it as missed if the messages would
  // take more than `bytes_max`.
  void add(const RoutedMessage& message, Instant deadline, size_t bytes_max);

  // Whether what was missed would take more than `bytes_max` as well. Then no more of the topics' messages may be
  // taken.
  bool is_overfull(size_t bytes_max) const { return missed_bytes_ > bytes_max; }

  bool has_message() const { return !messages_.empty(); }
  // The first message. Its bytes are good until pop().
  const RoutedMessage& front() const { return messages_.front(); }
  Instant deadline() const { return messages_.deadline(); }
  void pop();
  // To be called when has_message() is false. It calls `tell(topic, sender, id, count)` for the messages that were
  // missed, and forgets them. Each confirmed message is told by itself, with its id; for the others the id is 0.
  template <typename Tell>
  void tell_missed(Tell tell) {
    for (const auto& [key, missed] : missed_) tell(missed.topic, missed.sender, missed.id, missed.count);
    missed_.clear();
    missed_bytes_ = 0;
    count_held();
  }

 private:
  struct Missed {
    std::string topic;
    Origin sender;
    uint64_t id;
    uint32_t count;
  };
  // The hash of the topic, the sender, and the id.
  using Key = std::tuple<uint64_t, ShardIndex, uint32_t, uint32_t, uint64_t>;

  void count_missed(const RoutedMessage& message);
  void count_held() { account_.set(messages_.bytes() + missed_bytes_); }

  KeptMessages messages_;
  std::map<Key, Missed> missed_;  // In one order for the same key of hashes, so that a simulated run repeats.
  size_t missed_bytes_ = 0;
  Account account_;
};

}  // namespace onehop::core
