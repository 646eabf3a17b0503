// Topics as clients see them: frames to send, and a world of publishers and subscribers on two shards.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "confirmed.h"
#include "fake_host.h"
#include "frames.h"

namespace onehop::core::test {

// A Connect of a client that uses topics.
inline v1::Frame topics_frame(const std::string& name, uint32_t expiry_ms = 0) {
  v1::Frame frame = connect_frame(name);
  frame.mutable_connect()->set_features(kFeatureTopics);
  frame.mutable_connect()->set_session_expiry_ms(expiry_ms);
  return frame;
}

inline v1::Frame subscribe_frame(const std::string& filter, uint64_t ref = 0, bool no_echo = false) {
  v1::Frame frame;
  frame.mutable_subscribe()->set_topic(filter);
  frame.mutable_subscribe()->set_ref(ref);
  frame.mutable_subscribe()->set_no_echo(no_echo);
  return frame;
}

inline v1::Frame unsubscribe_frame(const std::string& filter, uint64_t ref = 0) {
  v1::Frame frame;
  frame.mutable_unsubscribe()->set_topic(filter);
  frame.mutable_unsubscribe()->set_ref(ref);
  return frame;
}

inline v1::Frame publish_frame(const std::string& topic, uint64_t id, const std::string& payload = "") {
  v1::Frame frame;
  frame.mutable_message()->set_topic(topic);
  frame.mutable_message()->set_id(id);
  frame.mutable_message()->set_payload(payload);
  return frame;
}

// The refs of answers to subscribes and unsubscribes with this reason.
inline std::vector<uint64_t> answered(const std::vector<v1::Frame>& frames,
                                      v1::Reason reason = v1::REASON_UNSPECIFIED) {
  std::vector<uint64_t> refs;
  for (const v1::Frame& frame : frames_of(frames, v1::Frame::kSubscribed)) {
    if (frame.subscribed().reason() == reason) refs.push_back(frame.subscribed().ref());
  }
  return refs;
}

// What each message among them says of those before it that its recipient missed.
inline std::vector<uint32_t> skips(const std::vector<v1::Frame>& frames) {
  std::vector<uint32_t> all;
  for (const v1::Frame& frame : frames_of(frames, v1::Frame::kMessage)) all.push_back(frame.message().skipped());
  return all;
}

// Alice publishes; bob and carol, each on a shard of its own, may subscribe. The topic has its home on shard 0.
struct Room {
  explicit Room(ShardIndex alices_home = 0, const Limits& limits = {}, ShardIndex shards = 2)
      : broker(shards, limits),
        topic(broker.name_on(0, "topic/")),
        alice(broker, topics_frame(broker.name_on(alices_home, "alice"))),
        bob(broker, topics_frame(broker.name_on(0, "bob"), 60'000)),
        carol(broker, topics_frame(broker.name_on(static_cast<ShardIndex>(shards - 1), "carol"), 60'000)) {}

  static void subscribe(FakeClient& client, const std::string& filter, bool no_echo = false) {
    client.send(subscribe_frame(filter, 1, no_echo));
    EXPECT_EQ(answered(client.read()), std::vector<uint64_t>{1});
  }
  void publish(uint64_t id, const std::string& payload = "") { alice.send(publish_frame(topic, id, payload)); }
  static std::string payload_of(uint64_t id, size_t size) {
    std::string payload = std::to_string(id) + ":";
    payload.resize(size, static_cast<char>('a' + id % 26));
    return payload;
  }
  void publish_many(uint64_t first_id, uint64_t last_id, size_t payload_bytes) {
    std::string bytes;
    for (uint64_t id = first_id; id <= last_id; ++id) {
      bytes += wire(publish_frame(topic, id, payload_of(id, payload_bytes)));
    }
    alice.send_bytes(bytes);
  }
  uint64_t sum(uint64_t Counters::*counter) {
    uint64_t all = 0;
    for (ShardIndex shard = 0; shard < broker.shards(); ++shard) all += broker.counters(shard).*counter;
    return all;
  }

  FakeBroker broker;
  std::string topic;
  FakeClient alice;
  FakeClient bob;
  FakeClient carol;
};

}  // namespace onehop::core::test
