// Services and requests as clients see them: frames to send, and a world of senders and instances on some shards.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <string>
#include <vector>

#include "topics.h"

namespace onehop::core::test {

inline v1::Frame serving_frame(const std::string& name, uint32_t expiry_ms = 60'000) {
  v1::Frame frame = topics_frame(name, expiry_ms);
  frame.mutable_connect()->set_features(kFeatureTopics | kFeatureReplies);
  return frame;
}

inline v1::Frame serve_frame(const std::string& service, uint64_t ref = 0) {
  v1::Frame frame;
  frame.mutable_subscribe()->set_service(service);
  frame.mutable_subscribe()->set_ref(ref);
  return frame;
}

inline v1::Frame leave_frame(const std::string& service, uint64_t ref = 0) {
  v1::Frame frame;
  frame.mutable_unsubscribe()->set_service(service);
  frame.mutable_unsubscribe()->set_ref(ref);
  return frame;
}

inline v1::Frame job_frame(const std::string& service, uint64_t id, v1::Confirm confirm = v1::CONFIRM_DELIVERED,
                           const std::string& payload = "job") {
  v1::Frame frame;
  frame.mutable_message()->set_service(service);
  frame.mutable_message()->set_id(id);
  frame.mutable_message()->set_confirm(confirm);
  frame.mutable_message()->set_payload(payload);
  return frame;
}

inline v1::Frame retried(v1::Frame frame) {
  frame.mutable_message()->set_retry_attempted(true);
  return frame;
}

inline v1::Frame wanting_reply(v1::Frame frame, uint32_t ttl_ms = 0) {
  frame.mutable_message()->set_wants_reply(true);
  frame.mutable_message()->set_ttl_ms(ttl_ms);
  return frame;
}

// The reply to a request that was read.
inline v1::Frame reply_frame(const v1::Message& request, uint64_t id, v1::Confirm confirm = v1::CONFIRM_REFUSALS) {
  v1::Frame frame;
  frame.mutable_message()->set_client(request.from());
  frame.mutable_message()->set_id(id);
  frame.mutable_message()->set_confirm(confirm);
  frame.mutable_message()->set_in_reply_to(request.id());
  frame.mutable_message()->set_in_reply_to_session(request.from_session());
  frame.mutable_message()->set_payload("reply");
  return frame;
}

inline std::vector<uint64_t> up_to(uint64_t last) {
  std::vector<uint64_t> all(last);
  std::iota(all.begin(), all.end(), uint64_t{1});
  return all;
}

inline std::vector<uint64_t> sorted(std::vector<uint64_t> ids) {
  std::sort(ids.begin(), ids.end());
  return ids;
}

inline v1::Frame resume_of(FakeClient& client, uint64_t received_up_to = 0) {
  v1::Frame frame = resume_frame(client.connected(), 1, received_up_to);
  frame.mutable_connect()->set_features(kFeatureTopics | kFeatureReplies);
  return frame;
}

// Alice sends. Bob lives on shard 0, carol on the last one; each may serve.
struct Workshop {
  explicit Workshop(ShardIndex alices_home = 0, ShardIndex shards = 2, const Limits& limits = {},
                    uint32_t expiry_ms = 60'000)
      : broker(shards, limits),
        alice(broker, serving_frame(broker.name_on(alices_home, "alice"))),
        bob(broker, serving_frame(broker.name_on(0, "bob"), expiry_ms)),
        carol(broker, serving_frame(broker.name_on(static_cast<ShardIndex>(shards - 1), "carol"), expiry_ms)) {}
  ~Workshop() {
    broker.held_credits = broker.held_parcels = {};
    broker.stop();
    for (FakeLink& link : broker.links) link.write_capacity = SIZE_MAX;
    broker.settle();
    for (ShardIndex shard = 0; shard < broker.shards(); ++shard) {
      EXPECT_EQ(broker.counters(shard).held_bytes(), 0u);
      EXPECT_EQ(broker.counters(shard).links, 0u);
    }
  }

  static void serve(FakeClient& client, const std::string& service = "work") {
    client.send(serve_frame(service, 7));
    EXPECT_EQ(answered(client.read()), std::vector<uint64_t>{7});
  }
  // The only message among what a client reads now.
  static v1::Message message_of(FakeClient& client) {
    const std::vector<v1::Frame> messages = frames_of(client.read(), v1::Frame::kMessage);
    EXPECT_EQ(messages.size(), 1u);
    return messages.empty() ? v1::Message() : messages[0].message();
  }
  uint64_t sum(uint64_t Counters::*counter) {
    uint64_t all = 0;
    for (ShardIndex shard = 0; shard < broker.shards(); ++shard) all += broker.counters(shard).*counter;
    return all;
  }

  FakeBroker broker;
  FakeClient alice;
  FakeClient bob;
  FakeClient carol;
};

}  // namespace onehop::core::test
