// Topics: the way of a message from its sender to all who have subscribed to its topic.
//
//   sender's shard ──▶ the topic's home ──▶ each shard with subscribers ──▶ each of them
//
// Every topic has a home shard, which all its messages pass, so all subscribers get them in one order. A message
// crosses once to each other shard, however many subscribers are there.
//
// Taking a parcel never needs credit: what the home cannot send on waits in a TopicQueue, and beyond its bound all
// subscribers on that shard miss it. A subscriber whose queue has no room misses a message, and nobody else waits for
// it. It is told how many it has missed with the next message of any topic.
//
// Of a confirmed message the home keeps an account (FanOutAccounts). Each shard reports how many of its subscribers it
// has admitted the message for, and how many missed it. The recipients' outcomes come to the home, too, because the
// Origin in their backlogs is of the kind kTopic.
//
// Invariants: a shard to which something waits gets everything through its TopicQueue, so nothing is overtaken. Each
// shard to which a confirmed message was sent, or that is told that it missed it, reports once.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>

#include <absl/container/flat_hash_map.h>

#include "core/base/bytes.h"
#include "core/base/ids.h"
#include "core/crossing/parcel.h"
#include "core/crossing/record.h"
#include "core/rooms/fan_out_accounts.h"
#include "core/rooms/filter_index.h"
#include "core/rooms/topic_queue.h"
#include "core/session/session.h"
#include "core/shard/permissions.h"
#include "core/wire/routed_message.h"

namespace onehop::core {

struct ShardParts;

class Topics {
 public:
  explicit Topics(ShardParts& shard);
  Topics(const Topics&) = delete;
  Topics& operator=(const Topics&) = delete;

  // On the sender's shard: a message to a topic. False: there is no credit for `sending.destination_home`.
  bool route(Sending& sending, RoutedMessage& message);
  // Out of another shard's parcel: the first record of `rest`, which is a kPublish, a kFanOut or a kMissed.
  void take_publish(const Parcel& parcel, Bytes& rest);
  void take_fan_out(const Parcel& parcel, Bytes& rest);
  void take_missed(const MissedRecord& record, Bytes topic);
  void take_fanned_out(const FannedOutRecord& record);
  // What became of messages at one of their recipients.
  void take_outcome(const Receipt& receipt);
  // Whether outcomes of messages to topics of this shard are missing.
  bool has_open_accounts() const { return !accounts_.empty(); }
  // The shard stops: what waits for other shards is not sent any more.
  void stop();
  void session_ended(SessionId id) { skipped_.erase(id.index); }

  // Sends what waits to other shards, as far as there is credit.
  void send_waiting();
  // Whether that comes before the links that wait for credit, which it does every other time.
  bool waiting_goes_first();

 private:
  Permissions::Verdict may_publish(Sending& sending, const RoutedMessage& message);
  void publish(const RoutedMessage& message);
  bool is_overfull(uint64_t shards) const;
  void refuse_for_memory(const RoutedMessage& message);
  void send_to(ShardIndex shard, const RoutedMessage& message);
  FanOutReport fan_out(const RoutedMessage& message);
  void report(const RoutedMessage& message, const FanOutReport& report);
  void tell(const Receipt& receipt);
  void tell_missed(ShardIndex shard, const RoutedMessage& message, const Fate& fate);
  bool wanted_here(const Origin& sender);
  bool is_unwanted_echo(const Subscriber& subscriber, const Origin& sender) const;
  v1::Reason deliver_to(uint32_t session, RoutedMessage& message);
  BufferRef share_body(RoutedMessage& message);
  void send_waiting_to(ShardIndex shard);

  ShardParts& shard_;
  FanOutAccounts accounts_;
  // How many messages each session has missed since the last one it got, by its index. Those that missed none are not
  // in it.
  absl::flat_hash_map<uint32_t, uint32_t> skipped_;
  std::array<std::unique_ptr<TopicQueue>, kShardsMax> queues_;  // To other shards, where something waits.
  uint64_t waiting_ = 0;                                        // A bit for each of them.
  bool was_first_ = false;
  std::string stamp_;  // Scratch of deliver_to().
};

}  // namespace onehop::core
