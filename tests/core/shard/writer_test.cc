// Out it goes: any way in which sockets take bytes gives the same frames, in bounded memory, with room of their own for
// receipts, flow and pongs.
#include <gtest/gtest.h>

#include <set>

#include "pair.h"

namespace onehop::core::test {
namespace {

class Flush : public OnOneShardAndOnTwo {};
INSTANTIATE_TEST_SUITE_P(, Flush, testing::Values(0, 1), shards_in_words);

// A payload that travels by reference.
constexpr size_t kLarge = kReferenceBytesMin + 200;

// Messages small and large, some of which travel by reference.
std::vector<std::string> mixed_payloads() {
  std::vector<std::string> texts;
  for (size_t i = 0; i < 60; ++i) {
    const size_t size = i % 7 == 0 ? kLarge : i % 11 == 0 ? 20'000 : i * 3;
    texts.emplace_back(size, static_cast<char>('a' + i % 26));
  }
  return texts;
}

std::string messages(const std::string& to, const std::vector<std::string>& texts, uint64_t first_id = 1) {
  std::string bytes;
  for (const std::string& text : texts) bytes += wire(message_frame(to, first_id++, text));
  return bytes;
}

TEST_P(Flush, WritesOfEverySizeGiveTheSameFrames) {
  const std::vector<std::string> texts = mixed_payloads();
  for (size_t size = 1; size < 100'000; size = size < 40 ? size + 1 : size * 2 + 1) {
    Pair pair(GetParam());
    pair.bob.link().write_at_once_max = size;
    pair.alice.send_bytes(messages(pair.bobs_name, texts));
    ASSERT_EQ(payloads(pair.bob.read()), texts) << size;
    EXPECT_EQ(pair.broker.counters(GetParam()).queued_bytes, 0u);
  }
}

TEST_P(Flush, ASocketThatBlocksAnywhereGivesTheSameFrames) {
  const std::vector<std::string> texts = mixed_payloads();
  for (size_t room = 1; room < 130'000; room = room * 3 + 1) {
    Pair pair(GetParam());
    pair.bob.set_room(room);
    pair.alice.send_bytes(messages(pair.bobs_name, texts));
    pair.bob.take(room);
    pair.bob.take();
    ASSERT_EQ(payloads(pair.bob.read()), texts) << room;
  }
}

TEST_P(Flush, LargeBodiesSurviveTheReadsThatFollow) {
  Pair pair(GetParam());
  pair.bob.set_room(10'000);
  std::vector<std::string> texts;
  for (uint64_t id = 1; id <= 400; ++id) {
    texts.emplace_back(kLarge + id, static_cast<char>('a' + id % 26));
    pair.alice.send(pair.bobs_name, id, texts.back());
    if (id % 50 == 0) pair.bob.take(20'000);
  }
  pair.bob.take();
  EXPECT_EQ(payloads(pair.bob.read()), texts);
}

TEST_P(Flush, AReaderThatIsSlowDoesNotPinReceiveBlocks) {
  Pair pair(GetParam());
  pair.bob.stop_reading();
  std::set<const char*> blocks;
  for (uint64_t id = 1; id <= 700; ++id) {
    pair.alice.send(pair.bobs_name, id, std::string(kLarge, 'x'));
    blocks.insert(pair.broker.shard(0).receive_space({}).data());
  }
  EXPECT_LE(blocks.size(), 16u) << "3 MB in the queue must not hold 45 MB of blocks";
}

TEST_P(Flush, WhatIsSaidToAClientHasRoomOfItsOwn) {
  Pair pair(GetParam(), small_limits());
  pair.bob.stop_reading();
  pair.send_many(1, 100);
  EXPECT_FALSE(refused_ids(pair.alice.read(), v1::REASON_QUEUE_FULL).empty());
  pair.bob.send("nobody", 1);
  pair.bob.send(ping_frame(3));
  EXPECT_TRUE(pair.bob.link().reading);
  pair.bob.take();
  const std::vector<v1::Frame> frames = pair.bob.read();
  EXPECT_EQ(refused_ids(frames, v1::REASON_UNKNOWN_CLIENT), std::vector<uint64_t>{1});
  EXPECT_EQ(frames_of(frames, v1::Frame::kPong).size(), 1u);
}

// Refusals with gaps between their ids, so that each is a receipt of its own.
std::string refusals(const std::string& nobody, uint64_t first_id, uint64_t count) {
  std::string bytes;
  for (uint64_t i = 0; i < count; ++i) bytes += wire(message_frame(nobody, first_id + i * 2, ""));
  return bytes;
}

TEST_P(Flush, WhoDoesNotHearItsReceiptsIsNotRead) {
  Pair pair(GetParam());
  const std::string nobody = pair.broker.name_on(GetParam(), "nobody");
  pair.alice.stop_reading();
  constexpr uint64_t kCount = 50'000;
  pair.alice.send_bytes(refusals(nobody, 1, kCount));
  EXPECT_FALSE(pair.alice.link().reading);
  EXPECT_FALSE(pair.alice.link().inbound.empty());
  EXPECT_LT(pair.broker.counters(0).queued_bytes, 3 * kUnsentControlBytesMax);
  pair.bob.send(pair.alices_name, 1, "to alice");
  pair.alice.take();
  const std::vector<v1::Frame> frames = pair.alice.read();
  EXPECT_TRUE(pair.alice.link().reading);
  EXPECT_EQ(payloads(frames), std::vector<std::string>{"to alice"});
  const std::vector<uint64_t> ids = refused_ids(frames, v1::REASON_UNKNOWN_CLIENT);
  ASSERT_EQ(ids.size(), kCount);
  for (uint64_t i = 0; i < kCount; ++i) ASSERT_EQ(ids[i], 1 + i * 2);
}

TEST_P(Flush, WhoDoesNotHearItsFlowIsNotReadEither) {
  Pair pair(GetParam(), small_limits());
  pair.alice.stop_reading();
  // Alice fills the queues of many and is told of each; nothing else is said to her, for her messages have no ids.
  std::vector<std::string> names;
  std::vector<FakeClient> slow;
  for (int i = 0; i < 40; ++i) {
    const std::string beginning = std::string(200, 'r') + std::to_string(i) + "-";
    names.push_back(pair.broker.name_on(GetParam(), beginning));
    slow.emplace_back(pair.broker, names.back()).stop_reading();
  }
  for (int turn = 0; turn < 60 && pair.alice.link().reading; ++turn) {
    std::string bytes;
    for (const std::string& name : names) {
      for (int i = 0; i < 6; ++i) bytes += wire(message_frame(name, 0, std::string(12'000, 'x')));
    }
    pair.alice.send_bytes(bytes);
    for (FakeClient& client : slow) {
      client.take();
      client.stop_reading();
    }
  }
  EXPECT_FALSE(pair.alice.link().reading) << "what waits to be told to one client is bounded";
  pair.alice.take();
  EXPECT_TRUE(pair.alice.link().reading);
}

TEST_P(Flush, ALargeOutputIsWorthAnEarlyFlush) {
  Pair pair(GetParam());
  const std::string bytes = messages(pair.alices_name, {std::string(30'000, 'x'), std::string(30'000, 'y')});
  Shard& shard = pair.broker.shard(0);
  const LinkId alice = pair.alice.link().id;
  for (uint64_t id = 1; id <= 2; ++id) {
    EXPECT_FALSE(shard.flush_wanted());
    const std::string one = wire(message_frame(pair.alices_name, id, std::string(40'000, 'x')));
    std::copy(one.begin(), one.end(), shard.receive_space({}).begin());
    shard.on_received(alice, one.size(), pair.broker.now);
  }
  EXPECT_TRUE(shard.flush_wanted());
  pair.broker.settle();
  EXPECT_FALSE(shard.flush_wanted());
  EXPECT_EQ(pair.alice.read().size(), 2u);
}

TEST_P(Flush, ManyPiecesGoOutInOneFlush) {
  Pair pair(GetParam());
  pair.bob.stop_reading();
  const std::vector<std::string> texts(500, std::string(kLarge, 'x'));
  pair.alice.send_bytes(messages(pair.bobs_name, texts));
  pair.bob.take();
  EXPECT_EQ(payloads(pair.bob.read()), texts);
}

TEST_P(Flush, AnOrderlyEndSendsWhatIsQueuedFirst) {
  Pair pair(GetParam());
  const std::vector<std::string> texts = mixed_payloads();
  pair.bob.set_room(100);
  pair.alice.send_bytes(messages(pair.bobs_name, texts));
  pair.bob.send(goodbye_frame(v1::CODE_NORMAL));
  EXPECT_FALSE(pair.bob.closed());
  pair.bob.take();
  const std::vector<v1::Frame> frames = pair.bob.read();
  EXPECT_EQ(payloads(frames), texts);
  EXPECT_EQ(frames.back().goodbye().code(), v1::CODE_NORMAL);
  EXPECT_TRUE(pair.bob.closed());
}

TEST_P(Flush, BytesAreCounted) {
  Pair pair(GetParam());
  pair.alice.send(pair.bobs_name, 1, "hello");
  const uint64_t received = pair.broker.counters(0).bytes_received + pair.broker.counters(1).bytes_received;
  const uint64_t sent = pair.broker.counters(0).bytes_sent + pair.broker.counters(1).bytes_sent;
  EXPECT_EQ(sent, pair.alice.link().outbound.size() + pair.bob.link().outbound.size());
  EXPECT_GE(received, wire(message_frame(pair.bobs_name, 1, "hello")).size());
}

}  // namespace
}  // namespace onehop::core::test
