// Between shards: credit, order, and the pong that comes after the refusals of every shard.
#include <gtest/gtest.h>

#include "pair.h"

namespace onehop::core::test {
namespace {

uint64_t fill_credit(Pair& pair) {
  // Four times what the parcels of one pair hold.
  const uint64_t count = 4 * kParcelsPerPair * kParcelBytes / 1'000;
  pair.send_many(1, count);
  return count;
}

void expect_all(Pair& pair, uint64_t count) {
  EXPECT_EQ(payloads(pair.bob.read()), Pair::payloads_of(Pair::range(1, count)));
  EXPECT_TRUE(pair.alice.link().reading);
  EXPECT_EQ(pair.broker.counters(0).messages_received, count);
}

TEST(Credit, WithoutItASenderIsNotReadAndNothingIsLost) {
  Pair pair(1);
  pair.broker.held_parcels = {{0, 1}};
  const uint64_t count = fill_credit(pair);
  EXPECT_FALSE(pair.alice.link().reading);
  EXPECT_FALSE(pair.alice.link().inbound.empty());
  EXPECT_TRUE(pair.bob.read().empty());
  pair.broker.held_parcels = {};
  pair.broker.settle();
  expect_all(pair, count);
}

TEST(Credit, ComesBackWithTheEmptyParcel) {
  Pair pair(1);
  pair.broker.held_credits = {{1, 0}};
  const uint64_t count = fill_credit(pair);
  EXPECT_FALSE(pair.alice.link().reading);
  const size_t first = pair.bob.read().size();
  EXPECT_GT(first, 0u);
  EXPECT_LT(first, count);
  pair.broker.held_credits = {};
  pair.broker.settle();
  EXPECT_TRUE(pair.alice.link().reading);
  EXPECT_EQ(pair.bob.read().size(), count - first);
}

TEST(Credit, OthersGoOnMeanwhile) {
  Pair pair(1);
  FakeClient carol(pair.broker, pair.broker.name_on(0, "carol"));
  pair.broker.held_parcels = {{0, 1}};
  const uint64_t count = fill_credit(pair);
  carol.send(pair.alices_name, 1, "on the same shard");
  EXPECT_EQ(payloads(pair.alice.read()), std::vector<std::string>{"on the same shard"});
  pair.bob.send(pair.alices_name, 1, "the other way");
  EXPECT_EQ(payloads(pair.alice.read()), std::vector<std::string>{"the other way"});
  carol.send(pair.bobs_name, 2, "has to wait as well");
  EXPECT_FALSE(carol.link().reading);
  pair.broker.held_parcels = {};
  pair.broker.settle();
  const std::vector<std::string> all = payloads(pair.bob.read());
  EXPECT_EQ(all.size(), count + 1);
  EXPECT_EQ(std::count(all.begin(), all.end(), "has to wait as well"), 1);
}

TEST(Credit, ControlNeedsNone) {
  Pair pair(1, small_limits(), 1);
  // Alice's gate closes; then there is no credit, and what she says about it arrives all the same.
  pair.bob.stop_reading();
  pair.send_many(1, 100);
  EXPECT_FALSE(refused_ids(pair.alice.read(), v1::REASON_QUEUE_FULL).empty());
  pair.bob.take();
  pair.bob.read();
  FakeClient carol(pair.broker, pair.broker.name_on(0, "carol"));
  pair.broker.held_credits = {{1, 0}};
  uint64_t id = 0;
  std::string bytes;
  while (id < 1'000) {
    ++id;
    bytes += wire(message_frame(pair.bobs_name, id, Pair::payload_of(id)));
  }
  carol.send_bytes(bytes);
  EXPECT_FALSE(carol.link().reading);
  pair.alice.send(flow_frame(pair.bobs_name, v1::STATE_RESUME));
  pair.alice.send(ping_frame(5));
  EXPECT_EQ(pair.alice.read().back().pong().nonce(), 5u);
  pair.bob.read();
  pair.broker.held_credits = {};
  pair.broker.settle();
  pair.alice.send(pair.bobs_name, 101, "the gate is open");
  EXPECT_EQ(payloads(pair.bob.read()).back(), "the gate is open");
}

TEST(Credit, TheEndOfAClientThatWaits) {
  for (const bool orderly : {false, true}) {
    Pair pair(1);
    pair.broker.held_parcels = {{0, 1}};
    const uint64_t count = fill_credit(pair);
    if (orderly) {
      pair.alice.send(goodbye_frame(v1::CODE_NORMAL));
      pair.alice.end_stream();
      EXPECT_FALSE(pair.alice.closed());
    } else {
      pair.alice.reset();
    }
    pair.broker.held_parcels = {};
    pair.broker.settle();
    const std::vector<v1::Frame> frames = pair.bob.read();
    EXPECT_EQ(orderly, frames.size() == count);
    EXPECT_EQ(payloads(frames), Pair::payloads_of(Pair::range(1, frames.size())));
    EXPECT_TRUE(pair.alice.closed());
    FakeClient next(pair.broker, pair.alices_name);
    next.send(pair.bobs_name, 1, "next");
    EXPECT_EQ(payloads(pair.bob.read()), std::vector<std::string>{"next"});
  }
}

TEST(Credit, BadBytesBehindWhatWaitsAreFoundInTheirTurn) {
  Pair pair(1);
  pair.broker.held_parcels = {{0, 1}};
  const uint64_t count = fill_credit(pair);
  pair.alice.send_bytes(std::string(1, '\0'));
  EXPECT_FALSE(pair.alice.closed());
  pair.broker.held_parcels = {};
  pair.broker.settle();
  EXPECT_EQ(pair.bob.read().size(), count);
  expect_ended(pair.broker, pair.alice, v1::CODE_PROTOCOL_ERROR);
}

TEST(Parcels, EachMessageOfABatchFindsItsOwnRecipient) {
  Pair pair(1);
  const std::string carols_name = pair.broker.name_on(1, "carol"), nobody = pair.broker.name_on(1, "nobody");
  FakeClient carol(pair.broker, carols_name);
  std::string bytes;
  uint64_t id = 0;
  for (const std::string& name :
       {pair.bobs_name, pair.bobs_name, carols_name, nobody, nobody, carols_name, pair.bobs_name}) {
    ++id;
    bytes += wire(message_frame(name, id, Pair::payload_of(id)));
  }
  pair.alice.send_bytes(bytes);
  EXPECT_EQ(payloads(pair.bob.read()), Pair::payloads_of({1, 2, 7}));
  EXPECT_EQ(payloads(carol.read()), Pair::payloads_of({3, 6}));
  EXPECT_EQ(refused_ids(pair.alice.read(), v1::REASON_UNKNOWN_CLIENT), (std::vector<uint64_t>{4, 5}));
}

TEST(Parcels, LargeBodiesArriveWhole) {
  Pair pair(1);
  std::vector<std::string> expected;
  std::string bytes;
  for (uint64_t id = 1; id <= 30; ++id) {
    const size_t size = id % 3 == 0 ? 500'000 : id % 3 == 1 ? 17'000 : 3'000;
    expected.emplace_back(size, static_cast<char>('a' + id % 26));
    bytes += wire(message_frame(pair.bobs_name, id, expected.back()));
  }
  pair.alice.send_bytes(bytes);
  EXPECT_EQ(payloads(pair.bob.read()), expected);
}

TEST(Pong, WaitsForTheRefusalsOfEveryShard) {
  FakeBroker broker(4);
  FakeClient alice(broker, broker.name_on(0, "alice"));
  broker.held_parcels = {{1, 0}, {0, 2}, {2, 0}};
  std::string bytes;
  for (uint64_t id = 1; id <= 30; ++id) {
    bytes += wire(message_frame(broker.name_on(static_cast<ShardIndex>(id % 3), "nobody"), id, ""));
  }
  alice.send_bytes(bytes + wire(ping_frame(77)));
  std::vector<v1::Frame> frames = alice.read();
  EXPECT_EQ(refused_ids(frames, v1::REASON_UNKNOWN_CLIENT).size(), 10u);
  EXPECT_TRUE(frames_of(frames, v1::Frame::kPong).empty());
  broker.held_parcels = {{0, 2}, {2, 0}};
  broker.settle();
  frames = alice.read();
  EXPECT_EQ(refused_ids(frames, v1::REASON_UNKNOWN_CLIENT).size(), 10u);
  EXPECT_TRUE(frames_of(frames, v1::Frame::kPong).empty());
  broker.held_parcels = {};
  broker.settle();
  frames = alice.read();
  EXPECT_EQ(refused_ids(frames, v1::REASON_UNKNOWN_CLIENT).size(), 10u);
  EXPECT_EQ(frames.back().pong().nonce(), 77u);
}

TEST(Pong, OfPingsThatPileUpTheLatestIsAnswered) {
  FakeBroker broker(2);
  FakeClient alice(broker, broker.name_on(0, "alice"));
  broker.held_parcels = {{1, 0}};
  const std::string nobody = broker.name_on(1, "nobody");
  uint64_t id = 0;
  for (uint64_t nonce = 1; nonce <= 5; ++nonce) {
    alice.send(nobody, ++id);
    alice.send(ping_frame(nonce));
  }
  EXPECT_TRUE(alice.read().empty());
  broker.held_parcels = {};
  broker.settle();
  const std::vector<v1::Frame> frames = alice.read();
  EXPECT_EQ(refused_ids(frames, v1::REASON_UNKNOWN_CLIENT), Pair::range(1, 5));
  std::vector<uint64_t> nonces;
  std::vector<v1::Frame> before_last;
  for (const v1::Frame& frame : frames) {
    if (frame.has_pong()) nonces.push_back(frame.pong().nonce());
    if (nonces.empty() || nonces.back() != 5) before_last.push_back(frame);
  }
  EXPECT_EQ(nonces.back(), 5u);
  EXPECT_LE(nonces.size(), 2u);
  EXPECT_EQ(refused_ids(before_last, v1::REASON_UNKNOWN_CLIENT), Pair::range(1, 5)) << "all before the last pong";
}

TEST(Pong, IsNotOwedToWhoHasLeft) {
  FakeBroker broker(2);
  FakeClient alice(broker, broker.name_on(0, "alice"));
  broker.held_parcels = {{1, 0}};
  alice.send(broker.name_on(1, "nobody"), 1);
  alice.send(ping_frame(1));
  alice.reset();
  FakeClient next(broker, alice.connected().name());
  broker.held_parcels = {};
  broker.settle();
  EXPECT_TRUE(next.read().empty());
}

TEST(Parcels, ReceiptsTravelAsRanges) {
  Pair pair(1);
  std::string bytes;
  for (uint64_t id = 1; id <= 3'000; ++id) bytes += wire(message_frame(pair.broker.name_on(1, "nobody"), id, ""));
  pair.alice.send_bytes(bytes);
  const std::vector<v1::Frame> frames = pair.alice.read();
  EXPECT_EQ(refused_ids(frames, v1::REASON_UNKNOWN_CLIENT), Pair::range(1, 3'000));
  size_t items = 0;
  for (const v1::Frame& frame : frames) items += static_cast<size_t>(frame.receipts().items_size());
  EXPECT_LT(items, 30u);
}

}  // namespace
}  // namespace onehop::core::test
