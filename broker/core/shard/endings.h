// Endings: how links end. A link that ends says goodbye, closes when that has gone out, and is forgotten then.
//
// Invariant: a link that is closing has no session and no question with the host.
#pragma once

#include "core/base/bytes.h"
#include "core/base/ids.h"
#include "core/session/session.h"
#include "core/wire/control_frames.h"

namespace onehop::core {

struct ShardParts;

class Endings {
 public:
  explicit Endings(ShardParts& shard) : shard_(shard) {}
  Endings(const Endings&) = delete;
  Endings& operator=(const Endings&) = delete;

  // Ends a link that has no session yet. `name` is what its client asked for, if that is known.
  void refuse_connect(LinkId id, Link& link, Bytes name, const Farewell& farewell);
  // Ends a link. Its session ends or is away afterwards, unsent frames are dropped, and the goodbye is queued.
  void end_link(LinkId id, Link& link, const Farewell& farewell, SessionThen then = SessionThen::kDetach);
  // As end_link, but what is decided and queued goes out before the goodbye.
  void end_link_in_order(LinkId id, Link& link, const Farewell& farewell, SessionThen then);
  void protocol_error(LinkId id, Link& link, Bytes text);
  // Queues the goodbye, if the farewell has a code, and sets the closing deadline. The link has no session any more.
  void begin_closing(LinkId id, Link& link, const Farewell& farewell);

  // Drops the queued frames, except the rest of one that is partly written.
  void drop_output(Link& link);
  // Must not be called while the link decodes: bytes that it reads lie there. The flush after the end calls it.
  void drop_decoder(Link& link);
  void forget_link(LinkId id, Link& link);

 private:
  ShardParts& shard_;
};

}  // namespace onehop::core
