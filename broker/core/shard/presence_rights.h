// PresenceRights: whether clients may watch whom they want to watch. The host is asked about each Watch, and about all
// watches of a session again when the policy or its credentials have changed; it may answer later. Only a shard with
// ShardConfig::asks_permission asks. In any other this part is empty.
//
// A watch that the session may not keep ends with NOT_AUTHORIZED, and its session stays. If the host cannot say whether
// it may, the watch ends with BROKER_BUSY, and the client watches again. A session that is away is told nothing, so it
// is asked about when it comes back.
//
// Invariant: a link whose Watch is with the host is not read, so what the client sends behind it keeps its place.
#pragma once

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <utility>

#include <absl/container/flat_hash_map.h>

#include "core/base/account.h"
#include "core/base/ids.h"
#include "core/base/instant.h"
#include "core/session/session.h"
#include "core/shard/seam.h"
#include "onehop/v1/onehop.pb.h"

namespace onehop::core {

struct ShardParts;

class PresenceRights {
 public:
  explicit PresenceRights(ShardParts& shard);
  PresenceRights(const PresenceRights&) = delete;
  PresenceRights& operator=(const PresenceRights&) = delete;

  // Whether the client may watch now. If not, it has been refused, or the host says so later.
  bool may(Link& link, Session& session, const v1::Watch& wanted);
  // Asks about everything that the session watches, if it is connected, and again about what is with the host. Returns
  // how many questions these were.
  size_t judge(SessionId id);
  // An answer of the host. False if the ticket is not of this part.
  bool on_answer(Ticket ticket, const Answer& answer);
  // What is with the host was asked of the old policy. A Watch is asked about again; who watches already is judged in
  // the turns of Revocation.
  void policy_changed();
  // Gives up questions that have waited for too long, and returns when the next one has.
  Instant advance();

 private:
  struct Asked {
    SessionId session;
    LinkId link;  // Of a Watch; none: the session watches already.
    v1::Watch wanted;
    Instant gives_up;  // Whenever it is asked again, so that nobody waits for longer.
  };
  // This bit is the highest in the tickets of this part, and in no others.
  static constexpr uint64_t kOwnTickets = uint64_t{1} << 60;

  template <typename Matches>
  size_t ask_again(Matches matches);
  Answered ask(const Session& session, const Asked& asked, Answer& answer);
  void decide(const Asked& asked, const Answer& answer);
  void count_held();

  ShardParts& shard_;
  absl::flat_hash_map<uint64_t, Asked> asked_;   // By ticket.
  std::set<std::pair<uint64_t, uint64_t>> due_;  // When each gives up, with its ticket.
  uint64_t next_ticket_ = kOwnTickets;
  Account account_;
};

}  // namespace onehop::core
