// ServiceMoves: messages to services that leave an instance for another one, because it has ended, does not serve any
// more, or is away. What was not written to it moves in silence. What was written comes back to its sender as lost,
// unless the sender has said that another instance may get it as well.
//
// A move needs credit as any message to another shard does. There is no link that could wait for it, so what finds no
// credit is kept here, in bounds.
#pragma once

#include "core/base/account.h"
#include "core/base/bytes.h"
#include "core/base/ids.h"
#include "core/base/instant.h"
#include "core/queue/backlog.h"
#include "core/rooms/kept_messages.h"
#include "core/session/session.h"
#include "core/wire/routed_message.h"

namespace onehop::core {

struct ShardParts;

class ServiceMoves {
 public:
  explicit ServiceMoves(ShardParts& shard);
  ServiceMoves(const ServiceMoves&) = delete;
  ServiceMoves& operator=(const ServiceMoves&) = delete;

  // Of a session that ends: whether this entry goes to another instance, or has been told its end. The caller settles
  // it.
  bool take(const Backlog& backlog, const Backlog::Entry& entry);
  // The session does not serve this any more: what was not written to it moves.
  void move_unwritten(SessionId id, Session& session, Bytes service);
  // The session is away, and something waits for it that others may take: looked at once it is not waited for any more,
  // and not too often.
  void want_moves(SessionId id, Session& session);
  // Away::moves has come: what was not written to it moves, as far as somebody else serves it.
  void move_from_away(SessionId id, Session& session);
  // Whether a session may have its messages moved now. A client that has them moved again and again has to wait.
  bool may_move_again(const Session& session) const;
  // The instance for which another shard has sent it is not there.
  void move_on(const RoutedMessage& message);
  // A message that has been admitted before finds nobody, or no room.
  void lose(const RoutedMessage& message);

  // Moves what waits, as far as there is credit.
  void send_waiting();
  // The shard stops: what waits is lost.
  void stop();
  // When an instance that is away is not waited for any more.
  static Instant not_waited_for(const Away& away);

 private:
  bool may_move(const Backlog& backlog, const Backlog::Entry& entry) const;
  RoutedMessage message_of(const Backlog::Entry& entry) const;
  void move(RoutedMessage& message, Instant deadline);
  void tell_end(const RoutedMessage& message, v1::Outcome outcome, v1::Reason reason);
  template <typename Wanted>
  void move_some(SessionId id, Session& session, Wanted wanted);

  ShardParts& shard_;
  KeptMessages waiting_;
  Account account_;
};

}  // namespace onehop::core
