// Tells the program and its operators what one shard's host and its core note. The loop's thread only.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "core/shard/seam.h"
#include "onehop/broker.h"
#include "server/end_counts.h"
#include "server/recent_ends.h"

namespace onehop::server {

// The code's name without the enum's prefix; empty for 0.
std::string_view code_name(uint32_t code);

class BrokerEvents {
 public:
  // `ends` and `on_event` outlive this; `on_event` may be empty.
  BrokerEvents(core::ShardIndex shard, RecentEnds& ends, const std::function<void(const BrokerEvent&)>& on_event)
      : shard_(shard), ends_(ends), on_event_(on_event) {}

  // The counts of all ends passed to count().
  const EndCounts& end_counts() const { return counts_; }
  void count(const core::Event& event) { counts_.count(event.kind, event.code); }
  // Whether anybody wants to know: who the peer is costs a system call.
  bool wants(const core::Event& event) const;
  void tell(const core::Event& event, std::string_view peer);
  // What core knows nothing of. kConnectRefused is an end, too.
  void tell(BrokerEvent::Kind kind, std::string_view peer, std::string_view code, std::string_view text);

 private:
  const core::ShardIndex shard_;
  RecentEnds& ends_;
  EndCounts counts_;
  const std::function<void(const BrokerEvent&)>& on_event_;
};

}  // namespace onehop::server
