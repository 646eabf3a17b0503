// Revocation: which sessions may stay when the policy has changed. The shard asks the host about every session, some in
// each turn, and ends those that the new policy does not allow. Only a shard with ShardConfig::asks_who_stays asks
// this. A shard with ShardConfig::asks_permission asks about the subscriptions and the watches of each session.
//
// Invariant: once the turns of a change are over, every session that is left was judged after that change, or was
// opened with an answer that was asked for after it.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/base/ids.h"
#include "core/base/instant.h"
#include "core/session/session.h"

namespace onehop::core {

struct ShardParts;

class Revocation {
 public:
  // How many places of sessions are looked at in one turn, and about how many questions are asked, so that other
  // clients are served in between.
  static constexpr uint32_t kPlacesInTurn = 512;

  explicit Revocation(ShardParts& shard) : shard_(shard) {}
  Revocation(const Revocation&) = delete;
  Revocation& operator=(const Revocation&) = delete;

  void policy_changed();
  // Takes a turn, if one is left, and returns when the next one is.
  Instant advance();
  // Asks about one session, its subscriptions and its watches. It ends if it may not stay. Returns how many questions
  // these were.
  size_t judge(SessionId id);
  // Asks about its subscriptions and its watches only.
  size_t judge_rights(SessionId id);
  // Ends a session that may not stay.
  void end(SessionId id);
  // Ends the connection of a session, if it has one, because the host cannot say now whether the session may stay.
  void disconnect(SessionId id, v1::Code code = v1::CODE_SERVER_BUSY);

 private:
  bool may_stay(SessionId id);

  ShardParts& shard_;
  // The turns go round the places of sessions. If the policy changes again before they are over, they go on from where
  // they are, so that also under a policy that changes all the time every session is asked about.
  uint32_t ring_ = 0;  // How many places there are.
  uint32_t next_ = 0;  // The place that is looked at next.
  uint32_t left_ = 0;  // How many places are left to look at; 0: nothing is to be done.
};

}  // namespace onehop::core
