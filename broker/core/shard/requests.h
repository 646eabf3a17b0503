// Requests: messages that want a reply. Their outcome is REPLIED once the reply has been admitted for the requester. It
// is decided on the requester's shard, by what comes first: the reply, or what else the responder's shard says.
//
//   requester's shard                     responder's shard
//   open_: no outcome yet   ── request ─▶  replies_: not replied to yet
//                           ◀── reply ───  marked as the reply to one of these
//   REPLIED, then           ─────────────▶ kReplyTaken: forgotten
//                           ◀── receipt ─  REJECTED, EXPIRED, LOST, RESPONDER_LOST
//
// The acknowledgement of a request is not its outcome. It frees the responder's window, and from then on the request
// is no message any more that could be lost or moved.
//
// Invariants: a request is in `open_` until its sender has been told its one outcome. A receipt for a request that is
// not in `open_` is ignored.
#pragma once

#include <cstdint>
#include <memory>

#include <absl/container/flat_hash_map.h>

#include "core/base/account.h"
#include "core/base/ids.h"
#include "core/base/instant.h"
#include "core/queue/backlog.h"
#include "core/rooms/open_replies.h"
#include "core/session/session.h"
#include "core/wire/fate.h"
#include "core/wire/routed_message.h"

namespace onehop::core {

struct ShardParts;

class Requests {
 public:
  explicit Requests(ShardParts& shard);
  Requests(const Requests&) = delete;
  Requests& operator=(const Requests&) = delete;

  // On the requester's shard. The message becomes a request, whatever becomes of it.
  void open(RoutedMessage& message);
  // It was not taken: its link waits, and sends it again.
  void cancel(const RoutedMessage& message);
  // What another shard, or this one, says of requests. They are told if they are open.
  void take_fate(const Receipt& receipt);
  // A message has been admitted for this session, perhaps as the reply to a request of it.
  void take_reply(const RoutedMessage& message, SessionId requester);
  // Whether a shard that drains still takes the message, because it is a reply.
  bool admits_while_draining(const RoutedMessage& message) const;
  // The same where its sender is.
  bool replies_while_draining(const RoutedMessage& message);

  // On the responder's shard. If its sender owes the recipient this reply, it is marked so.
  void mark_reply(RoutedMessage& message);
  // A message with flags has been put into this session's backlog.
  void note_kept(SessionId recipient, Backlog::Entry& entry, const RoutedMessage& message);
  // Of an entry that has such flags: whether its sender is to be told this fate now.
  bool tells_end(const Backlog::Entry& entry, const Fate& fate);
  // Whether its reply has been admitted, although it has not been acknowledged.
  bool is_replied(const Backlog::Entry& entry);
  // It goes to another instance.
  void forget(const Backlog::Entry& entry);
  void take_reply_taken(const RequestKey& key);

  // Whether a session has requests that it may still reply to.
  bool owes_replies(SessionId id) const { return replies_.held_for(id) != 0; }
  // What a session's requests take of the broker's memory: those that it has sent, and those that it has got.
  size_t held_for(SessionId id) const;

  // Called when what was not acknowledged has been lost or moved.
  void session_ended(SessionId id);
  // Requests that are acknowledged and not replied to are at their end.
  void stop();
  // Ends what has waited for its reply until its ttl ran out. Returns when the next one has.
  Instant advance();

 private:
  using OpenOfOne = absl::flat_hash_map<uint64_t, uint32_t>;  // By id: the size of the frame.

  bool owes(const RoutedMessage& message);
  bool close(SessionId requester, uint64_t id, uint64_t& frame_bytes);
  void tell_outcome(const Receipt& receipt);
  void tell_requester(const OpenReplies::Request& request, v1::Outcome outcome, v1::Reason reason);
  void count_held();

  ShardParts& shard_;
  // By the index of the requester's session.
  absl::flat_hash_map<uint32_t, std::unique_ptr<OpenOfOne>> open_;
  size_t open_count_ = 0;
  OpenReplies replies_;
  Account account_;
};

}  // namespace onehop::core
