// Permissions: whether a client may send to a client, or publish to a topic. The host decides, at once or later, and is
// asked once for each sender and destination. Only a shard with ShardConfig::asks_permission asks; in any other
// everything is allowed, and this part is empty.
//
// A message to the destination that Sending remembers is not looked at: only what is allowed is remembered, and a
// change of the policy makes all senders forget.
//
// Invariant: a sender has one question with the host at most, and `asked_` leads from its ticket back to the sender.
#pragma once

#include <bit>
#include <cstdint>
#include <deque>
#include <memory>

#include <absl/container/flat_hash_map.h>

#include "core/base/account.h"
#include "core/base/bytes.h"
#include "core/base/ids.h"
#include "core/base/instant.h"
#include "core/session/session.h"
#include "core/session/verdict_cache.h"
#include "core/shard/client_report.h"
#include "core/shard/seam.h"

namespace onehop::core {

struct ShardParts;

class Permissions {
 public:
  enum class Verdict : uint8_t {
    kAllowed,
    kDenied,
    kUndecided,  // The host cannot say: the message is refused, and the next one is asked about again.
    kPending,    // The host says so later.
  };

  explicit Permissions(ShardParts& shard) : shard_(shard) {}
  Permissions(const Permissions&) = delete;
  Permissions& operator=(const Permissions&) = delete;

  // May this session send to this destination, whose name has this hash?
  Verdict may_send(SessionId sender, Bytes destination, uint64_t hash) {
    return may(Question::Kind::kSend, sender, destination, hash);
  }
  // The same for a topic. Where it waits, is_pending() knows it by topic_key().
  Verdict may_publish(SessionId sender, Bytes topic, uint64_t hash) {
    return may(Question::Kind::kPublish, sender, topic, topic_key(hash));
  }
  // The same for a service, with service_key().
  Verdict may_request(SessionId sender, Bytes service, uint64_t hash) {
    return may(Question::Kind::kRequest, sender, service, service_key(hash));
  }
  // A topic is another destination than the client of that name.
  static uint64_t topic_key(uint64_t hash) { return ~hash; }
  static uint64_t service_key(uint64_t hash) { return std::rotl(hash, 32); }
  // What the host has said about it, without asking it.
  KnownPermission known(SessionId sender, Bytes destination, uint64_t hash);
  // Whether a message of this session to that destination waits for the host.
  bool is_pending(SessionId sender, uint64_t hash) const;
  // An answer of the host. False if the ticket is not of this part.
  bool on_answer(Ticket ticket, const Answer& answer);
  // What was decided holds no more.
  void policy_changed();
  // The same for one sender.
  void forget(SessionId id, Session& session);
  void session_ended(SessionId sender) { senders_.erase(sender.index); }
  // Gives up questions that have waited for too long, and returns when the next one has.
  Instant advance();

 private:
  struct Sender {
    explicit Sender(Counters& totals) : account(totals.state_bytes) {}
    VerdictCache verdicts;
    Ticket ticket;           // Of the question that is with the host; 0: none.
    uint64_t pending = 0;    // Which destination it is about.
    bool undecided = false;  // The host could not say, and the message that waited is to be refused.
    Account account;
  };
  struct Asked {
    SessionId sender;
    uint64_t destination;
  };
  struct Due {
    Instant at;
    Ticket ticket;
  };
  // What tells tickets of this part from those of the handshake.
  static constexpr uint64_t kOwnTickets = uint64_t{1} << 63;

  Verdict may(Question::Kind kind, SessionId sender, Bytes destination, uint64_t key);
  Verdict ask(Question::Kind kind, SessionId id, Sender& sender, Bytes destination, uint64_t key);
  void decide(Ticket ticket, bool decided, bool allowed);
  void keep(Sender& sender, uint64_t hash, bool allowed);
  void wake(SessionId id);

  ShardParts& shard_;
  absl::flat_hash_map<uint32_t, std::unique_ptr<Sender>> senders_;  // By the index of their session.
  absl::flat_hash_map<uint64_t, Asked> asked_;                      // By ticket.
  std::deque<Due> due_;                                             // In the order of their asking.
  uint64_t next_ticket_ = kOwnTickets;
};

}  // namespace onehop::core
