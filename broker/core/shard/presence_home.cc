// PresenceHome: see the header.
#include "core/shard/presence_home.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "core/shard/shard_parts.h"

namespace onehop::core {
namespace {

// Why a session has ended, as far as its watchers may know.
v1::Reason reason_of_end(v1::Code code) {
  switch (code) {
    case v1::CODE_NORMAL:
      return v1::REASON_UNSPECIFIED;
    case v1::CODE_SERVER_SHUTTING_DOWN:
      return v1::REASON_SHUTTING_DOWN;
    case v1::CODE_NOT_AUTHORIZED:
      return v1::REASON_NOT_AUTHORIZED;
    case v1::CODE_SERVER_BUSY:
      return v1::REASON_BROKER_BUSY;
    default:
      return v1::REASON_CONNECTION_LOST;
  }
}

}  // namespace

PresenceHome::PresenceHome(ShardParts& shard)
    : shard_(shard), wanted_(shard.config.hash_key), account_(shard.counters.state_bytes) {}

void PresenceHome::count_held() {
  account_.set(wanted_.held_bytes() + asked_.size() * (sizeof(Asked) + kNameBytesMax / 2));
}

void PresenceHome::set_wanted(const PresencePattern& pattern, ShardIndex shard, bool wanted) {
  const uint64_t bit = uint64_t{1} << shard;
  if (wanted) {
    wanted_.find_or_add(pattern) |= bit;
  } else if (uint64_t* const shards = wanted_.find(pattern)) {
    *shards &= ~bit;
    if (*shards == 0) wanted_.erase(pattern);
  }
  count_held();
}

void PresenceHome::take_wanted(const NameRecord& record, Bytes text) {
  set_wanted({text, record.head.state != 0}, record.head.sender.shard, record.head.kind == RecordKind::kPresenceWanted);
}

void PresenceHome::take_asked(const Origin& asker, const PresencePattern& pattern, uint32_t cursor) {
  asked_.push_back({asker, std::string(pattern.text), pattern.is_prefix, cursor});
  count_held();
}

void PresenceHome::take_asked(const NameRecord& record, Bytes text) {
  take_asked(record.head.sender, {text, record.head.state != 0}, record.number);
}

PresenceChange PresenceHome::change_of(const Session& session) const {
  PresenceChange change;
  change.name = session.name.name();
  change.name_hash = session.name_hash;
  change.session = session.number;
  return change;
}

// UP or AWAY.
PresenceChange PresenceHome::state_of(const Session& session) const {
  PresenceChange change = change_of(session);
  if (!session.link) {
    change.state = v1::PRESENCE_STATE_AWAY;
    change.since_unix_ms = shard_.config.unix_ms_at_zero + session.away->left.ms;
    change.heard = session.away->left;
    return change;
  }
  const Link& link = shard_.links[session.link.index];
  change.state = v1::PRESENCE_STATE_UP;
  change.since_unix_ms = shard_.config.unix_ms_at_zero + link.connected_at(shard_.now()).ms;
  change.heard = link.last_heard;
  return change;
}

void PresenceHome::tell_connected(const Session& session) {
  tell(state_of(session));
}

void PresenceHome::tell_left(const Session& session, Instant heard) {
  PresenceChange change = state_of(session);
  change.heard = heard;
  tell(change);
}

void PresenceHome::tell_ended(const Session& session, const Farewell& farewell) {
  PresenceChange change = change_of(session);
  change.state = v1::PRESENCE_STATE_DOWN;
  change.reason = reason_of_end(farewell.code);
  change.since_unix_ms = shard_.config.unix_ms_at_zero + shard_.now().ms;
  tell(change);
}

// When the shards stop, all sessions end, those of watchers too.
void PresenceHome::tell(const PresenceChange& change) {
  if (shard_.shutdown.stopping()) return;
  uint64_t shards = 0;
  wanted_.for_each_match(change.name, [&shards](uint64_t wanted) { shards |= wanted; });
  for (uint64_t left = shards; left != 0; left &= left - 1) {
    const auto shard = static_cast<ShardIndex>(std::countr_zero(left));
    if (shard == shard_.config.index) {
      shard_.presence.take_change(change);
    } else {
      shard_.crossing.post_to(shard).add_control(record_of(change), change.name);
    }
  }
}

PresenceRecord PresenceHome::record_of(const PresenceChange& change) {
  PresenceRecord record{};
  record.head.kind = RecordKind::kPresence;
  record.head.state = static_cast<uint8_t>(change.state);
  record.name_hash = change.name_hash;
  record.session = change.session;
  record.since_unix_ms = change.since_unix_ms;
  record.heard_ms = change.heard.ms;
  record.reason = change.reason;
  return record;
}

PresenceChange PresenceHome::read_change(const PresenceRecord& record, Bytes name) {
  PresenceChange change;
  change.name = name;
  change.name_hash = record.name_hash;
  change.state = static_cast<v1::PresenceState>(record.head.state);
  change.reason = static_cast<v1::Reason>(record.reason);
  change.session = record.session;
  change.since_unix_ms = record.since_unix_ms;
  change.heard = {record.heard_ms};
  return change;
}

void PresenceHome::take_turn() {
  if (asked_.empty()) return;
  for (uint32_t looked_at = 0; !asked_.empty() && looked_at < kTurnPlaces;) {
    const Asked asked = std::move(asked_.front());
    asked_.pop_front();
    looked_at += std::max(answer(asked), kPortionPlacesMin);
  }
  count_held();
}

// Returns how many places of sessions it has looked at.
uint32_t PresenceHome::answer(const Asked& asked) {
  if (!asked.is_prefix) {
    const SessionId id = shard_.sessions.find_name(asked.text, name_hash(asked.text, shard_.config.hash_key));
    if (const Session* const session = shard_.sessions.find(id)) tell_found(asked, state_of(*session));
    tell_end(asked, Presence::kNoMore);
    return 1;
  }
  const uint32_t end = std::min(shard_.sessions.slots(), asked.cursor + kPortionPlaces);
  // Changes find room in the feed, too.
  const uint32_t names = std::min(kPortionNames, shard_.config.limits.presence_names_max / 4);
  uint32_t next = asked.cursor;
  for (uint32_t found = 0; next < end && found < names; ++next) {
    const Session* const session = shard_.sessions.find(shard_.sessions.id_at(next));
    if (session == nullptr || !session->name.name().starts_with(asked.text)) continue;
    tell_found(asked, state_of(*session));
    ++found;
  }
  tell_end(asked, next >= shard_.sessions.slots() ? Presence::kNoMore : next);
  return next - asked.cursor;
}

void PresenceHome::tell_found(const Asked& asked, const PresenceChange& found) {
  if (asked.asker.shard == shard_.config.index) return shard_.presence.take_found(asked.asker.session, found);
  PresenceRecord record = record_of(found);
  record.head.sender = asked.asker;
  shard_.crossing.post_to(asked.asker.shard).add_control(record, found.name);
}

void PresenceHome::tell_end(const Asked& asked, uint32_t next) {
  if (asked.asker.shard == shard_.config.index) return shard_.presence.take_portion_end(asked.asker.session, next);
  NameRecord record{};
  record.head.kind = RecordKind::kPresencePortion;
  record.head.sender = asked.asker;
  record.number = next;
  shard_.crossing.post_to(asked.asker.shard).add_control(record);
}

}  // namespace onehop::core
