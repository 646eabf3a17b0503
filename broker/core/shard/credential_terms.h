// CredentialTerms: for how long the credentials of connected clients hold, and their renewal. When they end, the
// connection ends, and the session waits for a client that comes back with new ones. Credentials belong to a
// connection: while a session is away, nothing ends.
//
// A client whose credentials do not end, and that renews nothing, has no entry here and costs nothing.
//
// Invariants: a link has an entry exactly if Link::has_terms is set. The host is asked about at most one renewal of
// a link at a time, and `asked_` leads from its ticket back to the link.
#pragma once

#include <cstdint>

#include <absl/container/flat_hash_map.h>

#include "core/base/bytes.h"
#include "core/base/ids.h"
#include "core/base/instant.h"
#include "core/session/session.h"
#include "core/shard/seam.h"
#include "core/wire/control_frames.h"
#include "onehop/v1/onehop.pb.h"

namespace onehop::core {

struct ShardParts;

inline constexpr Farewell kCredentialsExpired{v1::CODE_NOT_AUTHORIZED, "credentials expired", 0};

class CredentialTerms {
 public:
  explicit CredentialTerms(ShardParts& shard) : shard_(shard) {}
  CredentialTerms(const CredentialTerms&) = delete;
  CredentialTerms& operator=(const CredentialTerms&) = delete;

  // The link has a session now, and its client has shown credentials that hold until `end`.
  void begin(LinkId id, Link& link, Instant end);
  void handle_renew(LinkId id, Link& link, Session& session, Bytes body);
  // An answer of the host. False if the ticket is not of this part.
  bool on_answer(Ticket ticket, const Answer& answer);
  // Answers that were asked for before may be of the policy from before.
  void policy_changed() { old_tickets_end_ = next_ticket_; }
  // Drops what is kept of this link, because it ends.
  void forget(LinkId id, Link& link);

  // The next three are only for a link with Link::has_terms. Returns when take_due() is to be called for it.
  Instant next_due(LinkId id) const;
  // Looks at it. True if its credentials have ended, and the connection with them.
  bool take_due(LinkId id, Link& link, Session& session);
  // For how much longer the credentials hold; 0: they do not end.
  uint32_t left_ms(LinkId id) const;

 private:
  struct Terms {
    Instant end = Instant::never();
    Ticket asked;                         // The renewal that is with the host; 0: none.
    Instant gives_up = Instant::never();  // When that renewal has waited for too long.
  };
  // This bit is set in the tickets of this part, and in no others.
  static constexpr uint64_t kOwnTickets = uint64_t{1} << 62;

  // Whether the new credentials hold now.
  bool decide(LinkId id, Link& link, Session& session, const Answer& answer);
  v1::Reason reason_of(const Session& session, const Answer& answer) const;
  void count(v1::Reason reason);

  ShardParts& shard_;
  absl::flat_hash_map<uint32_t, Terms> terms_;   // By the index of their link.
  absl::flat_hash_map<uint64_t, LinkId> asked_;  // By ticket.
  uint64_t next_ticket_ = kOwnTickets;
  uint64_t old_tickets_end_ = 0;  // Tickets up to this one are of a policy from before.
};

}  // namespace onehop::core
