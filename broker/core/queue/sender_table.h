// What one recipient remembers of its senders while its queue is or was too full: whom it told to pause and until when,
// and whose gate is closed. Made on first need.
//
// Those told to pause are bounded by number. Gates are not: there is never more than one for each sender that lives and
// was refused, and a sender whose gate found no room could only be let through out of order, or ended.
//
// A closed gate refuses everything its sender sends until that sender says that it knows: so what was refused can be
// repeated in order. It belongs to one sender session and one recipient session, and ends with either.
#pragma once

#include <cstdint>
#include <vector>

#include <absl/container/flat_hash_map.h>

#include "core/base/account.h"
#include "core/base/counters.h"
#include "core/base/ids.h"
#include "core/base/instant.h"

namespace onehop::core {

class SenderTable {
 public:
  // At most `senders_max` told to pause.
  SenderTable(uint32_t senders_max, Counters& totals) : senders_max_(senders_max), account_(totals.state_bytes) {
    count_held();
  }

  bool empty() const { return entries_.empty(); }
  // What it takes of the broker's memory.
  size_t held_bytes() const { return account_.bytes(); }
  bool has_told() const { return told_ != 0; }
  uint32_t told() const { return told_; }
  uint32_t closed_gates() const { return gates_; }
  // Whether this sender was told to pause, and the lease runs.
  bool is_paused(const Origin& sender, Instant now) const {
    const auto found = index_.find(sender);
    return found != index_.end() && entries_[found->second].told && entries_[found->second].lease_end > now;
  }

  enum class Tell : uint8_t { kTell, kKnows, kNoRoom };
  // Whether this sender is to be told PAUSE now. If so, it is remembered until the lease runs out.
  Tell tell_pause(const Origin& sender, Instant now, Instant lease_end);

  bool gate_closed(const Origin& sender) const;
  // False if it was closed already.
  bool close_gate(const Origin& sender);
  // False if there was none.
  bool open_gate(const Origin& sender);
  // Forgets one sender that had been told to pause and returns it; its gate, if closed, stays so.
  Origin take_told();
  // All senders with a closed gate.
  std::vector<Origin> gates() const;

 private:
  struct Entry {
    Origin sender;
    Instant lease_end;
    bool told = false;
    bool gate_closed = false;
  };

  Entry* find(const Origin& sender);
  Entry& find_or_add(const Origin& sender);
  void remove_if_unused(Entry* entry);
  void count_held();
  // Makes room by forgetting those whose lease has run out: they may send again without having been told.
  void forget_expired(Instant now);

  uint32_t senders_max_;
  Account account_;
  uint32_t told_ = 0;
  uint32_t gates_ = 0;
  std::vector<Entry> entries_;
  absl::flat_hash_map<Origin, uint32_t> index_;
};

}  // namespace onehop::core
