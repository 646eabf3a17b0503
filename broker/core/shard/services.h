// Services: the way of a message to one of the instances of a service, and what shards tell each other about them.
//
//   sender's shard ──▶ the instance's shard ──▶ its queue
//
// Every shard knows all instances (ServiceTable), so the sender's shard picks one, and the message crosses at most
// once. Of its own instances a shard knows how much work they have; those of other shards are known by what these have
// told, and by what this shard has sent them since.
//
// An instance that can take no messages for now is told to all shards at once. How much work it has, only when
// something goes to the other shard anyway, or a few milliseconds later: one that is told a little late costs a message
// that waits a little longer, and nothing else.
//
// Invariant: what the last record about an instance said to other shards is what this shard's table says, but for the
// work of those in `untold_`.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <absl/container/flat_hash_map.h>

#include "core/base/account.h"
#include "core/base/bytes.h"
#include "core/base/ids.h"
#include "core/base/instant.h"
#include "core/crossing/parcel.h"
#include "core/crossing/record.h"
#include "core/queue/sender_table.h"
#include "core/rooms/service_table.h"
#include "core/session/session.h"
#include "core/shard/permissions.h"
#include "core/wire/routed_message.h"
#include "onehop/v1/onehop.pb.h"

namespace onehop::core {

struct ShardParts;

class Services {
 public:
  explicit Services(ShardParts& shard);
  Services(const Services&) = delete;
  Services& operator=(const Services&) = delete;

  // The client may serve.
  void subscribe(SessionId id, Session& session, Bytes service, uint64_t ref);
  void unsubscribe(SessionId id, Session& session, Bytes service, uint64_t ref);
  bool has(SessionId id, Bytes service);
  // Whether an instance of it takes messages.
  bool has_available(Bytes service) const;
  // What a session serves.
  std::vector<std::string> services_of(SessionId id);
  size_t count_of(SessionId id);
  // What this takes of the broker's memory, on all shards.
  size_t held_for(SessionId id);
  // Whether there has ever been a service.
  bool were_used() const { return were_used_; }

  // On the sender's shard: a message to a service. False: there is no credit for `sending.destination_home`, or the
  // host has not said whether it may be sent.
  bool route(Sending& sending, RoutedMessage& message);
  // Out of another shard's parcel: the first record of `rest`, which is a kToInstance.
  void take_message(const Parcel& parcel, Bytes& rest);
  void take_joins(const NameRecord& record, Bytes service);
  void take_leaves(const NameRecord& record, Bytes service);
  void take_state(const NameRecord& record);

  enum class Placed : uint8_t { kDone, kNobody, kNoCredit };
  // A message that was admitted for another instance goes to one that is there now. kDone also if there was no room.
  Placed place(RoutedMessage& message);
  // For a session that is an instance: its connection is new, or gone; its queue may be longer or shorter.
  void update(SessionId id, Session& session);
  // Called before what waits for the session is lost.
  void session_ended(SessionId id, Session& session);
  // Tells other shards how much work instances have. Returns when it must be done again.
  void tell_work();
  Instant next_telling() const { return untold_.empty() ? Instant::never() : tell_by_; }

 private:
  using Instance = ServiceTable::Instance;

  uint32_t find(Bytes name);
  Permissions::Verdict may_request(Sending& sending, const RoutedMessage& message);
  void pause_sender(uint32_t service, const RoutedMessage& message);
  void release_senders(uint32_t service);
  void deliver(const RoutedMessage& message, SessionId id);
  bool is_served_by(const RoutedMessage& message, SessionId id);
  uint32_t work_of(const Instance& instance);
  uint32_t work_of(const Session& session);
  InstanceState state_of(const Session& session, InstanceState before);
  void set_state(Instance& instance, InstanceState state);
  void became_available(uint32_t service);
  void leave(SessionId id, Session& session, Bytes service);
  void tell_others(RecordKind kind, const Instance& instance, Bytes service);
  void tell_state(ShardIndex to, const Instance& instance);
  void note_untold(Instance& instance, uint64_t shards);
  uint64_t other_shards() const;
  void count_held();

  ShardParts& shard_;
  ServiceTable table_;
  // The service that the last message went to, because many go to one. Forgotten when an instance joins or leaves.
  std::string last_name_;
  uint64_t last_hash_ = 0;
  uint32_t last_service_ = ServiceTable::kNone;
  Account account_;
  // By the number of a service: which senders of this shard were told to pause.
  absl::flat_hash_map<uint32_t, std::unique_ptr<SenderTable>> paused_;
  std::vector<SessionId> untold_;  // Instances of this shard whose work some shard does not know.
  Instant tell_by_ = Instant::never();
  bool were_used_ = false;
};

}  // namespace onehop::core
