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
// Of messages that wait for another shard.
constexpr Fate kNoRoom{v1::OUTCOME_REJECTED, v1::REASON_QUEUE_FULL, 0, 0, false};
constexpr Fate kTooLate{v1::OUTCOME_EXPIRED, v1::REASON_UNSPECIFIED, 0, 0, false};
constexpr Fate kStopped{v1::OUTCOME_LOST, v1::REASON_SHUTTING_DOWN, 0, 0, false};

MissedRecord missed_record(const Origin& sender, uint64_t id, uint32_t count, const Fate& fate) {
  MissedRecord record{};
  record.head.kind = RecordKind::kMissed;
  record.head.sender = sender;
  record.id = id;
  record.count = count;
  record.outcome = fate.outcome;
  record.reason = fate.reason;
  return record;
}

}  // namespace

Topics::Topics(ShardParts& shard) : shard_(shard), accounts_(shard.counters) {}

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
  if (message.confirmed() && shard_.counters.memory_stage != 0) return refuse_for_memory(message);
  FilterIndex& index = shard_.subscriptions.index();
  index.match(message.scanned.destination_name, message.destination_hash);
  const uint64_t shards = index.shards_for(message.sender);
  if (shards == 0 && !wanted_here(message.sender)) return shard_.outcomes.refuse(message, kNobodyThere);
  if ((shards & waiting_) != 0 && is_overfull(shards & waiting_)) return refuse_for_memory(message);
  ++shard_.counters.topic_messages;
  const auto reports = static_cast<uint32_t>(1 + std::popcount(shards));
  if (message.confirmed()) accounts_.open(message.sender, message.scanned.id, message.frame_bytes, reports);
  for (uint64_t left = shards; left != 0; left &= left - 1) {
    send_to(static_cast<ShardIndex>(std::countr_zero(left)), message);
  }
  const FanOutReport here = fan_out(message);
  if (message.confirmed()) report(message, here);
}

// Whether what one of these shards has missed takes too much to be added to.
bool Topics::is_overfull(uint64_t shards) const {
  for (uint64_t left = shards; left != 0; left &= left - 1) {
    if (queues_[static_cast<size_t>(std::countr_zero(left))]->is_overfull(shard_.config.limits.queue_bytes_max))
      return true;
  }
  return false;
}

// While memory is short no more accounts are opened.
void Topics::refuse_for_memory(const RoutedMessage& message) {
  const Fate busy{v1::OUTCOME_REJECTED, v1::REASON_BROKER_BUSY, shard_.jittered_lease(message.sender), 0, false};
  shard_.outcomes.refuse(message, busy);
}

// Whether one of the subscribers on this shard that were looked up last wants what this sender sends.
bool Topics::wanted_here(const Origin& sender) {
  const std::span<const Subscriber> all = shard_.subscriptions.index().subscribers();
  return std::any_of(all.begin(), all.end(), [this, &sender](const Subscriber& subscriber) {
    return subscriber.no_echo == 0 || !is_unwanted_echo(subscriber, sender);
  });
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
  shard_.subscriptions.index().match(message.scanned.destination_name, message.destination_hash);
  const FanOutReport done = fan_out(message);
  if (message.confirmed()) report(message, done);
}

// To the subscribers on this shard that were looked up last.
FanOutReport Topics::fan_out(const RoutedMessage& message) {
  const std::span<const Subscriber> subscribers = shard_.subscriptions.index().subscribers();
  if (subscribers.empty()) return {};
  RoutedMessage copy = message;
  if (message.confirmed()) {
    copy.sender.kind = Origin::Kind::kTopic;
    copy.sender.detail = static_cast<uint8_t>(home_shard(message.destination_hash, shard_.config.count));
  }
  const BufferRef shared = subscribers.size() > 1 ? share_body(copy) : BufferRef();
  const bool closed = shard_.shutdown.draining();
  FanOutReport done;
  for (const Subscriber& subscriber : subscribers) {
    if (subscriber.no_echo != 0 && is_unwanted_echo(subscriber, message.sender)) continue;
    // In a drain nothing new is admitted, which is no want of room.
    const v1::Reason miss = closed ? v1::REASON_SHUTTING_DOWN : deliver_to(subscriber.session, copy);
    if (miss == v1::REASON_UNSPECIFIED) {
      ++done.admitted;
    } else if (done.missed++ == 0) {
      done.miss.reason = miss;
    }
  }
  return done;
}

// To the topic's home, also if this is it.
void Topics::report(const RoutedMessage& message, const FanOutReport& report) {
  const ShardIndex home = home_shard(message.destination_hash, shard_.config.count);
  FannedOutRecord record{};
  record.head.kind = RecordKind::kFannedOut;
  record.head.sender = message.sender;
  record.id = message.scanned.id;
  record.admitted = report.admitted;
  record.missed = report.missed;
  record.miss = report.miss;
  if (home == shard_.config.index) return take_fanned_out(record);
  shard_.crossing.post_to(home).add_control(record);
}

void Topics::take_fanned_out(const FannedOutRecord& record) {
  accounts_.report(record.head.sender, record.id, {record.admitted, record.missed, record.miss},
                   [this](const Receipt& receipt) { tell(receipt); });
}

void Topics::take_outcome(const Receipt& receipt) {
  Origin sender = receipt.sender;
  sender.kind = Origin::Kind::kSession;
  sender.detail = 0;
  accounts_.settle(sender, receipt.ids.first_id, receipt.ids.last_id, receipt.ids.fate,
                   [this](const Receipt& sum) { tell(sum); });
}

void Topics::tell(const Receipt& receipt) {
  shard_.outcomes.count(receipt.ids.fate);
  shard_.outcomes.tell_receipt(receipt);
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
v1::Reason Topics::deliver_to(uint32_t session, RoutedMessage& message) {
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
    return reason;
  }
  ++shard_.counters.topic_copies;
  if (skipped != skipped_.end()) skipped_.erase(skipped);
  return reason;
}

void Topics::take_missed(const MissedRecord& record, Bytes topic) {
  FilterIndex& index = shard_.subscriptions.index();
  RoutedMessage message;
  message.sender = record.head.sender;
  message.scanned.id = record.id;
  message.destination_hash = name_hash(topic, shard_.config.hash_key);
  index.match(topic, message.destination_hash);
  FanOutReport missed;
  missed.miss.outcome = static_cast<v1::Outcome>(record.outcome);
  missed.miss.reason = static_cast<v1::Reason>(record.reason);
  for (const Subscriber& subscriber : index.subscribers()) {
    if (subscriber.no_echo != 0 && is_unwanted_echo(subscriber, record.head.sender)) continue;
    ++missed.missed;
    if (missed.miss.reason != v1::REASON_QUEUE_FULL) continue;
    shard_.counters.topic_skips += record.count;
    skipped_[subscriber.session] += record.count;
  }
  if (record.id != 0) report(message, missed);
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
      tell_missed(shard, queue.front(), kTooLate);
      continue;
    }
    RoutedMessage message = queue.front();
    message.scanned.ttl_ms = static_cast<uint32_t>(queue.deadline() - shard_.now());
    if (!post.add_message(message, RecordKind::kFanOut)) return;
  }
  queue.tell_missed([&post](Bytes topic, const Origin& sender, uint64_t id, uint32_t count) {
    post.add_control(missed_record(sender, id, count, kNoRoom), topic);
  });
  queues_[shard].reset();
  waiting_ &= ~(uint64_t{1} << shard);
}

// All subscribers on another shard miss a message, for another reason than want of room.
void Topics::tell_missed(ShardIndex shard, const RoutedMessage& message, const Fate& fate) {
  if (!message.confirmed()) {
    ++shard_.counters.messages_expired;
    return;
  }
  shard_.crossing.post_to(shard).add_control(missed_record(message.sender, message.scanned.id, 1, fate),
                                             message.scanned.destination_name);
}

void Topics::stop() {
  for (uint64_t left = std::exchange(waiting_, 0); left != 0; left &= left - 1) {
    const auto shard = static_cast<ShardIndex>(std::countr_zero(left));
    const std::unique_ptr<TopicQueue> queue = std::move(queues_[shard]);
    for (; queue->has_message(); queue->pop()) tell_missed(shard, queue->front(), kStopped);
    ParcelPost& post = shard_.crossing.post_to(shard);
    queue->tell_missed([&post](Bytes topic, const Origin& sender, uint64_t id, uint32_t count) {
      post.add_control(missed_record(sender, id, count, kNoRoom), topic);
    });
  }
}

}  // namespace onehop::core
