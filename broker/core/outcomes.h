// Outcomes: what becomes of messages after they were routed, and what their senders are told. Messages are refused at
// admission; recipients settle them, time runs out for them, sessions end with them; what waits in a backlog moves on
// when there is room.
//
// Invariants: a confirmed message has one outcome. What a round of verdicts has settled is told before the round ends.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "core/backlog.h"
#include "core/bytes.h"
#include "core/fate.h"
#include "core/ids.h"
#include "core/routed_message.h"
#include "core/session.h"
#include "onehop/v1/onehop.pb.h"

namespace onehop::core {

struct ShardParts;

// Whether an ack is about this session, not about an earlier one of the connection's name.
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
  void take_receipt(const Receipt& receipt);
  // What waits to be told on a session's connection; asking for it means that something will be added. Nothing if it is
  // away: then nobody is there to be told.
  PendingControl* control_of(Session& session);
  // A client hears no faster than it speaks: it is not read until what it is to be told has gone out.
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
  void settle(Backlog& backlog, Backlog::Entry& entry, const Fate& fate, Bytes text);
  void tell_end(const Backlog::Entry& entry, const Fate& fate, Bytes text);
  void tell_settled();

  ShardParts& shard_;
  Receipt settled_;                                   // What a round of verdicts has settled and not told yet.
  std::vector<std::pair<uint64_t, uint64_t>> taken_;  // Scratch of take_verdicts().
};

}  // namespace onehop::core
