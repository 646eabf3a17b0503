// Who serves what: the instances of each service on all shards, as one shard knows them, and which of them gets a
// message.
//
// A message goes to one of two instances that are drawn at random, to the one with less work. That spreads messages
// nearly as evenly as looking at all instances, costs the same however many there are, and senders on many shards do
// not all choose the same one.
//
//   members of a service   | available … | over their high mark … | away … |
//                                         available               connected
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <absl/container/flat_hash_map.h>

#include "core/base/bytes.h"
#include "core/base/ids.h"
#include "core/base/slab.h"

namespace onehop::core {

enum class InstanceState : uint8_t {
  kAvailable,
  kOver,  // Its queue is over its high mark, or has not been below its low mark since.
  kAway,  // Its session has no connection.
};

class ServiceTable {
 public:
  // A session that serves. It is known by its shard and the index of its session there.
  struct Instance {
    ShardIndex shard = 0;
    SessionId session;
    InstanceState state = InstanceState::kAvailable;
    uint32_t work = 0;              // What its shard has said last.
    uint32_t sent = 0;              // Messages that this shard has sent it since.
    uint64_t untold = 0;            // Of this shard's own: a bit for each shard that does not know its work.
    std::vector<uint32_t> members;  // Of services; by their index.
  };
  static constexpr uint32_t kNone = UINT32_MAX;

  // `seed` makes the draws differ between shards.
  explicit ServiceTable(uint64_t seed) : random_(seed) {}
  ServiceTable(const ServiceTable&) = delete;
  ServiceTable& operator=(const ServiceTable&) = delete;

  bool empty() const { return instances_.size() == 0; }
  // The number of a service with this name, or kNone if it has no instance. `hash` is the name's name_hash.
  uint32_t find(Bytes service, uint64_t hash) const;
  Bytes name(uint32_t service) const { return services_[service].name; }
  uint64_t hash(uint32_t service) const { return services_[service].hash; }
  size_t instances(uint32_t service) const { return services_[service].members.size(); }
  // How many of them are available.
  size_t available(uint32_t service) const { return services_[service].ends[0]; }

  Instance* find_instance(ShardIndex shard, SessionId session);
  bool is_instance(uint32_t service, const Instance& instance) const;
  // False if it is one already.
  bool join(Bytes service, uint64_t hash, ShardIndex shard, SessionId session);
  // False if it is none. What refers to the instance or the service is not good afterwards.
  bool leave(Bytes service, uint64_t hash, ShardIndex shard, SessionId session);
  void set_state(Instance& instance, InstanceState state);

  // The instance that is to get the next message, or nullptr if there is none: one that is available, or else one that
  // is over, or else one that is away. `work_of(instance)` says how much work it has.
  template <typename Work>
  Instance* pick(uint32_t service, Work work_of) {
    const Service& from = services_[service];
    const size_t connected = from.ends[0] != 0 ? from.ends[0] : from.ends[1];
    const size_t count = connected != 0 ? connected : from.members.size();
    if (count == 0) return nullptr;
    const size_t first = draw(count);
    Instance& one = instance_at(from, first);
    if (count == 1) return &one;
    size_t second = draw(count - 1);
    if (second >= first) ++second;
    Instance& other = instance_at(from, second);
    return work_of(other) < work_of(one) ? &other : &one;
  }
  template <typename Visit>
  void for_each_away(uint32_t service, Visit visit) {
    const Service& from = services_[service];
    for (size_t at = from.ends[1]; at < from.members.size(); ++at) visit(instance_at(from, at));
  }
  // About what an instance takes here, with its part of the services that it serves.
  size_t held_for(const Instance& instance) const;
  // By their numbers.
  std::vector<uint32_t> services_of(const Instance& instance) const;
  size_t held_bytes() const { return held_bytes_; }

 private:
  struct Service {
    std::string name;
    uint64_t hash = 0;
    std::vector<uint32_t> members;
    std::array<size_t, 2> ends{};  // Of those that are available, and of those that are connected.
  };
  struct Member {
    uint32_t service;
    uint32_t instance;
    uint32_t position;  // Among the members of the service.
  };
  struct Id {
    uint32_t index = 0;
    uint32_t generation = 0;
  };

  static uint64_t key_of(ShardIndex shard, SessionId session) { return uint64_t{shard} << 32 | session.index; }
  Instance& instance_at(const Service& service, size_t position) {
    return instances_[members_[service.members[position]].instance];
  }
  size_t draw(size_t count);
  static uint64_t pair_of(uint32_t service, uint32_t instance) { return uint64_t{service} << 32 | instance; }
  uint32_t find_member(uint32_t service, const Instance& instance) const;
  void swap_members(Service& service, size_t a, size_t b);
  void move_between(uint32_t member, InstanceState from, InstanceState to);
  size_t weight(const Service& service) const;

  uint64_t random_;
  Slab<Service, Id> services_;
  Slab<Instance, Id> instances_;
  Slab<Member, Id> members_;
  // By the hash of the name. It is keyed, so two names with the same one need not be told apart.
  absl::flat_hash_map<uint64_t, uint32_t> by_name_;
  absl::flat_hash_map<uint64_t, uint32_t> by_session_;
  absl::flat_hash_map<uint64_t, uint32_t> by_pair_;  // Members, by service and instance.
  size_t held_bytes_ = 0;
};

}  // namespace onehop::core
