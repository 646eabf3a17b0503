// Presence: see the header.
#include "core/shard/presence.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "core/base/limits.h"
#include "core/base/name.h"
#include "core/base/name_hash.h"
#include "core/shard/shard_parts.h"

namespace onehop::core {
namespace {

// While memory is short less may wait for a session than PresenceFeed takes.
constexpr size_t kNamesWhileMemoryIsShort = 4 * PresenceHome::kPortionNames;
// What a session with watches takes, beside its feed, and each of its watches with its place among those of a pattern.
constexpr size_t kWatcherBytes = 320;
constexpr size_t kWatchBytes = 112;

}  // namespace

Presence::Presence(ShardParts& shard)
    : shard_(shard), patterns_(shard.config.hash_key), account_(shard.counters.state_bytes) {}

void Presence::handle_watch(LinkId id, Link& link, Session& session, Bytes body) {
  v1::Watch wanted;
  if (!session.uses_presence) return shard_.endings.protocol_error(id, link, "Watch needs the feature PRESENCE");
  if (!parse_body(body, wanted)) return shard_.endings.protocol_error(id, link, "Watch does not parse");
  if (wanted.stop()) return end_watch(link.session, session, wanted.ref(), v1::REASON_UNSPECIFIED);
  if (wanted.who_case() == v1::Watch::WHO_NOT_SET) {
    return shard_.endings.protocol_error(id, link, "Watch says neither a name nor a prefix");
  }
  if (wanted.has_name() && !is_valid_name(wanted.name())) {
    return shard_.endings.protocol_error(id, link, "the name in Watch breaks the rules");
  }
  if (wanted.prefix().size() > kNameBytesMax) {
    return shard_.endings.protocol_error(id, link, "the prefix in Watch is too long");
  }
  if (shard_.presence_rights.may(link, session, wanted)) watch(link.session, session, wanted);
}

void Presence::watch(SessionId id, Session& session, const v1::Watch& wanted) {
  Watcher* watcher = find_watcher(id);
  const uint32_t replaced = watcher == nullptr ? kNobody : find_watch(*watcher, wanted.ref());
  const bool is_full = watcher != nullptr && watcher->watches.size() >= kWatchesMax && replaced == kNobody;
  if (is_full || shard_.counters.memory_stage != 0) {
    return end_watch(id, session, wanted.ref(), v1::REASON_BROKER_BUSY);
  }
  if (watcher == nullptr) {
    watcher = (watchers_[id.index] = std::make_unique<Watcher>(id, shard_.counters)).get();
  }
  // Frames of the one before may be on their way, so the client has to see where the new one begins.
  const bool restarts = replaced != kNobody;
  if (restarts) remove_watch(*watcher, replaced);
  add_watch(*watcher, wanted, restarts);
  feed(*watcher);
}

void Presence::end_watch(SessionId id, Session& session, uint64_t ref, v1::Reason reason) {
  if (Watcher* const watcher = find_watcher(id)) {
    if (const uint32_t index = find_watch(*watcher, ref); index != kNobody) remove_watch(*watcher, index);
    forget_unused(*watcher);
  }
  answer(session, ref, reason);
}

void Presence::answer(Session& session, uint64_t ref, v1::Reason reason) {
  PendingControl* const control = shard_.outcomes.control_of(session);
  if (control == nullptr) return;
  control->add_watch_ended(ref, reason);
  shard_.outcomes.bound_control(session);
}

Presence::Watcher* Presence::find_watcher(SessionId id) {
  const auto found = watchers_.find(id.index);
  return found == watchers_.end() || found->second->session != id ? nullptr : found->second.get();
}

uint32_t Presence::find_watch(const Watcher& watcher, uint64_t ref) const {
  for (const uint32_t index : watcher.watches) {
    if (watches_[index].ref == ref) return index;
  }
  return kNobody;
}

bool Presence::has(SessionId id, uint64_t ref, const PresencePattern& pattern) const {
  bool found = false;
  for_each_of(id, [&](uint64_t its_ref, const PresencePattern& its_pattern) {
    found |= its_ref == ref && its_pattern.is_prefix == pattern.is_prefix && its_pattern.text == pattern.text;
  });
  return found;
}

void Presence::add_watch(Watcher& watcher, const v1::Watch& wanted, bool restarts) {
  const WatchId id = watches_.insert();
  Watch& watch = watches_[id.index];
  watch.ref = wanted.ref();
  watch.is_prefix = wanted.has_prefix();
  watch.text = watch.is_prefix ? wanted.prefix() : wanted.name();
  watch.watcher = &watcher;
  watch.restarts = restarts;
  watcher.watches.push_back(id.index);
  std::vector<uint32_t>& same = patterns_.find_or_add(watch.pattern());
  watch.place = static_cast<uint32_t>(same.size());
  same.push_back(id.index);
  if (same.size() == 1) tell_wanted(watch.pattern(), true);
  count_held(watcher);
}

void Presence::remove_watch(Watcher& watcher, uint32_t index) {
  Watch& watch = watches_[index];
  std::vector<uint32_t>& same = *patterns_.find(watch.pattern());
  same[watch.place] = same.back();
  watches_[same[watch.place]].place = watch.place;
  same.pop_back();
  if (same.empty()) {
    patterns_.erase(watch.pattern());
    tell_wanted(watch.pattern(), false);
  }
  if (watcher.asked == index) watcher.asked = kNobody;
  std::erase(watcher.watches, index);
  watcher.feed.drop(watch.ref);
  watches_.erase(watches_.id_at(index));
  count_held(watcher);
}

// A portion that is on its way must find its watcher, so that it is not taken for another one.
void Presence::forget_unused(Watcher& watcher) {
  if (!watcher.watches.empty() || watcher.in_flight) return;
  Session* const session = shard_.sessions.find(watcher.session);
  if (session != nullptr && session->control != nullptr) session->control->set_presence(nullptr);
  watchers_.erase(watcher.session.index);
}

// A name must be known at its home, a prefix on all shards.
void Presence::tell_wanted(const PresencePattern& pattern, bool wanted) {
  const ShardIndex own = shard_.config.index;
  const ShardIndex count = shard_.config.count;
  const ShardIndex home = home_shard(name_hash(pattern.text, shard_.config.hash_key), count);
  NameRecord record{};
  record.head.kind = wanted ? RecordKind::kPresenceWanted : RecordKind::kPresenceUnwanted;
  record.head.state = pattern.is_prefix ? 1 : 0;
  record.head.sender = shard_.origin_of(SessionId{});
  for (ShardIndex shard = 0; shard < count; ++shard) {
    if (!pattern.is_prefix && shard != home) continue;
    if (shard == own) {
      shard_.presence_home.set_wanted(pattern, own, wanted);
    } else {
      shard_.crossing.post_to(shard).add_control(record, pattern.text);
    }
  }
}

void Presence::detached(SessionId id) {
  if (watchers_.empty()) return;
  if (Watcher* const watcher = find_watcher(id)) begin_anew(*watcher);
}

void Presence::resumed(SessionId id, Session&) {
  if (Watcher* const watcher = find_watcher(id)) feed(*watcher);
}

void Presence::session_ended(SessionId id) {
  if (watchers_.empty()) return;
  Watcher* const watcher = find_watcher(id);
  if (watcher == nullptr) return;
  while (!watcher->watches.empty()) remove_watch(*watcher, watcher->watches.back());
  watcher->in_flight = false;
  forget_unused(*watcher);
}

size_t Presence::held_for(const Session& session) const {
  if (watchers_.empty()) return 0;
  const auto found = watchers_.find(shard_.sessions.find_name(session.name.name(), session.name_hash).index);
  return found == watchers_.end() ? 0 : found->second->account.bytes();
}

void Presence::count_held(Watcher& watcher) {
  const bool is_used = !watcher.watches.empty();
  watcher.account.set(is_used ? kWatcherBytes + watcher.watches.size() * kWatchBytes + watcher.feed.held_bytes() : 0);
  account_.set(patterns_.held_bytes());
}

// The next control frames of its session take what is in the feed, and then fed() goes on.
void Presence::feed(Watcher& watcher) {
  watcher.account.set(kWatcherBytes + watcher.watches.size() * kWatchBytes + watcher.feed.held_bytes());
  Session& session = shard_.sessions[watcher.session.index];
  if (session.control != nullptr && session.control->has_presence()) return;
  PendingControl* const control = shard_.outcomes.control_of(session);
  if (control != nullptr) control->set_presence(&watcher.feed);
}

void Presence::take_change(const PresenceChange& change) {
  patterns_.for_each_match(change.name, [this, &change](const std::vector<uint32_t>& same) {
    for (const uint32_t index : same) {
      const Watch& watch = watches_[index];
      if (watch.phase != Phase::kWaiting) give(*watch.watcher, watch.ref, change);
    }
  });
}

void Presence::give(Watcher& watcher, uint64_t ref, const PresenceChange& change) {
  if (!has_room(watcher) || !watcher.feed.add(ref, change)) {
    ++shard_.counters.presence_restarts;
    begin_anew(watcher);
  }
  feed(watcher);
}

bool Presence::has_room(const Watcher& watcher) const {
  const size_t names_max = shard_.config.limits.presence_names_max;
  const bool is_short = shard_.counters.memory_stage != 0;
  return watcher.feed.names() < (is_short ? std::min(names_max, kNamesWhileMemoryIsShort) : names_max);
}

void Presence::begin_anew(Watcher& watcher) {
  watcher.feed.clear();
  watcher.asked = kNobody;
  for (const uint32_t index : watcher.watches) {
    watches_[index].phase = Phase::kWaiting;
    watches_[index].restarts = true;
  }
  count_held(watcher);
}

void Presence::fed(SessionId id) {
  Watcher* const watcher = find_watcher(id);
  if (watcher == nullptr) return;
  count_held(*watcher);
  if (watcher->in_flight || std::exchange(watcher->is_ready, true)) return;
  ready_.push_back(id);
}

void Presence::take_turn() {
  if (ready_.empty()) return;
  for (const SessionId id : std::exchange(ready_, {})) {
    Watcher* const watcher = find_watcher(id);
    if (watcher == nullptr) continue;
    watcher->is_ready = false;
    const Session* const session = shard_.sessions.find(id);
    // Where something has come meanwhile fed() is called again.
    if (session->link && !watcher->in_flight && watcher->feed.empty()) ask_next(*watcher);
  }
}

void Presence::ask_next(Watcher& watcher) {
  const auto next = std::find_if(watcher.watches.begin(), watcher.watches.end(),
                                 [this](uint32_t index) { return watches_[index].phase != Phase::kLive; });
  if (next == watcher.watches.end()) return;
  Watch& watch = watches_[*next];
  if (watch.phase == Phase::kWaiting) {
    watch.phase = Phase::kSnapshot;
    watch.cursor = 0;
    watch.shard = watch.is_prefix ? ShardIndex{0}
                                  : home_shard(name_hash(watch.text, shard_.config.hash_key), shard_.config.count);
    if (std::exchange(watch.restarts, false)) watcher.feed.add_restarted(watch.ref);
  }
  watcher.in_flight = true;
  watcher.asked = *next;
  const Origin asker = shard_.origin_of(watcher.session);
  if (watch.shard == shard_.config.index) {
    return shard_.presence_home.take_asked(asker, watch.pattern(), watch.cursor);
  }
  NameRecord record{};
  record.head.kind = RecordKind::kPresenceAsked;
  record.head.state = watch.is_prefix ? 1 : 0;
  record.head.sender = asker;
  record.number = watch.cursor;
  shard_.crossing.post_to(watch.shard).add_control(record, watch.text);
}

void Presence::take_found(SessionId id, const PresenceChange& found) {
  Watcher* const watcher = find_watcher(id);
  if (watcher != nullptr && watcher->asked != kNobody) give(*watcher, watches_[watcher->asked].ref, found);
}

void Presence::take_portion_end(SessionId id, uint32_t next) {
  Watcher* const watcher = find_watcher(id);
  if (watcher == nullptr) return;
  watcher->in_flight = false;
  if (watcher->watches.empty()) return forget_unused(*watcher);
  if (const uint32_t asked = std::exchange(watcher->asked, kNobody); asked != kNobody) {
    Watch& watch = watches_[asked];
    watch.cursor = next;
    if (next == kNoMore) {
      watch.cursor = 0;
      const bool is_last = !watch.is_prefix || ++watch.shard == shard_.config.count;
      if (is_last) {
        watch.phase = Phase::kLive;
        watcher->feed.add_complete(watch.ref);
      }
    }
  }
  feed(*watcher);
}

}  // namespace onehop::core
