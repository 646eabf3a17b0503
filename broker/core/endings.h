// Endings: how links end. A link that ends says goodbye, closes when that has gone out, and is forgotten then.
//
// Invariant: a link that is closing has no session and no question with the host.
#pragma once

#include "core/bytes.h"
#include "core/control_frames.h"
#include "core/ids.h"
#include "core/session.h"

namespace onehop::core {

struct ShardParts;

class Endings {
 public:
  explicit Endings(ShardParts& shard) : shard_(shard) {}
  Endings(const Endings&) = delete;
  Endings& operator=(const Endings&) = delete;

  // Of a link that has no session yet.
  void refuse_connect(LinkId id, Link& link, Bytes name, const Farewell& farewell);
  // Ends a link: its session ends or is away, frames that are not sent are dropped, the goodbye is queued.
  void end_link(LinkId id, Link& link, const Farewell& farewell, SessionThen then = SessionThen::kDetach);
  // As end_link, but what is decided and queued goes out before the goodbye.
  void end_link_in_order(LinkId id, Link& link, const Farewell& farewell, SessionThen then);
  void protocol_error(LinkId id, Link& link, Bytes text);
  // The session, if there was one, has left.
  void begin_closing(LinkId id, Link& link, const Farewell& farewell);

  // All but the frame that has been begun.
  void drop_output(Link& link);
  // Not while it decodes: at the flush that follows.
  void drop_decoder(Link& link);
  void forget_link(LinkId id, Link& link);

 private:
  ShardParts& shard_;
};

}  // namespace onehop::core
