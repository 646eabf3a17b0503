// Outcomes: what becomes of messages after they were routed, and what their senders are told. A message is refused at
// admission, settled by its recipient, expired, or lost when the recipient's session ends. pump() moves messages from a
// backlog to the output queue when there is room.
//
// Invariants: a confirmed message has one outcome. take_verdicts, expire and lose tell every outcome that they decide
// before they return.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "core/base/bytes.h"
#include "core/base/ids.h"
#include "core/queue/backlog.h"
#include "core/session/session.h"
#include "core/wire/fate.h"
#include "core/wire/routed_message.h"
#include "onehop/v1/onehop.pb.h"

namespace onehop::core {

struct ShardParts;

// Whether an ack is about this session. It may be about an earlier session that had the same name.
inline bool speaks_of(const Session& session, const v1::Ack& ack) {
  return ack.session() == 0 || ack.session() == session.number;
}

class Outcomes {
 public:
  explicit Outcomes(ShardParts& shard) : shard_(shard) {}
  Outcomes(const Outcomes&) = delete;
  Outcomes& operator=(const Outcomes&) = delete;

  void refuse(const RoutedMessage& message, const Fate& fate);
  static Receipt receipt_for(const RoutedMessage& message, const Fate& fate);
  void tell_receipt(const Receipt& receipt);
  // The outcome of a confirmed message that was admitted.
  void count(const Fate& fate);
  void take_receipt(const Receipt& receipt);
  // The control frames that wait for the session's client. The caller is about to add one, so the link is marked dirty.
  // Null if the session is away, because nobody is there to be told.
  PendingControl* control_of(Session& session);
  // A client may not send faster than it reads. If too many control bytes wait for it, its link is not read until they
  // have moved to its output queue.
  void bound_control(const Session& session);

  // What breaks the rules in an ack; or nothing. Looked at before any of it is applied.
  Bytes wrong_with_verdicts(const Session& session, const v1::Ack& ack) const;
  // In the order refused, taken, up_to; the first verdict of a tag wins.
  void take_verdicts(Session& session, const v1::Ack& ack);
  // Whether the window has room for a delivery that wants an ack and whose sender's frame has that size.
  bool window_open(const Session& session, size_t frame_bytes) const;
  // The clock of a recipient whose window is full runs until it settles something.
  void watch_window(SessionId id, Session& session);
  // Moves what waits to the connection's queue, as far as the window and the portion go.
  void pump(SessionId id, Session& session, Link& link);
  // Ends the wait of everything whose ttl has run out.
  void expire(Session& session);
  // The recipient is gone for good: everything it has not settled is lost.
  void lose(Session& session, v1::Reason reason);

 private:
  [[gnu::noinline]] void tell_home(const Receipt& receipt);
  void tell_sender(const Receipt& receipt);
  void settle(Backlog& backlog, Backlog::Entry& entry, const Fate& fate, Bytes text);
  void tell_end(const Backlog::Entry& entry, const Fate& fate, Bytes text);
  [[gnu::noinline]] bool tells_end_of_special(const Backlog::Entry& entry, const Fate& fate);
  void tell_settled();

  ShardParts& shard_;
  Receipt settled_;                                   // A run of ids with one fate that is not told yet.
  std::vector<std::pair<uint64_t, uint64_t>> taken_;  // Scratch of take_verdicts().
};

}  // namespace onehop::core
