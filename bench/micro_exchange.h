// A window of messages from one client to another through one shard, and what the two say afterwards.
#pragma once

#include <string>
#include <vector>

#include "core/wire/tags.h"
#include "micro_wire.h"
#include "micro_world.h"

namespace onehop::bench {

// The messages go from the first client to the client of that name, which is the second one unless it is said
// otherwise.
class Exchange {
 public:
  Exchange(size_t window, size_t payload_bytes, bool confirmed, const std::string& to = client_name(1),
           bool asks_permission = false)
      : confirmed_(confirmed), world_(2, {}, asks_permission) {
    for (size_t i = 0; i < window; ++i) {
      v1::Frame frame;
      v1::Message& message = *frame.mutable_message();
      message.set_id(kFirstId);
      message.set_client(to);
      if (confirmed) message.set_confirm(v1::CONFIRM_DELIVERED);
      message.set_payload(std::string(payload_bytes, 'x'));
      const std::string bytes = delimited(frame.SerializeAsString());
      // The destination has a lower number than the id, and so comes first.
      ids_at_.push_back(sent_.size() + bytes.find(core::kIdTag, bytes.find(to)) + 1);
      sent_ += bytes;
    }
  }

  // The sender's messages arrive, with ids of their own, and go out to the recipient.
  void send() {
    for (const size_t at : ids_at_) core::write_varint(sent_.data() + at, next_id_++);
    for (core::Bytes left = sent_; !left.empty();) {
      const core::Bytes now = left.substr(0, core::kReceiveBytes);
      receive(world_.shard, sender(), now);
      left.remove_prefix(now.size());
    }
    world_.shard.flush(kNow);
    if (confirmed_) last_tag_ += ids_at_.size();
  }
  void acknowledge(const v1::Ack& ack) {
    v1::Frame frame;
    *frame.mutable_ack() = ack;
    receive(world_.shard, recipient(), delimited(frame.SerializeAsString()));
    world_.shard.flush(kNow);
  }
  void acknowledge_all() {
    v1::Ack ack;
    ack.set_up_to(last_tag_);
    acknowledge(ack);
  }
  void acknowledge_receipts(uint64_t frames) {
    v1::Frame frame;
    frame.mutable_ack()->set_receipts_up_to(receipts_ += frames);
    receive(world_.shard, sender(), delimited(frame.SerializeAsString()));
  }

  core::LinkId sender() const { return world_.links[0]; }
  core::LinkId recipient() const { return world_.links[1]; }
  World& world() { return world_; }
  uint64_t last_tag() const { return last_tag_; }

 private:
  // From here on a varint takes five bytes, whatever is added.
  static constexpr uint64_t kFirstId = uint64_t{1} << 28;

  const bool confirmed_;
  World world_;
  std::string sent_;
  std::vector<size_t> ids_at_;
  uint64_t next_id_ = kFirstId;
  uint64_t last_tag_ = 0;
  uint64_t receipts_ = 0;
};

}  // namespace onehop::bench
