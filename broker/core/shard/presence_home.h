// PresenceHome: what this shard tells of its own sessions. It knows which other shards have a watcher for which name or
// prefix, and tells each of them once about a change, however many watch there. Portions of snapshots are put together
// in turns of bounded length.
//
// Where nobody watches anything, a change costs one test.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>

#include "core/base/account.h"
#include "core/base/bytes.h"
#include "core/base/ids.h"
#include "core/base/instant.h"
#include "core/crossing/record.h"
#include "core/queue/presence_feed.h"
#include "core/rooms/presence_patterns.h"
#include "core/session/session.h"
#include "core/wire/control_frames.h"
#include "onehop/v1/onehop.pb.h"

namespace onehop::core {

struct ShardParts;

class PresenceHome {
 public:
  // A portion ends after this many names, or after this many places of sessions. A turn ends when it has looked at
  // this many places, of which a portion counts for some at least.
  static constexpr uint32_t kPortionNames = 64;
  static constexpr uint32_t kPortionPlaces = 1'024;
  static constexpr uint32_t kTurnPlaces = 4'096;
  static constexpr uint32_t kPortionPlacesMin = 64;

  explicit PresenceHome(ShardParts& shard);
  PresenceHome(const PresenceHome&) = delete;
  PresenceHome& operator=(const PresenceHome&) = delete;

  // What has happened to a session of this shard.
  void connected(const Session& session) {
    if (!wanted_.empty()) tell_connected(session);
  }
  void left(const Session& session, Instant heard) {
    if (!wanted_.empty()) tell_left(session, heard);
  }
  void ended(const Session& session, const Farewell& farewell) {
    if (!wanted_.empty()) tell_ended(session, farewell);
  }

  // A shard, perhaps this one, has watchers of a pattern, or has none any more; or it asks for a portion for one.
  void set_wanted(const PresencePattern& pattern, ShardIndex shard, bool wanted);
  void take_asked(const Origin& asker, const PresencePattern& pattern, uint32_t cursor);
  // What another shard has told.
  void take_wanted(const NameRecord& record, Bytes text);
  void take_asked(const NameRecord& record, Bytes text);
  static PresenceChange read_change(const PresenceRecord& record, Bytes name);

  // Puts portions together; in every flush.
  void take_turn();
  bool has_turn() const { return !asked_.empty(); }

 private:
  struct Asked {
    Origin asker;
    std::string text;
    bool is_prefix;
    uint32_t cursor;
  };

  void tell_connected(const Session& session);
  void tell_left(const Session& session, Instant heard);
  void tell_ended(const Session& session, const Farewell& farewell);
  void tell(const PresenceChange& change);
  PresenceChange change_of(const Session& session) const;
  PresenceChange state_of(const Session& session) const;
  uint32_t answer(const Asked& asked);
  void tell_found(const Asked& asked, const PresenceChange& found);
  void tell_end(const Asked& asked, uint32_t next);
  static PresenceRecord record_of(const PresenceChange& change);
  void count_held();

  ShardParts& shard_;
  PresencePatterns<uint64_t> wanted_;  // A bit for each shard, this one too.
  std::deque<Asked> asked_;
  Account account_;
};

}  // namespace onehop::core
