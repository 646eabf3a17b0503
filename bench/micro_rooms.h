// A shard with subscribers of a topic, or instances of a service, and one client that sends to them: for the
// benchmarks of what a message to more or less than one client costs.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "core/base/limits.h"
#include "micro_wire.h"
#include "micro_world.h"

namespace onehop::bench {

inline std::string delimited(const v1::Frame& frame) {
  return delimited(frame.SerializeAsString());
}

class Rooms {
 public:
  // The sender is client 0; each of the others has subscribed to the topic, or serves the service, of this name.
  Rooms(size_t others, const std::string& name, bool is_service) : shard_(World::config({}, false), host_) {
    for (size_t i = 0; i <= others; ++i) {
      v1::Frame frame;
      frame.mutable_connect()->set_name(client_name(i));
      frame.mutable_connect()->set_features(core::kFeatureTopics | core::kFeatureReplies);
      links_.push_back(shard_.on_link({{i + 1}, kNow + 5'000, {}}, kNow));
      receive(shard_, links_.back(), delimited(frame));
      if (i == 0) continue;
      if (is_service) {
        frame.mutable_subscribe()->set_service(name);
      } else {
        frame.mutable_subscribe()->set_topic(name);
      }
      receive(shard_, links_.back(), delimited(frame));
      flush_all(shard_);
    }
  }

  // From a client: frames that may be more than it reads at once.
  void say(size_t client, core::Bytes bytes) {
    while (!bytes.empty()) {
      const core::Bytes now = bytes.substr(0, core::kReceiveBytes);
      receive(shard_, links_[client], now);
      bytes.remove_prefix(now.size());
    }
  }
  void say(size_t client, const v1::Frame& frame) { say(client, delimited(frame)); }
  void acknowledge(size_t client, uint64_t up_to) {
    v1::Frame frame;
    frame.mutable_ack()->set_up_to(up_to);
    say(client, frame);
  }
  void acknowledge_receipts() {
    v1::Frame frame;
    frame.mutable_ack()->set_receipts_up_to(++receipts_);
    say(0, frame);
  }
  // The number of a client's session.
  uint64_t session(size_t client) { return shard_.find_client(client_name(client), kNow)->session; }
  void flush() { flush_all(shard_); }
  const core::Counters& counters() const { return shard_.counters(); }

 private:
  struct Host final : SilentHost {};
  Host host_;
  Shard shard_;
  std::vector<LinkId> links_;
  uint64_t receipts_ = 0;
};

}  // namespace onehop::bench
