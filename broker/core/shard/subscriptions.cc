// Subscriptions: see the header.
#include "core/shard/subscriptions.h"

#include <bit>

#include "core/base/limits.h"
#include "core/base/name.h"
#include "core/base/name_hash.h"
#include "core/rooms/topic_filter.h"
#include "core/shard/shard_parts.h"

namespace onehop::core {
namespace {

// Whether a Subscribe or an Unsubscribe names a topic or a service that there may be.
template <typename Frame>
bool names_something(const Frame& frame) {
  return frame.to_case() == Frame::kService ? is_valid_name(frame.service()) : is_valid_filter(frame.topic());
}

}  // namespace

Subscriptions::Subscriptions(ShardParts& shard)
    : shard_(shard), index_(shard.config.hash_key, shard.config.count), account_(shard.counters.state_bytes) {}

void Subscriptions::handle_subscribe(LinkId id, Link& link, Session& session, Bytes body) {
  v1::Subscribe wanted;
  if (!session.uses_topics) return shard_.endings.protocol_error(id, link, "Subscribe needs the feature TOPICS");
  if (!parse_body(body, wanted)) return shard_.endings.protocol_error(id, link, "Subscribe does not parse");
  if (!names_something(wanted)) {
    return shard_.endings.protocol_error(id, link, "what Subscribe names breaks the rules");
  }
  if (shard_.subscription_rights.may(link, session, wanted)) subscribe(link.session, session, wanted);
}

void Subscriptions::handle_unsubscribe(LinkId id, Link& link, Session& session, Bytes body) {
  v1::Unsubscribe unwanted;
  if (!session.uses_topics) return shard_.endings.protocol_error(id, link, "Unsubscribe needs the feature TOPICS");
  if (!parse_body(body, unwanted)) return shard_.endings.protocol_error(id, link, "Unsubscribe does not parse");
  if (!names_something(unwanted)) {
    return shard_.endings.protocol_error(id, link, "what Unsubscribe names breaks the rules");
  }
  if (unwanted.to_case() == v1::Unsubscribe::kService)
    return shard_.services.unsubscribe(link.session, session, unwanted.service(), unwanted.ref());
  unsubscribe(link.session, unwanted.topic());
  // This shard asks nobody else when it hands out messages, so it holds from now on.
  answer(session, unwanted.ref(), v1::REASON_UNSPECIFIED);
}

void Subscriptions::subscribe(SessionId id, Session& session, const v1::Subscribe& wanted) {
  const auto waits = waiting_for_.find(id.index);
  if (waits != waiting_for_.end() && waits->second >= kSubscriptionsMax) {
    return answer(session, wanted.ref(), v1::REASON_BROKER_BUSY, shard_.jittered_lease(shard_.origin_of(id)));
  }
  if (wanted.to_case() == v1::Subscribe::kService)
    return shard_.services.subscribe(id, session, wanted.service(), wanted.ref());
  const Bytes text = wanted.topic();
  const uint64_t hash = name_hash(text, shard_.config.hash_key);
  if (shard_.counters.memory_stage != 0 && !has(id, text)) {
    return answer(session, wanted.ref(), v1::REASON_BROKER_BUSY, shard_.jittered_lease(shard_.origin_of(id)));
  }
  const FilterId filter = index_.find_or_add(text, hash);
  const size_t subscriptions = index_.subscriptions(id.index) + shard_.services.count_of(id);
  if (!index_.has(id.index, filter) && subscriptions >= kSubscriptionsMax) {
    index_.drop_unwanted(filter);
    return answer(session, wanted.ref(), v1::REASON_BROKER_BUSY);
  }
  const Audience before = audience(filter);
  index_.subscribe(id.index, filter, wanted.no_echo());
  tell_if_changed(filter, before);
  count_held();
  answer_when_known(id, session, wanted.ref(), shards_to_tell(text, hash));
}

void Subscriptions::unsubscribe(SessionId id, Bytes filter) {
  if (const FilterId found = index_.find(filter, name_hash(filter, shard_.config.hash_key))) drop(id, found);
}

void Subscriptions::drop(SessionId id, FilterId filter) {
  const Audience before = audience(filter);
  index_.unsubscribe(id.index, filter);
  tell_if_changed(filter, before);
  index_.drop_unwanted(filter);
  count_held();
}

void Subscriptions::session_ended(SessionId id) {
  while (const FilterId filter = index_.any_of(id.index)) drop(id, filter);
  waiting_for_.erase(id.index);
}

bool Subscriptions::has(SessionId id, Bytes filter) const {
  const FilterId found = index_.find(filter, name_hash(filter, shard_.config.hash_key));
  return found && index_.has(id.index, found);
}

size_t Subscriptions::held_for(const Session& session) const {
  if (index_.empty()) return 0;
  return index_.held_for(shard_.sessions.find_name(session.name.name(), session.name_hash).index);
}

Audience Subscriptions::audience(FilterId id) const {
  return index_.audience(id, [this](uint32_t session) { return shard_.sessions.id_at(session); });
}

// A bit for each other shard that must know who is there for a filter.
uint64_t Subscriptions::shards_to_tell(Bytes filter, uint64_t hash) const {
  const uint64_t own = uint64_t{1} << shard_.config.index;
  const uint64_t all = ~uint64_t{0} >> (kShardsMax - shard_.config.count);
  return (has_wildcard(filter) ? all : uint64_t{1} << home_shard(hash, shard_.config.count)) & ~own;
}

void Subscriptions::tell_if_changed(FilterId id, const Audience& before) {
  const Audience now = audience(id);
  if (now == before) return;
  NameRecord record{};
  record.head.kind = RecordKind::kAudience;
  record.head.state = static_cast<uint8_t>(now.kind);
  record.head.sender = shard_.origin_of(now.sender);
  const Bytes filter = index_.text(id);
  for (uint64_t left = shards_to_tell(filter, index_.hash(id)); left != 0; left &= left - 1) {
    shard_.crossing.post_to(static_cast<ShardIndex>(std::countr_zero(left))).add_control(record, filter);
  }
}

void Subscriptions::take_audience(const NameRecord& record, Bytes filter) {
  const FilterId id = index_.find_or_add(filter, name_hash(filter, shard_.config.hash_key));
  const Audience audience{static_cast<Audience::Kind>(record.head.state), record.head.sender.session};
  index_.set_audience_elsewhere(id, record.head.sender.shard, audience);
  index_.drop_unwanted(id);
  count_held();
}

void Subscriptions::answer(Session& session, uint64_t ref, v1::Reason reason, uint32_t retry_after_ms) {
  PendingControl* const control = shard_.outcomes.control_of(session);
  if (control == nullptr) return;
  control->add_subscribed(ref, reason, retry_after_ms);
  shard_.outcomes.bound_control(session);
}

void Subscriptions::answer_when_known(SessionId id, Session& session, uint64_t ref, uint64_t shards) {
  if (shards == 0) return answer(session, ref, v1::REASON_UNSPECIFIED);
  const auto count = static_cast<uint32_t>(std::popcount(shards));
  const WaitingId waiting = waiting_.insert(Waiting{id, session.link, ref, count});
  ++waiting_for_[id.index];
  const Origin question = shard_.origin_of(SessionId{waiting.index, waiting.generation});
  for (uint64_t left = shards; left != 0; left &= left - 1) {
    shard_.crossing.tell_peer(RecordKind::kFiltersAsked, question, question,
                              static_cast<ShardIndex>(std::countr_zero(left)));
  }
}

void Subscriptions::take_asked(const Origin& asker, const Origin& question) {
  shard_.crossing.tell_peer(RecordKind::kFiltersKnown, asker, question, asker.shard);
}

void Subscriptions::take_known(const Origin& question) {
  const WaitingId id{question.session.index, question.session.generation};
  Waiting& waiting = waiting_[id.index];
  if (--waiting.outstanding != 0) return;
  const Waiting done = waiting;
  waiting_.erase(id);
  // The answers that an ended session waited for are no longer counted for its index.
  Session* const session = shard_.sessions.find(done.session);
  if (session == nullptr) return;
  const auto counted = waiting_for_.find(done.session.index);
  if (--counted->second == 0) waiting_for_.erase(counted);
  if (session->link == done.link) answer(*session, done.ref, v1::REASON_UNSPECIFIED);
}

}  // namespace onehop::core
