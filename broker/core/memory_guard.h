// MemoryGuard: this shard's part in keeping what all shards hold below the limit of the process (memory_ledger.h).
//
// Invariant: what the shard holds is in its counters, and the ledger has it since the last flush or tick.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/account.h"
#include "core/ids.h"
#include "core/instant.h"
#include "core/seam.h"
#include "core/session.h"

namespace onehop::core {

struct ShardParts;

class MemoryGuard {
 public:
  explicit MemoryGuard(ShardParts& shard);
  MemoryGuard(const MemoryGuard&) = delete;
  MemoryGuard& operator=(const MemoryGuard&) = delete;
  ~MemoryGuard();

  // Up to what may be queued and open before has_memory_for() looks again.
  uint64_t allowance() const { return allowance_; }
  // The allowance is used up, or the recipient is away: whether it may be given more.
  bool has_memory_for(const Session& recipient);
  // Whether there is a place for one more session, perhaps that of one that is away and holds nothing.
  bool has_place_for_client();
  // Whether the next client that resumes no session is refused, because there are so many.
  bool is_full() const;

  // What a session that is away holds counts among what those hold.
  void count_away(SessionId id, Session& session);
  void uncount_away(SessionId id, Session& session);
  // After everything that sockets take has been written: what the output queues that are left take beyond the bytes
  // that are queued.
  void count_spare_output();

  void look_at_memory();
  void watch_memory();
  Instant next_look() const;
  // This shard is to end its largest clients at the next flush.
  void take_turn() { turn_ = true; }
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
  void end_unnamed();
  void end_for_memory(SessionId id);
  void drop_large_output(Link& link);
  void note_memory(Event::Kind kind);

  ShardParts& shard_;
  uint64_t allowance_ = 0;
  Account spare_output_;
  bool turn_ = false;
  // A turn that freed nothing is followed by another no earlier than this, and this many milliseconds after it.
  Instant next_turn_;
  uint64_t pause_ms_ = 0;
};

}  // namespace onehop::core
