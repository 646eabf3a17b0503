// Sessions: who is connected or away, by session and by name, and how a session leaves its link, waits and ends.
//
// Invariants: a name has at most one session. A session has a link, or it is away; one that is away has a time in the
// wheel when it expires, and is counted in Counters::away_bytes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/bytes.h"
#include "core/base/ids.h"
#include "core/base/instant.h"
#include "core/base/slab.h"
#include "core/base/wheel.h"
#include "core/session/away_list.h"
#include "core/session/directory.h"
#include "core/session/session.h"
#include "core/shard/seam.h"
#include "core/wire/control_frames.h"
#include "onehop/v1/onehop.pb.h"

namespace onehop::core {

struct ShardParts;

class Sessions {
 public:
  explicit Sessions(ShardParts& shard);
  Sessions(const Sessions&) = delete;
  Sessions& operator=(const Sessions&) = delete;

  // The table. A SessionId that is stale finds nothing.
  Session* find(SessionId id) { return sessions_.find(id); }
  Session& operator[](uint32_t index) { return sessions_[index]; }
  SessionId id_at(uint32_t index) const { return sessions_.id_at(index); }
  size_t size() const { return sessions_.size(); }
  uint32_t slots() const { return sessions_.slots(); }
  template <typename Visit>
  void for_each(Visit visit) {
    sessions_.for_each(visit);
  }
  SessionId insert() { return sessions_.insert(); }
  // `hash` is the name's name_hash. No session if nobody owns it.
  SessionId find_name(Bytes name, uint64_t hash) const { return directory_.find(name, hash); }
  void add_name(SessionId id) { directory_.insert(id); }
  // The number of a new session: no other shard gives it, nor does a broker that starts later.
  uint64_t take_number();
  // Those that are away and hold nothing.
  AwayList& away_list() { return away_list_; }
  const AwayList& away_list() const { return away_list_; }

  void arm(uint32_t index, Instant due) { wheel_.arm(index, due); }
  void arm_earlier(uint32_t index, Instant due) { wheel_.arm_earlier(index, due); }
  Instant next() const { return wheel_.next(); }
  void advance();
  // What a session waits for beside its link: its end while it is away, the earliest ttl, verdicts that do not come.
  Instant next_session_due(const Session& session) const;
  void take_new_limits(bool other_rates);

  std::string resume_token(const Session& session) const;
  bool holds_token(const Session& session, const v1::Connect& connect, uint32_t principal) const;
  // The session and its link no longer know each other. What only that connection was to hear is forgotten.
  void detach(Session& session);
  // Called when the session's connection ends. The session is away afterwards, or ends.
  void end_or_detach(SessionId id, Session& session, const Farewell& farewell, SessionThen then);
  // Ends the session for good. Its name is free, and each sender that waits for an outcome, a RESUME or a gate is told.
  void end_session(SessionId id, Event::Kind how, const Farewell& farewell);

 private:
  void take_session_due(SessionId id, Session& session);
  bool window_was_full_too_long(const Session& session);

  ShardParts& shard_;
  Slab<Session, SessionId> sessions_;
  Directory directory_{sessions_};
  AwayList away_list_{sessions_};
  Wheel wheel_;
  std::vector<uint32_t> due_;  // Scratch of advance().
  uint64_t next_number_;
};

}  // namespace onehop::core
