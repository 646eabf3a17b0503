// ServiceTable: see the header.
#include "core/rooms/service_table.h"

#include <cassert>

namespace onehop::core {
namespace {

// What an entry of a table of hashes takes, about.
constexpr size_t kHashEntryBytes = 24;
constexpr size_t kSlotHeadBytes = 8;
// A member, beside itself: its places in two lists and a table.
constexpr size_t kMemberBytes = kSlotHeadBytes + 2 * sizeof(uint32_t) + kHashEntryBytes;

}  // namespace

uint32_t ServiceTable::find(Bytes service, uint64_t hash) const {
  const auto found = by_name_.find(hash);
  return found == by_name_.end() || services_[found->second].name != service ? kNone : found->second;
}

ServiceTable::Instance* ServiceTable::find_instance(ShardIndex shard, SessionId session) {
  const auto found = by_session_.find(key_of(shard, session));
  if (found == by_session_.end()) return nullptr;
  Instance& instance = instances_[found->second];
  return instance.session == session ? &instance : nullptr;
}

bool ServiceTable::is_instance(uint32_t service, const Instance& instance) const {
  return find_member(service, instance) != kNone;
}

uint32_t ServiceTable::find_member(uint32_t service, const Instance& instance) const {
  const uint32_t number = by_session_.find(key_of(instance.shard, instance.session))->second;
  const auto found = by_pair_.find(pair_of(service, number));
  return found == by_pair_.end() ? kNone : found->second;
}

size_t ServiceTable::weight(const Service& service) const {
  return sizeof(Service) + kSlotHeadBytes + kHashEntryBytes + service.name.size();
}

bool ServiceTable::join(Bytes service, uint64_t hash, ShardIndex shard, SessionId session) {
  const auto [place_of_service, is_new] = by_name_.try_emplace(hash, kNone);
  if (is_new) {
    place_of_service->second = services_.insert().index;
    Service& added = services_[place_of_service->second];
    added.name = std::string(service);
    added.hash = hash;
    held_bytes_ += weight(added);
  }
  const auto [place_of_instance, is_first] = by_session_.try_emplace(key_of(shard, session), kNone);
  if (is_first) {
    place_of_instance->second = instances_.insert().index;
    instances_[place_of_instance->second].shard = shard;
    instances_[place_of_instance->second].session = session;
    held_bytes_ += sizeof(Instance) + kSlotHeadBytes + kHashEntryBytes;
  }
  Instance& instance = instances_[place_of_instance->second];
  assert(instance.session == session);
  if (find_member(place_of_service->second, instance) != kNone) return false;
  const uint32_t member = members_.insert().index;
  Service& joined = services_[place_of_service->second];
  members_[member] = {place_of_service->second, place_of_instance->second,
                      static_cast<uint32_t>(joined.members.size())};
  joined.members.push_back(member);
  instance.members.push_back(member);
  by_pair_.emplace(pair_of(place_of_service->second, place_of_instance->second), member);
  held_bytes_ += kMemberBytes + sizeof(Member);
  move_between(member, InstanceState::kAway, instance.state);
  return true;
}

bool ServiceTable::leave(Bytes service, uint64_t hash, ShardIndex shard, SessionId session) {
  const uint32_t number = find(service, hash);
  Instance* const instance = find_instance(shard, session);
  const uint32_t member = number == kNone || instance == nullptr ? kNone : find_member(number, *instance);
  if (member == kNone) return false;
  Service& left = services_[number];
  move_between(member, instance->state, InstanceState::kAway);
  swap_members(left, members_[member].position, left.members.size() - 1);
  left.members.pop_back();
  std::erase(instance->members, member);
  by_pair_.erase(pair_of(number, members_[member].instance));
  members_.erase(members_.id_at(member));
  held_bytes_ -= kMemberBytes + sizeof(Member);
  if (left.members.empty()) {
    held_bytes_ -= weight(left);
    by_name_.erase(hash);
    services_.erase(services_.id_at(number));
  }
  if (instance->members.empty()) {
    held_bytes_ -= sizeof(Instance) + kSlotHeadBytes + kHashEntryBytes;
    const auto found = by_session_.find(key_of(shard, session));
    instances_.erase(instances_.id_at(found->second));
    by_session_.erase(found);
  }
  return true;
}

void ServiceTable::set_state(Instance& instance, InstanceState state) {
  const InstanceState before = std::exchange(instance.state, state);
  for (const uint32_t member : instance.members) move_between(member, before, state);
}

// The states are in the order of the groups. A member crosses one border after the other.
void ServiceTable::move_between(uint32_t member, InstanceState from, InstanceState to) {
  Service& service = services_[members_[member].service];
  auto group = static_cast<size_t>(from);
  for (; group < static_cast<size_t>(to); ++group) {
    swap_members(service, members_[member].position, --service.ends[group]);
  }
  for (; group > static_cast<size_t>(to); --group) {
    swap_members(service, members_[member].position, service.ends[group - 1]++);
  }
}

void ServiceTable::swap_members(Service& service, size_t a, size_t b) {
  std::swap(service.members[a], service.members[b]);
  members_[service.members[a]].position = static_cast<uint32_t>(a);
  members_[service.members[b]].position = static_cast<uint32_t>(b);
}

size_t ServiceTable::held_for(const Instance& instance) const {
  size_t held = sizeof(Instance) + kSlotHeadBytes + kHashEntryBytes;
  for (const uint32_t member : instance.members) {
    const Service& service = services_[members_[member].service];
    held += kMemberBytes + sizeof(Member) + weight(service) / service.members.size();
  }
  return held;
}

std::vector<uint32_t> ServiceTable::services_of(const Instance& instance) const {
  std::vector<uint32_t> services;
  for (const uint32_t member : instance.members) services.push_back(members_[member].service);
  return services;
}

// SplitMix64. It need not be hard to guess: who is drawn makes no difference to anybody's rights.
size_t ServiceTable::draw(size_t count) {
  uint64_t bits = random_ += 0x9E3779B97F4A7C15;
  bits = (bits ^ bits >> 30) * 0xBF58476D1CE4E5B9;
  bits = (bits ^ bits >> 27) * 0x94D049BB133111EB;
  return static_cast<size_t>((bits ^ bits >> 31) % count);
}

}  // namespace onehop::core
