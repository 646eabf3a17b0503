// The smallest world most of the shard's tests need: alice, whose home is shard 0, and bob, whose home is the test's
// parameter, so that each promise is checked on one shard and between two.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "fake_host.h"

namespace onehop::core::test {

// Queues of 64 KiB: marks at 48 and 16 KiB.
inline Limits small_limits() {
  Limits limits;
  limits.frame_bytes_max = 16 << 10;
  limits.queue_bytes_max = 64 << 10;
  return limits;
}

struct Pair {
  explicit Pair(ShardIndex home_of_bob, const Limits& limits = {}, uint64_t features_of_alice = 0)
      : broker(2, limits),
        alices_name(broker.name_on(0, "alice")),
        bobs_name(broker.name_on(home_of_bob, "bob")),
        alice(broker, features_of_alice == 0 ? connect_frame(alices_name) : ordered_connect_frame(alices_name)),
        bob(broker, bobs_name) {}

  // Alice sends messages of 1,000 bytes to bob, with ids from `first_id`.
  void send_many(uint64_t first_id, uint64_t count) {
    std::string bytes;
    for (uint64_t id = first_id; id < first_id + count; ++id) {
      bytes += wire(message_frame(bobs_name, id, payload_of(id)));
    }
    alice.send_bytes(bytes);
  }
  static std::string payload_of(uint64_t id) {
    std::string payload = std::to_string(id) + ":";
    payload.resize(1'000, static_cast<char>('a' + id % 26));
    return payload;
  }
  static std::vector<std::string> payloads_of(const std::vector<uint64_t>& ids) {
    std::vector<std::string> payloads;
    for (const uint64_t id : ids) payloads.push_back(payload_of(id));
    return payloads;
  }
  static std::vector<uint64_t> range(uint64_t first, uint64_t last) {
    std::vector<uint64_t> ids;
    for (uint64_t id = first; id <= last; ++id) ids.push_back(id);
    return ids;
  }

  FakeBroker broker;
  std::string alices_name;
  std::string bobs_name;
  FakeClient alice;
  FakeClient bob;
};

// A suite of tests whose parameter is where bob lives.
class OnOneShardAndOnTwo : public testing::TestWithParam<ShardIndex> {};

inline std::string shards_in_words(const testing::TestParamInfo<ShardIndex>& home_of_bob) {
  return home_of_bob.param == 0 ? "OneShard" : "TwoShards";
}

}  // namespace onehop::core::test
