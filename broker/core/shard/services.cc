// Services: see the header.
#include "core/shard/services.h"

#include <algorithm>
#include <bit>
#include <string>
#include <utility>

#include "core/base/limits.h"
#include "core/base/name_hash.h"
#include "core/shard/shard_parts.h"

namespace onehop::core {
namespace {

// Bytes in a connection's queue that count as a message that waits.
constexpr size_t kWaitingMessageBytes = 1 << 10;
// Of much work not every change is told.
constexpr uint32_t kToldExactly = 8;

constexpr Fate kNobodyServes{v1::OUTCOME_REJECTED, v1::REASON_NOBODY_THERE, 0, 0, false};
constexpr Fate kMayNotRequest{v1::OUTCOME_REJECTED, v1::REASON_NOT_AUTHORIZED, 0, 0, false};

uint64_t packed(SessionId id) {
  return uint64_t{id.generation} << 32 | id.index;
}

}  // namespace

Services::Services(ShardParts& shard)
    : shard_(shard), table_(shard.config.index), account_(shard.counters.state_bytes) {}

// --- Who serves ------------------------------------------------------------------------------------------------------

void Services::subscribe(SessionId id, Session& session, Bytes service, uint64_t ref) {
  const uint64_t hash = name_hash(service, shard_.config.hash_key);
  const Origin origin = shard_.origin_of(id);
  if (!has(id, service)) {
    if (shard_.counters.memory_stage != 0)
      return shard_.subscriptions.answer(session, ref, v1::REASON_BROKER_BUSY, shard_.jittered_lease(origin));
    if (count_of(id) + shard_.subscriptions.index().subscriptions(id.index) >= kSubscriptionsMax)
      return shard_.subscriptions.answer(session, ref, v1::REASON_BROKER_BUSY);
  }
  if (table_.join(service, hash, shard_.config.index, id)) {
    session.is_instance = true;
    Instance& instance = *table_.find_instance(shard_.config.index, id);
    instance.work = work_of(session);
    tell_others(RecordKind::kInstanceJoins, instance, service);
    update(id, session);
    const uint32_t number = table_.find(service, hash);
    if (table_.available(number) == 1 && instance.state == InstanceState::kAvailable) became_available(number);
    count_held();
  }
  shard_.subscriptions.answer_when_known(id, session, ref, other_shards());
}

void Services::unsubscribe(SessionId id, Session& session, Bytes service, uint64_t ref) {
  if (has(id, service)) {
    if (!shard_.moves.may_move_again(session)) {
      const uint32_t retry_after_ms = shard_.jittered_lease(shard_.origin_of(id));
      return shard_.subscriptions.answer(session, ref, v1::REASON_BROKER_BUSY, retry_after_ms);
    }
    leave(id, session, service);
    shard_.moves.move_unwritten(id, session, service);
  }
  shard_.subscriptions.answer(session, ref, v1::REASON_UNSPECIFIED);
}

void Services::leave(SessionId id, Session& session, Bytes service) {
  const uint64_t hash = name_hash(service, shard_.config.hash_key);
  const uint32_t number = table_.find(service, hash);
  Instance* const instance = table_.find_instance(shard_.config.index, id);
  if (number == ServiceTable::kNone || instance == nullptr || !table_.is_instance(number, *instance)) return;
  tell_others(RecordKind::kInstanceLeaves, *instance, service);
  if (table_.instances(number) == 1) release_senders(number);
  table_.leave(service, hash, shard_.config.index, id);
  session.is_instance = table_.find_instance(shard_.config.index, id) != nullptr;
  count_held();
}

void Services::session_ended(SessionId id, Session& session) {
  if (!session.is_instance) return;
  for (const std::string& service : services_of(id)) leave(id, session, service);
}

bool Services::has(SessionId id, Bytes service) {
  const uint32_t number = table_.find(service, name_hash(service, shard_.config.hash_key));
  const Instance* const instance = table_.find_instance(shard_.config.index, id);
  return number != ServiceTable::kNone && instance != nullptr && table_.is_instance(number, *instance);
}

bool Services::has_available(Bytes service) const {
  const uint32_t number = table_.find(service, name_hash(service, shard_.config.hash_key));
  return number != ServiceTable::kNone && table_.available(number) != 0;
}

std::vector<std::string> Services::services_of(SessionId id) {
  std::vector<std::string> names;
  if (const Instance* const instance = table_.find_instance(shard_.config.index, id)) {
    for (const uint32_t service : table_.services_of(*instance)) names.emplace_back(table_.name(service));
  }
  return names;
}

size_t Services::held_for(SessionId id) {
  const Instance* const instance = table_.find_instance(shard_.config.index, id);
  return instance == nullptr ? 0 : table_.held_for(*instance) * shard_.config.count;
}

size_t Services::count_of(SessionId id) {
  const Instance* const instance = table_.find_instance(shard_.config.index, id);
  return instance == nullptr ? 0 : instance->members.size();
}

uint64_t Services::other_shards() const {
  return ~uint64_t{0} >> (kShardsMax - shard_.config.count) & ~(uint64_t{1} << shard_.config.index);
}

// Called when an instance has joined or left.
void Services::count_held() {
  last_service_ = ServiceTable::kNone;
  were_used_ = true;
  account_.set(table_.held_bytes());
}

// --- What shards tell each other -------------------------------------------------------------------------------------

void Services::tell_others(RecordKind kind, const Instance& instance, Bytes service) {
  NameRecord record{};
  record.head.kind = kind;
  record.head.state = static_cast<uint8_t>(instance.state);
  record.head.sender = shard_.origin_of(instance.session);
  record.number = instance.work;
  for (uint64_t left = other_shards(); left != 0; left &= left - 1) {
    shard_.crossing.post_to(static_cast<ShardIndex>(std::countr_zero(left))).add_control(record, service);
  }
}

void Services::take_joins(const NameRecord& record, Bytes service) {
  const Origin& origin = record.head.sender;
  const uint64_t hash = name_hash(service, shard_.config.hash_key);
  table_.join(service, hash, origin.shard, origin.session);
  count_held();
  Instance& instance = *table_.find_instance(origin.shard, origin.session);
  instance.work = record.number;
  const uint32_t number = table_.find(service, hash);
  set_state(instance, static_cast<InstanceState>(record.head.state));
  if (instance.state == InstanceState::kAvailable && table_.available(number) == 1) became_available(number);
}

void Services::take_leaves(const NameRecord& record, Bytes service) {
  const uint64_t hash = name_hash(service, shard_.config.hash_key);
  const uint32_t number = table_.find(service, hash);
  if (number != ServiceTable::kNone && table_.instances(number) == 1) release_senders(number);
  table_.leave(service, hash, record.head.sender.shard, record.head.sender.session);
  count_held();
}

void Services::take_state(const NameRecord& record) {
  Instance* const instance = table_.find_instance(record.head.sender.shard, record.head.sender.session);
  if (instance == nullptr) return;
  instance->work = record.number;
  instance->sent = 0;
  set_state(*instance, static_cast<InstanceState>(record.head.state));
}

void Services::tell_state(ShardIndex to, const Instance& instance) {
  NameRecord record{};
  record.head.kind = RecordKind::kInstanceState;
  record.head.state = static_cast<uint8_t>(instance.state);
  record.head.sender = shard_.origin_of(instance.session);
  record.number = instance.work;
  shard_.crossing.post_to(to).add_control(record);
}

void Services::update(SessionId id, Session& session) {
  Instance& instance = *table_.find_instance(shard_.config.index, id);
  const InstanceState state = state_of(session, instance.state);
  const uint32_t work = work_of(session);
  const uint32_t change = work > instance.work ? work - instance.work : instance.work - work;
  const bool is_news = change != 0 && (change > instance.work / kToldExactly || work < kToldExactly);
  if (is_news) {
    instance.work = work;
    note_untold(instance, other_shards());
  }
  if (state == instance.state) return;
  set_state(instance, state);
  for (uint64_t left = other_shards(); left != 0; left &= left - 1) {
    tell_state(static_cast<ShardIndex>(std::countr_zero(left)), instance);
  }
}

void Services::note_untold(Instance& instance, uint64_t shards) {
  if (shards == 0) return;
  if (untold_.empty()) tell_by_ = shard_.now() + kInstanceWorkMs;
  if (instance.untold == 0) untold_.push_back(instance.session);
  instance.untold |= shards;
}

void Services::tell_work() {
  if (untold_.empty()) return;
  const bool all = tell_by_ <= shard_.now();
  uint64_t shards = 0;
  for (uint64_t left = other_shards(); left != 0; left &= left - 1) {
    const auto shard = static_cast<ShardIndex>(std::countr_zero(left));
    if (all || shard_.crossing.post_to(shard).has_filled()) shards |= uint64_t{1} << shard;
  }
  if (shards == 0) return;
  std::erase_if(untold_, [this, shards](SessionId session) {
    Instance* const instance = table_.find_instance(shard_.config.index, session);
    if (instance == nullptr) return true;
    for (uint64_t left = instance->untold & shards; left != 0; left &= left - 1) {
      tell_state(static_cast<ShardIndex>(std::countr_zero(left)), *instance);
    }
    instance->untold &= ~shards;
    return instance->untold == 0;
  });
}

uint32_t Services::work_of(const Session& session) {
  const Link* const link = shard_.links.find(session.link);
  const size_t unsettled = session.backlog == nullptr ? 0 : session.backlog->unsettled();
  const size_t queued = link == nullptr ? 0 : link->output.bytes() / kWaitingMessageBytes;
  return static_cast<uint32_t>(unsettled + queued);
}

uint32_t Services::work_of(const Instance& instance) {
  if (instance.shard != shard_.config.index) return instance.work + instance.sent;
  return work_of(shard_.sessions[instance.session.index]);
}

InstanceState Services::state_of(const Session& session, InstanceState before) {
  if (!session.link) return InstanceState::kAway;
  const Limits& limits = shard_.config.limits;
  const size_t bound = before == InstanceState::kOver ? limits.low_mark() : limits.high_mark();
  const size_t queued = queued_for(session, shard_.links.find(session.link));
  return queued > bound ? InstanceState::kOver : InstanceState::kAvailable;
}

void Services::set_state(Instance& instance, InstanceState state) {
  if (instance.state == state) return;
  table_.set_state(instance, state);
  if (state != InstanceState::kAvailable) return;
  for (const uint32_t service : table_.services_of(instance)) {
    if (table_.available(service) == 1) became_available(service);
  }
}

// A service has an instance that takes messages again.
void Services::became_available(uint32_t service) {
  release_senders(service);
  table_.for_each_away(service, [this](const Instance& instance) {
    if (instance.shard != shard_.config.index) return;
    shard_.moves.want_moves(instance.session, shard_.sessions[instance.session.index]);
  });
}

// --- Messages --------------------------------------------------------------------------------------------------------

bool Services::route(Sending& sending, RoutedMessage& message) {
  const uint32_t service = find(message.scanned.destination_name);
  message.destination_hash = last_hash_;
  if (shard_.config.asks_permission) {
    const Permissions::Verdict verdict = may_request(sending, message);
    if (verdict != Permissions::Verdict::kAllowed) return verdict != Permissions::Verdict::kPending;
  }
  if (service == ServiceTable::kNone) {
    shard_.outcomes.refuse(message, kNobodyServes);
    return true;
  }
  Instance& instance = *table_.pick(service, [this](const Instance& one) { return work_of(one); });
  message.scanned.flags |= kToService;
  if (instance.state == InstanceState::kOver) pause_sender(service, message);
  if (instance.shard == shard_.config.index) {
    deliver(message, instance.session);
    return true;
  }
  const uint64_t hash = std::exchange(message.destination_hash, packed(instance.session));
  if (!shard_.crossing.post_to(instance.shard).add_message(message, RecordKind::kToInstance)) {
    // The sender's link waits for credit to the home that is remembered.
    sending.forget_destination();
    sending.destination_hash = hash;
    sending.destination_home = instance.shard;
    return false;
  }
  ++instance.sent;
  sending.shards_sent_to |= uint64_t{1} << instance.shard;
  return true;
}

// Nobody serves what is no valid name.
uint32_t Services::find(Bytes name) {
  if (last_service_ != ServiceTable::kNone && name == last_name_) return last_service_;
  last_hash_ = name_hash(name, shard_.config.hash_key);
  last_service_ = table_.find(name, last_hash_);
  if (last_service_ != ServiceTable::kNone) last_name_ = name;
  return last_service_;
}

// What is not allowed and does not wait is refused. The refusal is the same whether or not anybody serves.
Permissions::Verdict Services::may_request(Sending& sending, const RoutedMessage& message) {
  const auto verdict = shard_.permissions.may_request(message.sender.session, message.scanned.destination_name,
                                                      message.destination_hash);
  if (verdict == Permissions::Verdict::kDenied) shard_.outcomes.refuse(message, kMayNotRequest);
  if (verdict == Permissions::Verdict::kUndecided) {
    const uint32_t retry_after_ms = shard_.jittered_lease(message.sender);
    shard_.outcomes.refuse(message, {v1::OUTCOME_REJECTED, v1::REASON_BROKER_BUSY, retry_after_ms, 0, false});
  }
  if (verdict == Permissions::Verdict::kPending) {
    // The sender's link waits for this verdict.
    sending.forget_destination();
    sending.destination_hash = Permissions::service_key(message.destination_hash);
  }
  return verdict;
}

// All instances are over their high mark, or away.
void Services::pause_sender(uint32_t service, const RoutedMessage& message) {
  std::unique_ptr<SenderTable>& senders = paused_[service];
  if (senders == nullptr) senders = std::make_unique<SenderTable>(shard_.config.limits.senders_max, shard_.counters);
  const uint32_t lease_ms = shard_.jittered_lease(message.sender);
  if (senders->tell_pause(message.sender, shard_.now(), shard_.now() + lease_ms) != SenderTable::Tell::kTell) return;
  ++shard_.counters.pauses_told;
  shard_.flow.tell_flow(message.sender, {table_.name(service), true}, v1::STATE_PAUSE, lease_ms);
}

void Services::release_senders(uint32_t service) {
  const auto found = paused_.find(service);
  if (found == paused_.end()) return;
  std::unique_ptr<SenderTable> senders = std::move(found->second);
  paused_.erase(found);
  shard_.flow.release_later({table_.name(service), true}, std::move(senders));
}

void Services::take_message(const Parcel& parcel, Bytes& rest) {
  const RoutedMessage message = read_message_record(parcel, rest);
  const SessionId id{static_cast<uint32_t>(message.destination_hash),
                     static_cast<uint32_t>(message.destination_hash >> 32)};
  // It was there when the message left the other shard.
  if (!shard_.shutdown.draining() && !is_served_by(message, id)) return shard_.moves.move_on(message);
  deliver(message, id);
  Instance* const instance = table_.find_instance(shard_.config.index, id);
  if (instance != nullptr) note_untold(*instance, uint64_t{1} << message.sender.shard & other_shards());
}

// On the instance's shard.
void Services::deliver(const RoutedMessage& message, SessionId id) {
  Fate fate{v1::OUTCOME_REJECTED, v1::REASON_SHUTTING_DOWN, 0, 0, false};
  if (!shard_.shutdown.draining()) {
    Session& session = shard_.sessions[id.index];
    fate.reason = shard_.path.deliver_copy(message, id, session);
    if (fate.reason == v1::REASON_UNSPECIFIED) {
      if (session.away != nullptr) shard_.moves.want_moves(id, session);
      return;
    }
  }
  if ((message.scanned.flags & kMoved) != 0) return shard_.moves.lose(message);
  const bool may_cure = fate.reason == v1::REASON_QUEUE_FULL || fate.reason == v1::REASON_BROKER_BUSY;
  if (may_cure) fate.retry_after_ms = shard_.jittered_lease(message.sender);
  shard_.outcomes.refuse(message, fate);
}

bool Services::is_served_by(const RoutedMessage& message, SessionId id) {
  return shard_.sessions.find(id) != nullptr && has(id, message.scanned.destination_name);
}

Services::Placed Services::place(RoutedMessage& message) {
  const Bytes name = message.scanned.destination_name;
  const uint32_t service = table_.find(name, name_hash(name, shard_.config.hash_key));
  if (service == ServiceTable::kNone) return Placed::kNobody;
  Instance& instance = *table_.pick(service, [this](const Instance& one) { return work_of(one); });
  message.scanned.flags |= kMoved;
  if (instance.shard == shard_.config.index) {
    deliver(message, instance.session);
    return Placed::kDone;
  }
  message.destination_hash = packed(instance.session);
  if (!shard_.crossing.post_to(instance.shard).add_message(message, RecordKind::kToInstance)) return Placed::kNoCredit;
  ++instance.sent;
  return Placed::kDone;
}

}  // namespace onehop::core
