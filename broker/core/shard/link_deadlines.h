// LinkDeadlines: when each link is to be looked at: for its Connect, its keepalive, a frame that is not finished, a
// socket that takes nothing, its age, the end of its credentials, a contest for its name, its closing.
//
// Invariant: the wheel holds one time for each link, and none of the link's deadlines is earlier.
#pragma once

#include <cstdint>
#include <vector>

#include "core/base/ids.h"
#include "core/base/instant.h"
#include "core/base/wheel.h"
#include "core/session/session.h"

namespace onehop::core {

struct ShardParts;

class LinkDeadlines {
 public:
  explicit LinkDeadlines(ShardParts& shard) : shard_(shard) {}
  LinkDeadlines(const LinkDeadlines&) = delete;
  LinkDeadlines& operator=(const LinkDeadlines&) = delete;

  void arm(uint32_t index, Instant due) { wheel_.arm(index, due); }
  void arm_earlier(uint32_t index, Instant due) { wheel_.arm_earlier(index, due); }
  void disarm(uint32_t index) { wheel_.disarm(index); }
  Instant next() const { return wheel_.next(); }
  // Looks at those whose time has come.
  void advance();

  // The earliest of its deadlines. `session` is the link's, if it has one.
  Instant next_due(const Link& link, const Session* session) const;
  // When a connection that has been open since `from` is told to connect anew: a tenth earlier or later than the
  // others, so that those who came together do not come back together.
  Instant end_of_age(LinkId id, Instant from) const;
  void take_new_limits(bool other_age);

 private:
  void take_due(LinkId id, Link& link);
  void check_open(LinkId id, Link& link, Session& session, bool unread);
  void end_contest(LinkId id, Link& link, bool unread);
  bool is_slow(const Link& link, const Session& session) const;
  static uint64_t dead_after(const Session& session) { return uint64_t{session.keepalive_ms} * 3 / 2; }

  ShardParts& shard_;
  Wheel wheel_;
  std::vector<uint32_t> due_;  // Scratch of advance().
};

}  // namespace onehop::core
