// Presence: what the sessions of this shard watch, and what they are told of it. PresenceHome is the other side: it
// tells of the sessions of its shard.
//
// A watch begins with a snapshot, which is pulled: this shard asks a home for the next portion of names only when what
// came before has been encoded for the watcher. Records of a pair of shards keep their order, so a portion and the
// changes around it do: the latest that comes is true. When more waits for a session than its PresenceFeed takes, the
// feed is forgotten, and all its watches begin anew. The same happens when its connection ends. So a watcher that does
// not read holds little, however many come and go.
//
// Invariants: a home is told that a shard wants a pattern before that shard asks it for a portion. A session has one
// portion on its way at most. A watch that waits for its snapshot to begin is told nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <absl/container/flat_hash_map.h>

#include "core/base/account.h"
#include "core/base/bytes.h"
#include "core/base/ids.h"
#include "core/base/slab.h"
#include "core/queue/presence_feed.h"
#include "core/rooms/presence_patterns.h"
#include "core/session/session.h"
#include "onehop/v1/onehop.pb.h"

namespace onehop::core {

struct ShardParts;

class Presence {
 public:
  // In the record about a portion, instead of where the next one begins: there is none.
  static constexpr uint32_t kNoMore = UINT32_MAX;

  explicit Presence(ShardParts& shard);
  Presence(const Presence&) = delete;
  Presence& operator=(const Presence&) = delete;

  // A frame of an open link.
  void handle_watch(LinkId id, Link& link, Session& session, Bytes body);
  // The client may watch this.
  void watch(SessionId id, Session& session, const v1::Watch& wanted);
  // The session has no such watch any more, and is told so.
  void end_watch(SessionId id, Session& session, uint64_t ref, v1::Reason reason);
  bool has(SessionId id, uint64_t ref, const PresencePattern& pattern) const;
  // Calls `visit` with the ref and the pattern of each watch of a session.
  template <typename Visit>
  void for_each_of(SessionId id, Visit visit) const {
    const auto found = watchers_.find(id.index);
    if (found == watchers_.end()) return;
    for (const uint32_t index : found->second->watches) visit(watches_[index].ref, watches_[index].pattern());
  }

  // What the connection was to be told is forgotten.
  void detached(SessionId id);
  // It has a connection again, and gets new snapshots.
  void resumed(SessionId id, Session& session);
  // Called before the session is gone.
  void session_ended(SessionId id);
  // What a session's watches take of the broker's memory.
  size_t held_for(const Session& session) const;

  // All that the session was to be told has been encoded.
  void fed(SessionId id);
  // Asks for portions; in every flush, after the encoding.
  void take_turn();

  // Of a home, perhaps this shard: a change; a name of the portion that a session waits for, and its end.
  void take_change(const PresenceChange& change);
  void take_found(SessionId watcher, const PresenceChange& found);
  void take_portion_end(SessionId watcher, uint32_t next);

 private:
  enum class Phase : uint8_t {
    kWaiting,   // For its snapshot to begin.
    kSnapshot,  // Portions are being pulled.
    kLive,
  };
  struct Watcher;
  struct Watch {
    uint64_t ref = 0;
    std::string text;
    Watcher* watcher = nullptr;
    uint32_t place = 0;   // Among the watches of its pattern.
    uint32_t cursor = 0;  // Where the next portion begins.
    ShardIndex shard = 0;
    bool is_prefix = false;
    bool restarts = false;  // Its client may have been told something that its next snapshot replaces.
    Phase phase = Phase::kWaiting;

    PresencePattern pattern() const { return {text, is_prefix}; }
  };
  struct WatchId {
    uint32_t index = 0;
    uint32_t generation = 0;
  };
  struct Watcher {
    Watcher(SessionId session_id, Counters& totals) : session(session_id), account(totals.state_bytes) {}
    const SessionId session;
    std::vector<uint32_t> watches;
    PresenceFeed feed;
    bool in_flight = false;    // A portion was asked for and has not come.
    bool is_ready = false;     // In `ready_`.
    uint32_t asked = kNobody;  // The watch that it is for; kNobody: nobody wants it any more.
    Account account;
  };
  static constexpr uint32_t kNobody = UINT32_MAX;

  Watcher* find_watcher(SessionId id);
  uint32_t find_watch(const Watcher& watcher, uint64_t ref) const;
  void add_watch(Watcher& watcher, const v1::Watch& wanted, bool restarts);
  void remove_watch(Watcher& watcher, uint32_t index);
  void forget_unused(Watcher& watcher);
  void tell_wanted(const PresencePattern& pattern, bool wanted);
  void answer(Session& session, uint64_t ref, v1::Reason reason);
  void give(Watcher& watcher, uint64_t ref, const PresenceChange& change);
  bool has_room(const Watcher& watcher) const;
  void begin_anew(Watcher& watcher);
  void ask_next(Watcher& watcher);
  void feed(Watcher& watcher);
  void count_held(Watcher& watcher);

  ShardParts& shard_;
  PresencePatterns<std::vector<uint32_t>> patterns_;  // The watches of each.
  Slab<Watch, WatchId> watches_;
  absl::flat_hash_map<uint32_t, std::unique_ptr<Watcher>> watchers_;  // By the index of their session.
  std::vector<SessionId> ready_;                                      // Portions may be asked for.
  Account account_;                                                   // Of `patterns_`.
};

}  // namespace onehop::core
