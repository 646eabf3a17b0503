// Topics: see the header.
#include "core/shard/topics.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "core/base/limits.h"
#include "core/base/name_hash.h"
#include "core/rooms/topic_filter.h"
#include "core/shard/shard_parts.h"
#include "core/wire/tags.h"

namespace onehop::core {
namespace {

// Bodies up to this size are copied into each queue; of larger ones all queues share a block.
constexpr size_t kCopiedBytesMax = 1 << 10;

constexpr Fate kNobodyThere{v1::OUTCOME_REJECTED, v1::REASON_NOBODY_THERE, 0, 0, false};
constexpr Fate kNotAuthorized{v1::OUTCOME_REJECTED, v1::REASON_NOT_AUTHORIZED, 0, 0, false};
constexpr Fate kGoingDown{v1::OUTCOME_REJECTED, v1::REASON_SHUTTING_DOWN, 0, 0, false};

}  // namespace

bool Topics::route(Sending& sending, RoutedMessage& message) {
  const Bytes topic = message.scanned.destination_name;
  if (!is_valid_topic(topic)) {
    shard_.outcomes.refuse(message, kNobodyThere);
    return true;
  }
  message.destination_hash = name_hash(topic, shard_.config.hash_key);
  if (shard_.config.asks_permission) {
    const Permissions::Verdict verdict = may_publish(sending, message);
    if (verdict != Permissions::Verdict::kAllowed) return verdict != Permissions::Verdict::kPending;
  }
  const ShardIndex home = home_shard(message.destination_hash, shard_.config.count);
  if (home == shard_.config.index) {
    publish(message);
    return true;
  }
  if (!shard_.crossing.post_to(home).add_message(message, RecordKind::kPublish)) {
    // The sender's link waits for credit to the home that is remembered.
    sending.forget_destination();
    sending.destination_hash = message.destination_hash;
    sending.destination_home = home;
    return false;
  }
  sending.shards_sent_to |= uint64_t{1} << home;
  return true;
}

// What is not allowed and does not wait is refused. The refusal is the same whether or not anybody has subscribed.
Permissions::Verdict Topics::may_publish(Sending& sending, const RoutedMessage& message) {
  const auto verdict = shard_.permissions.may_publish(message.sender.session, message.scanned.destination_name,
                                                      message.destination_hash);
  if (verdict == Permissions::Verdict::kDenied) shard_.outcomes.refuse(message, kNotAuthorized);
  if (verdict == Permissions::Verdict::kUndecided) {
    Fate busy{v1::OUTCOME_REJECTED, v1::REASON_BROKER_BUSY, 0, 0, false};
    busy.retry_after_ms = shard_.jittered_lease(message.sender);
    shard_.outcomes.refuse(message, busy);
  }
  if (verdict == Permissions::Verdict::kPending) {
    // The sender's link waits for this verdict.
    sending.forget_destination();
    sending.destination_hash = Permissions::topic_key(message.destination_hash);
  }
  return verdict;
}

void Topics::take_publish(const Parcel& parcel, Bytes& rest) {
  publish(read_message_record(parcel, rest));
}

// On the topic's home.
void Topics::publish(const RoutedMessage& message) {
  if (shard_.shutdown.draining()) return shard_.outcomes.refuse(message, kGoingDown);
  FilterIndex& index = shard_.subscriptions.index();
  index.match(message.scanned.destination_name, message.destination_hash);
  const uint64_t shards = index.shards_for(message.sender);
  for (uint64_t left = shards; left != 0; left &= left - 1) {
    send_to(static_cast<ShardIndex>(std::countr_zero(left)), message);
  }
  const uint32_t here = fan_out(message);
  if (shards == 0 && here == 0) return shard_.outcomes.refuse(message, kNobodyThere);
  ++shard_.counters.topic_messages;
}

void Topics::send_to(ShardIndex shard, const RoutedMessage& message) {
  std::unique_ptr<TopicQueue>& queue = queues_[shard];
  if (queue == nullptr) {
    if (shard_.crossing.post_to(shard).add_message(message, RecordKind::kFanOut)) return;
    queue = std::make_unique<TopicQueue>(shard_.counters);
    waiting_ |= uint64_t{1} << shard;
  }
  const Limits& limits = shard_.config.limits;
  const uint32_t ttl_ms = message.scanned.ttl_ms;
  const uint32_t wait_ms = ttl_ms == 0 ? limits.ttl_ms_max : std::min(ttl_ms, limits.ttl_ms_max);
  queue->add(message, shard_.now() + wait_ms, limits.queue_bytes_max);
}

void Topics::take_fan_out(const Parcel& parcel, Bytes& rest) {
  const RoutedMessage message = read_message_record(parcel, rest);
  // Nothing new is admitted, and the sender of an unconfirmed message hears only that nobody is there.
  if (shard_.shutdown.draining()) return;
  shard_.subscriptions.index().match(message.scanned.destination_name, message.destination_hash);
  fan_out(message);
}

// To the subscribers on this shard that were looked up last. Returns how many there are for this sender.
uint32_t Topics::fan_out(const RoutedMessage& message) {
  const std::span<const Subscriber> subscribers = shard_.subscriptions.index().subscribers();
  if (subscribers.empty()) return 0;
  RoutedMessage copy = message;
  const BufferRef shared = subscribers.size() > 1 ? share_body(copy) : BufferRef();
  uint32_t count = 0;
  for (const Subscriber& subscriber : subscribers) {
    if (subscriber.no_echo != 0 && is_unwanted_echo(subscriber, message.sender)) continue;
    ++count;
    deliver_to(subscriber.session, copy);
  }
  return count;
}

bool Topics::is_unwanted_echo(const Subscriber& subscriber, const Origin& sender) const {
  return sender.shard == shard_.config.index && shard_.sessions.id_at(subscriber.session) == sender.session;
}

// The stamp and the body in one block of their own, which connections' queues and backlogs refer to.
BufferRef Topics::share_body(RoutedMessage& message) {
  if (message.body.size() <= kCopiedBytesMax) return {};
  const size_t stamp_size = message.from_stamp.size();
  BufferRef block = Buffer::allocate(stamp_size + message.body.size());
  std::memcpy(block->data(), message.from_stamp.data(), stamp_size);
  std::memcpy(block->data() + stamp_size, message.body.data(), message.body.size());
  message.from_stamp = {block->data(), stamp_size};
  message.body = {block->data() + stamp_size, message.body.size()};
  message.owner = block.get();
  return block;
}

// What it has missed is written as part of the stamp, so that a message to a client has no more fields to look at.
void Topics::deliver_to(uint32_t session, RoutedMessage& message) {
  const SessionId id = shard_.sessions.id_at(session);
  const Bytes stamp = message.from_stamp;
  const auto skipped = skipped_.empty() ? skipped_.end() : skipped_.find(session);
  if (skipped != skipped_.end()) {
    char bytes[sizeof kSkippedTagBytes + kVarintBytesMax];
    std::memcpy(bytes, kSkippedTagBytes, sizeof kSkippedTagBytes);
    char* const end = write_varint(bytes + sizeof kSkippedTagBytes, skipped->second);
    stamp_.assign(stamp);
    stamp_.append(bytes, end);
    message.from_stamp = stamp_;
  }
  const v1::Reason reason = shard_.path.deliver_copy(message, id, shard_.sessions[session]);
  message.from_stamp = stamp;
  if (reason != v1::REASON_UNSPECIFIED) {
    ++shard_.counters.topic_skips;
    ++skipped_[session];
    return;
  }
  ++shard_.counters.topic_copies;
  if (skipped != skipped_.end()) skipped_.erase(skipped);
}

void Topics::take_missed(const NameRecord& record, Bytes topic) {
  FilterIndex& index = shard_.subscriptions.index();
  index.match(topic, name_hash(topic, shard_.config.hash_key));
  for (const Subscriber& subscriber : index.subscribers()) {
    if (subscriber.no_echo != 0 && is_unwanted_echo(subscriber, record.head.sender)) continue;
    shard_.counters.topic_skips += record.number;
    skipped_[subscriber.session] += record.number;
  }
}

bool Topics::waiting_goes_first() {
  return waiting_ != 0 && (was_first_ = !was_first_);
}

void Topics::send_waiting() {
  for (uint64_t left = waiting_; left != 0; left &= left - 1) {
    send_waiting_to(static_cast<ShardIndex>(std::countr_zero(left)));
  }
}

void Topics::send_waiting_to(ShardIndex shard) {
  TopicQueue& queue = *queues_[shard];
  ParcelPost& post = shard_.crossing.post_to(shard);
  for (; queue.has_message(); queue.pop()) {
    if (queue.deadline() <= shard_.now()) {
      ++shard_.counters.messages_expired;
      continue;
    }
    RoutedMessage message = queue.front();
    message.scanned.ttl_ms = static_cast<uint32_t>(queue.deadline() - shard_.now());
    if (!post.add_message(message, RecordKind::kFanOut)) return;
  }
  queue.tell_missed([&post](Bytes topic, const Origin& sender, uint32_t count) {
    NameRecord record{};
    record.head.kind = RecordKind::kMissed;
    record.head.sender = sender;
    record.number = count;
    post.add_control(record, topic);
  });
  queues_[shard].reset();
  waiting_ &= ~(uint64_t{1} << shard);
}

}  // namespace onehop::core
