// Tells the program and its operators what one shard's host and its core note. The loop's thread only.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "core/shard/seam.h"
#include "onehop/broker.h"
#include "server/recent_ends.h"

namespace onehop::server {

class BrokerEvents {
 public:
  // `ends` and `on_event` outlive this; `on_event` may be empty.
  BrokerEvents(core::ShardIndex shard, RecentEnds& ends, const std::function<void(const BrokerEvent&)>& on_event)
      : shard_(shard), ends_(ends), on_event_(on_event) {}

  // Whether anybody wants to know: who the peer is costs a system call.
  bool wants(const core::Event& event) const;
  void tell(const core::Event& event, std::string_view peer);
  // What core knows nothing of. kConnectRefused is an end, too.
  void tell(BrokerEvent::Kind kind, std::string_view peer, std::string_view code, std::string_view text);

 private:
  const core::ShardIndex shard_;
  RecentEnds& ends_;
  const std::function<void(const BrokerEvent&)>& on_event_;
};

}  // namespace onehop::server
