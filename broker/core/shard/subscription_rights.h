// SubscriptionRights: whether clients may have what they subscribe to. The host is asked about each Subscribe, and
// about all of a session's subscriptions again when the policy or its credentials have changed; it may answer later.
// Only a shard with ShardConfig::asks_permission asks. In any other this part is empty.
//
// A session that may not keep one of its subscriptions ends. If the host cannot say now whether it may, its connection
// ends, and it is asked about again when the client comes back.
//
// Invariant: a link whose Subscribe is with the host is not read, so what the client sends behind it keeps its place.
#pragma once

#include <cstddef>
#include <cstdint>
#include <set>
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

class SubscriptionRights {
 public:
  explicit SubscriptionRights(ShardParts& shard);
  SubscriptionRights(const SubscriptionRights&) = delete;
  SubscriptionRights& operator=(const SubscriptionRights&) = delete;

  // Whether the client may subscribe now. If not, it has been refused, or the host says so later.
  bool may(Link& link, Session& session, const v1::Subscribe& wanted);
  // Asks about everything that the session has subscribed to, and again about what is with the host. Returns how many
  // questions these were.
  size_t judge(SessionId id);
  // An answer of the host. False if the ticket is not of this part.
  bool on_answer(Ticket ticket, const Answer& answer);
  // What is with the host was asked of the old policy. A Subscribe is asked about again; whoever has subscribed already
  // is judged in the turns of Revocation.
  void policy_changed();
  // Gives up questions that have waited for too long, and returns when the next one has.
  Instant advance();

 private:
  struct Asked {
    SessionId session;
    LinkId link;  // Of a Subscribe; none: the session has subscribed already.
    v1::Subscribe wanted;
    Instant gives_up;  // Whenever it is asked again, so that nobody waits for longer.
  };
  // This bit is set in the tickets of this part, and in no others.
  static constexpr uint64_t kOwnTickets = uint64_t{1} << 61;

  template <typename Matches>
  size_t ask_again(Matches matches);
  Answered ask(const Session& session, const Asked& asked, Answer& answer);
  void count_held();
  void decide(const Asked& asked, const Answer& answer);
  void refuse(Session& session, uint64_t ref, const Answer& answer);

  ShardParts& shard_;
  absl::flat_hash_map<uint64_t, Asked> asked_;   // By ticket.
  std::set<std::pair<uint64_t, uint64_t>> due_;  // When each gives up, with its ticket.
  uint64_t next_ticket_ = kOwnTickets;
  Account account_;
};

}  // namespace onehop::core
