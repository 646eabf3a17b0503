// MemoryGuard: this shard's part in keeping what all shards hold below the limit of the process (memory_ledger.h).
//
// Invariant: what the shard holds is in its counters, and the ledger has it since the last flush or tick.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/base/account.h"
#include "core/base/ids.h"
#include "core/base/instant.h"
#include "core/session/session.h"
#include "core/shard/seam.h"

namespace onehop::core {

struct ShardParts;

class MemoryGuard {
 public:
  explicit MemoryGuard(ShardParts& shard);
  MemoryGuard(const MemoryGuard&) = delete;
  MemoryGuard& operator=(const MemoryGuard&) = delete;
  ~MemoryGuard();

  // The bytes that may be queued and open before has_memory_for() has to look again.
  uint64_t allowance() const { return allowance_; }
  // Whether a recipient may be given another message. Asked when the allowance is used up or the recipient is away.
  bool has_memory_for(const Session& recipient);
  // Whether there is a place for one more session, perhaps that of one that is away and holds nothing.
  bool has_place_for_client();
  // Whether there are too many clients for another one. A client that resumes its session is let in all the same.
  bool is_full() const;

  // Counts anew what a session that is away holds (Counters::away_bytes).
  void count_away(SessionId id, Session& session);
  void uncount_away(SessionId id, Session& session);
  // Counts what output queues take beyond the bytes in them: the rest of their chunks, and their heads. Called when all
  // that sockets take has been written, so that only queues that wait are left.
  void count_spare_output();

  void look_at_memory();
  void watch_memory();
  Instant next_look() const;
  // This shard is to end its largest clients at the next flush.
  void want_turn() { turn_ = true; }
  bool has_turn() const { return turn_; }
  void end_largest();

 private:
  uint64_t memory_of_clients() const;
  uint64_t memory_used() const;
  bool is_share_of_clients(uint64_t bytes) const;
  bool has_memory_for_client() const;
  size_t spare_output_bytes() const;
  static bool holds_nothing(const Session& session);
  void end_largest_away();
  size_t held_for(const Session& session) const;
  std::vector<SessionId> hold_most(bool (*counts)(const Session& session));
  void end_those_who_hold_most();
  bool end_newcomers();
  void end_for_memory(SessionId id);
  void drop_large_output(Link& link);
  void note_memory(Event::Kind kind);

  ShardParts& shard_;
  uint64_t allowance_ = 0;
  Account spare_output_;
  bool turn_ = false;
  bool spared_clients_ = false;  // The last turn ended newcomers only, because that may have freed enough.
  Instant next_turn_;            // The next turn begins no earlier than this.
  uint64_t pause_ms_ = 0;        // The pause before it: 0 if the last turn freed memory, else longer each time.
};

}  // namespace onehop::core
