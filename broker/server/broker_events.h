// Tells the program and its operators what one shard's host and its core note. The loop's thread only.
#pragma once

#include <cstdint>
#include <string_view>

#include "core/shard/seam.h"
#include "onehop/broker.h"
#include "server/end_counts.h"
#include "server/handlers.h"
#include "server/recent_ends.h"

namespace onehop::server {

class BrokerEvents {
 public:
  // `ends` and `handlers` outlive this.
  BrokerEvents(core::ShardIndex shard, RecentEnds& ends, Handlers& handlers)
      : shard_(shard), ends_(ends), handlers_(handlers) {}

  // The counts of all ends passed to count().
  const EndCounts& end_counts() const { return counts_; }
  void count(const core::Event& event) { counts_.count(event.kind, event.code); }
  // Whether anybody wants to know: who the peer is costs a system call.
  bool wants(const core::Event& event) const;
  void tell(const core::Event& event, std::string_view peer, std::string_view principal);
  // What core knows nothing of. kConnectRefused is an end, too.
  void tell(BrokerEvent::Kind kind, std::string_view peer, std::string_view text);

 private:
  const core::ShardIndex shard_;
  RecentEnds& ends_;
  EndCounts counts_;
  Handlers& handlers_;
};

}  // namespace onehop::server
