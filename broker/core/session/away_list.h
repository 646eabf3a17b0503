// Sessions that are away and hold nothing for anybody, in the order in which they went: where there is no place for a
// newcomer, the one that has been away longest makes place. The list is threaded through the sessions' own records.
#pragma once

#include <cassert>
#include <cstdint>

#include "core/base/ids.h"
#include "core/base/slab.h"
#include "core/session/session.h"

namespace onehop::core {

class AwayList {
 public:
  explicit AwayList(Slab<Session, SessionId>& sessions) : sessions_(sessions) {}

  bool empty() const { return first_ == Away::kNoSession; }
  // The one that went first.
  SessionId first() const { return sessions_.id_at(first_); }

  // A session that is away, and not listed. One that is found to hold nothing later than it left mostly left before all
  // others: it held what has expired since.
  void add(SessionId id) {
    Away& added = away_of(id.index);
    assert(!added.listed);
    added.listed = true;
    const bool in_front = first_ != Away::kNoSession && added.left < away_of(first_).left;
    added.earlier = in_front ? Away::kNoSession : last_;
    added.later = in_front ? first_ : Away::kNoSession;
    link(added, id.index);
  }
  // Does nothing if it is not listed.
  void remove(SessionId id) {
    Away& removed = away_of(id.index);
    if (!removed.listed) return;
    removed.listed = false;
    (removed.earlier == Away::kNoSession ? first_ : away_of(removed.earlier).later) = removed.later;
    (removed.later == Away::kNoSession ? last_ : away_of(removed.later).earlier) = removed.earlier;
  }

 private:
  Away& away_of(uint32_t index) { return *sessions_[index].away; }
  void link(const Away& added, uint32_t index) {
    (added.earlier == Away::kNoSession ? first_ : away_of(added.earlier).later) = index;
    (added.later == Away::kNoSession ? last_ : away_of(added.later).earlier) = index;
  }

  Slab<Session, SessionId>& sessions_;
  uint32_t first_ = Away::kNoSession;
  uint32_t last_ = Away::kNoSession;
};

}  // namespace onehop::core
