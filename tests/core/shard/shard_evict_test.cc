// Where there is no place for a newcomer: sessions that are away and hold nothing make place, the longest away first.
#include <gtest/gtest.h>

#include <deque>
#include <string>
#include <vector>

#include "confirmed.h"

namespace onehop::core::test {
namespace {

struct House {
  explicit House(uint32_t places) : broker(1, limits(places)) {}
  static Limits limits(uint32_t places) {
    Limits limits;
    limits.sessions_max = places;
    return limits;
  }
  // A session whose client has gone.
  v1::Connected abandon(const std::string& name) {
    FakeClient client(broker, lasting_frame(name, 86'400'000));
    v1::Connected connected = client.connected();
    client.reset();
    broker.advance(10);
    return connected;
  }
  bool lives(const std::string& name) { return broker.shard().find_client(name, broker.now).has_value(); }

  FakeBroker broker;
};

TEST(Evict, TheOneThatHasBeenAwayLongestMakesPlace) {
  House house(3);
  const v1::Connected first = house.abandon("first");
  house.abandon("second");
  house.abandon("third");
  // Who comes back and goes again has not been away for long.
  FakeClient again(house.broker);
  again.connect(resume_frame(first, 1));
  again.reset();
  house.broker.advance(10);
  FakeClient fourth(house.broker, "fourth");
  EXPECT_TRUE(house.lives("first"));
  EXPECT_FALSE(house.lives("second"));
  FakeClient fifth(house.broker, "fifth");
  EXPECT_FALSE(house.lives("third"));
  FakeClient sixth(house.broker, "sixth");
  EXPECT_FALSE(house.lives("first"));
  FakeClient seventh(house.broker);
  seventh.send(connect_frame("seventh"));
  expect_ended(house.broker, seventh, v1::CODE_SERVER_BUSY);
  EXPECT_EQ(house.broker.counters().sessions_evicted, 3u);
  EXPECT_EQ(house.broker.counters().connects_refused_full, 1u);
  EXPECT_FALSE(fourth.closed() || fifth.closed() || sixth.closed()) << "nobody who is there makes place";
}

TEST(Evict, WhoHoldsSomethingStays) {
  House house(5);
  FakeClient sender(house.broker, "sender");
  house.abandon("waits");
  sender.send(confirmed_frame("waits", 1, "for later"));
  // It sent something whose outcome it has yet to hear.
  FakeClient owed(house.broker, lasting_frame("owed"));
  owed.send(confirmed_frame("waits", 1, "from owed"));
  owed.reset();
  FakeClient told(house.broker, lasting_frame("told"));
  told.send(confirmed_frame("nobody", 1, "refused"));
  told.reset();
  house.broker.advance(10);
  house.abandon("empty");
  FakeClient next(house.broker, "next");
  EXPECT_FALSE(house.lives("empty"));
  for (const char* name : {"waits", "owed", "told"}) EXPECT_TRUE(house.lives(name)) << name;
  FakeClient late(house.broker);
  late.send(connect_frame("late"));
  expect_ended(house.broker, late, v1::CODE_SERVER_BUSY);
}

TEST(Evict, WhatHasExpiredIsNotHeldAnyMore) {
  House house(3);
  FakeClient sender(house.broker, "sender");
  house.abandon("waits");
  sender.send(confirmed_frame("waits", 1, "for a second", 1'000));
  house.abandon("younger");
  house.broker.advance(1'100);
  FakeClient next(house.broker, "next");
  EXPECT_FALSE(house.lives("waits")) << "it went first";
  EXPECT_TRUE(house.lives("younger"));
}

TEST(Evict, MemoryOfClientsIsFreedToo) {
  House house(1'000'000);
  Limits limits;
  limits.memory_bytes_max = 400'000;
  house.broker.shard().set_limits(limits, house.broker.now);
  for (int i = 0; i < 2'000; ++i) house.abandon("abandoned" + std::to_string(i));
  EXPECT_GT(house.broker.counters().sessions_evicted, 500u);
  EXPECT_LE(house.broker.ledger.total(), 220'000u);
  FakeClient next(house.broker, "next");
  next.send("next", 1, "served");
  EXPECT_EQ(payloads(next.read()), std::vector<std::string>{"served"});
}

// Anything that may happen to sessions that are away leaves the list as it should be.
TEST(Evict, AnyOrderOfComingAndGoingIsSurvived) {
  House house(8);
  uint32_t random = 1;
  const auto draw = [&random](uint32_t below) {
    random = random * 1'664'525 + 1'013'904'223;
    return (random >> 8) % below;
  };
  std::vector<v1::Connected> away;
  FakeClient sender(house.broker, "sender");
  uint64_t id = 0;
  for (int step = 0; step < 2'000; ++step) {
    switch (draw(4)) {
      case 0:
      case 1: {
        FakeClient gone(house.broker);
        gone.send(lasting_frame("n" + std::to_string(draw(20)), 86'400'000));
        const std::vector<v1::Frame> told = gone.read();
        if (!told.empty() && told[0].has_connected()) away.push_back(told[0].connected());
        gone.reset();
        break;
      }
      case 2:
        if (!away.empty()) {
          FakeClient back(house.broker);
          back.send(resume_frame(away[draw(static_cast<uint32_t>(away.size()))], static_cast<uint32_t>(step) + 1));
          back.reset();
        }
        break;
      case 3:
        sender.send(confirmed_frame("n" + std::to_string(draw(20)), ++id, "x", 200));
        house.broker.advance(draw(300));
        break;
    }
    ASSERT_LE(house.broker.counters().sessions, 8u);
    ASSERT_FALSE(sender.closed());
    for (const uint64_t seq : seqs(sender.read())) sender.send(ack_receipts(seq));
    if (step % 8 == 0) house.broker.advance(1'000);
  }
  EXPECT_GT(house.broker.counters().sessions_evicted, 100u);
}

}  // namespace
}  // namespace onehop::core::test
