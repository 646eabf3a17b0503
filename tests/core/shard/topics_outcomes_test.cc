// Confirmed messages to topics: one receipt for all subscribers, whatever becomes of each; on one shard and on two.
#include <gtest/gtest.h>

#include <algorithm>

#include "topics.h"

namespace onehop::core::test {
namespace {

// What a receipt says of one message to a topic.
struct Sum {
  uint64_t id = 0;
  v1::Outcome outcome = v1::OUTCOME_DELIVERED;
  v1::Reason reason = v1::REASON_UNSPECIFIED;
  uint32_t reached = 0;
  uint32_t missed = 0;
  bool attempted = true;

  friend bool operator==(const Sum&, const Sum&) = default;
  friend std::ostream& operator<<(std::ostream& out, const Sum& sum) {
    return out << sum.id << ":" << v1::Outcome_Name(sum.outcome) << "/" << v1::Reason_Name(sum.reason) << " "
               << sum.reached << "+" << sum.missed << (sum.attempted ? "" : " not attempted");
  }
};
using Sums = std::vector<Sum>;

Sums sums(const std::vector<v1::Frame>& frames) {
  Sums all;
  for (const v1::Frame& frame : frames_of(frames, v1::Frame::kReceipts)) {
    EXPECT_NE(frame.receipts().seq(), 0u);
    for (const v1::Receipt& item : frame.receipts().items()) {
      for (uint64_t id = item.first_id(); id <= item.last_id(); ++id) {
        all.push_back({id, item.outcome(), item.reason(), item.reached(), item.missed(), item.attempted()});
      }
    }
  }
  std::sort(all.begin(), all.end(), [](const Sum& a, const Sum& b) { return a.id < b.id; });
  return all;
}

v1::Frame confirmed_publish(const std::string& topic, uint64_t id, const std::string& payload = "",
                            uint32_t ttl_ms = 0) {
  v1::Frame frame = publish_frame(topic, id, payload);
  frame.mutable_message()->set_confirm(v1::CONFIRM_DELIVERED);
  frame.mutable_message()->set_ttl_ms(ttl_ms);
  return frame;
}

struct ConfirmedRoom : Room {
  explicit ConfirmedRoom(ShardIndex alices_home, const Limits& limits = {}) : Room(alices_home, limits) {
    for (FakeClient* client : {&bob, &carol}) subscribe(*client, topic);
  }
  ~ConfirmedRoom() {
    broker.held_credits = broker.held_parcels = {};
    broker.stop();
    for (FakeLink& link : broker.links) link.write_capacity = SIZE_MAX;
    broker.settle();
    for (ShardIndex shard = 0; shard < broker.shards(); ++shard) {
      EXPECT_EQ(broker.counters(shard).held_bytes(), 0u);
      EXPECT_EQ(broker.counters(shard).links, 0u);
    }
  }
  void send(uint64_t first_id, uint64_t last_id, size_t payload_bytes = 10, uint32_t ttl_ms = 0) {
    std::string bytes;
    for (uint64_t id = first_id; id <= last_id; ++id) {
      bytes += wire(confirmed_publish(topic, id, payload_of(id, payload_bytes), ttl_ms));
    }
    alice.send_bytes(bytes);
  }
};

// The parameter is alice's home. That of the topic is shard 0, as bob's; carol's is shard 1.
class TopicOutcomes : public testing::TestWithParam<ShardIndex> {};

INSTANTIATE_TEST_SUITE_P(Topics, TopicOutcomes, testing::Values(0, 1), [](const auto& home) {
  return home.param == 0 ? std::string("ItsHome") : std::string("AnotherShard");
});

TEST_P(TopicOutcomes, ComeWhenTheLastHasAcknowledged) {
  ConfirmedRoom room(GetParam());
  room.send(1, 3);
  EXPECT_EQ(tags(room.bob.read()), (std::vector<uint64_t>{1, 2, 3}));
  EXPECT_EQ(tags(room.carol.read()), (std::vector<uint64_t>{1, 2, 3}));
  room.bob.send(ack_up_to(3));
  EXPECT_TRUE(room.alice.read().empty());
  room.carol.send(ack_taken(2, 2));
  EXPECT_EQ(sums(room.alice.read()), (Sums{{.id = 2, .reached = 2}}));
  room.carol.send(ack_up_to(3));
  const std::vector<v1::Frame> frames = room.alice.read();
  EXPECT_EQ(sums(frames), (Sums{{.id = 1, .reached = 2}, {.id = 3, .reached = 2}}));
  EXPECT_EQ(room.sum(&Counters::topic_messages), 3u);
  EXPECT_EQ(room.broker.counters(0).outcomes[v1::OUTCOME_DELIVERED], 3u) << "counted once, at the topic's home";
}

TEST_P(TopicOutcomes, ComeInRanges) {
  ConfirmedRoom room(GetParam());
  room.send(1, 100);
  room.bob.send(ack_up_to(100));
  room.carol.send(ack_up_to(100));
  const std::vector<v1::Frame> frames = room.alice.read();
  EXPECT_EQ(sums(frames).size(), 100u);
  ASSERT_EQ(frames.size(), 1u);
  EXPECT_EQ(frames[0].receipts().items_size(), 1);
}

TEST_P(TopicOutcomes, OneRefusesIt) {
  ConfirmedRoom room(GetParam());
  room.send(1, 2);
  room.bob.send(ack_refused(1, "no", 9));
  room.bob.send(ack_up_to(2));
  room.carol.send(ack_up_to(2));
  EXPECT_EQ(sums(room.alice.read()),
            (Sums{{1, v1::OUTCOME_PARTIAL, v1::REASON_REFUSED_BY_RECIPIENT, 1, 1}, {.id = 2, .reached = 2}}));
}

TEST_P(TopicOutcomes, OneEndsBeforeItsAck) {
  ConfirmedRoom room(GetParam());
  room.send(1, 1);
  room.carol.send(goodbye_frame(v1::CODE_NORMAL));
  EXPECT_TRUE(room.alice.read().empty());
  room.bob.send(ack_up_to(1));
  EXPECT_EQ(sums(room.alice.read()), (Sums{{1, v1::OUTCOME_PARTIAL, v1::REASON_CONNECTION_LOST, 1, 1}}));
}

TEST_P(TopicOutcomes, NobodyAcknowledges) {
  ConfirmedRoom room(GetParam());
  room.send(1, 1, 10, 500);
  room.bob.reset();
  room.carol.reset();
  room.broker.advance(500 + kTick);
  EXPECT_EQ(sums(room.alice.read()), (Sums{{1, v1::OUTCOME_EXPIRED, v1::REASON_UNSPECIFIED, 0, 2}}));
  room.send(2, 2, 10, 500);
  room.broker.advance(500 + kTick);
  EXPECT_EQ(sums(room.alice.read()), (Sums{{2, v1::OUTCOME_EXPIRED, v1::REASON_UNSPECIFIED, 0, 2, false}}));
}

TEST_P(TopicOutcomes, SomeHaveNoRoom) {
  ConfirmedRoom room(GetParam(), small_limits());
  room.carol.stop_reading();
  for (uint64_t id = 1; id <= 90; ++id) room.send(id, id, 1'000);
  room.bob.send(ack_up_to(90));
  room.carol.take();
  const std::vector<uint64_t> got_tags = tags(room.carol.read());
  const size_t got = got_tags.size();
  EXPECT_LT(got, 90u);
  EXPECT_GT(got, 40u);
  room.carol.send(ack_up_to(got_tags.back()));
  const Sums all = sums(room.alice.read());
  ASSERT_EQ(all.size(), 90u);
  EXPECT_EQ(all.front(), (Sum{.id = 1, .reached = 2}));
  EXPECT_EQ(all.back(), (Sum{90, v1::OUTCOME_PARTIAL, v1::REASON_QUEUE_FULL, 1, 1}));
  EXPECT_EQ(std::count_if(all.begin(), all.end(), [](const Sum& sum) { return sum.missed == 1; }),
            static_cast<std::ptrdiff_t>(90 - got));
  room.publish(91);
  EXPECT_EQ(skips(room.carol.read()), std::vector<uint32_t>{static_cast<uint32_t>(90 - got)});
}

TEST_P(TopicOutcomes, NobodyIsThere) {
  ConfirmedRoom room(GetParam());
  for (FakeClient* client : {&room.bob, &room.carol}) client->send(goodbye_frame(v1::CODE_NORMAL));
  room.send(1, 1);
  EXPECT_EQ(sums(room.alice.read()), (Sums{{1, v1::OUTCOME_REJECTED, v1::REASON_NOBODY_THERE, 0, 0, false}}));
}

TEST_P(TopicOutcomes, TheLastLeavesWhileItIsOnItsWay) {
  ConfirmedRoom room(GetParam());
  room.bob.send(goodbye_frame(v1::CODE_NORMAL));
  room.broker.held_parcels = {{0, 1}};
  room.send(1, 1);
  room.carol.send(goodbye_frame(v1::CODE_NORMAL));
  room.broker.held_parcels = {};
  room.broker.settle();
  EXPECT_EQ(sums(room.alice.read()), (Sums{{1, v1::OUTCOME_REJECTED, v1::REASON_NOBODY_THERE, 0, 0, false}}));
}

TEST_P(TopicOutcomes, AreToldAfterAResumeOfEitherSide) {
  ConfirmedRoom room(GetParam());
  FakeClient dave(room.broker, topics_frame(room.broker.name_on(GetParam(), "dave"), 60'000));
  dave.send(confirmed_publish(room.topic, 1, "x"));
  dave.reset();
  room.bob.send(ack_up_to(1));
  room.carol.reset();
  FakeClient carol(room.broker);
  const std::vector<v1::Frame> again = carol.connect(resume_frame(room.carol.connected(), 1));
  ASSERT_EQ(again.size(), 1u);
  EXPECT_TRUE(again[0].message().redelivered());
  carol.send(ack_up_to(1));
  FakeClient back(room.broker);
  EXPECT_EQ(sums(back.connect(resume_frame(dave.connected(), 1))), (Sums{{.id = 1, .reached = 2}}));
}

TEST_P(TopicOutcomes, AreForNobodyWhenTheSenderHasEnded) {
  ConfirmedRoom room(GetParam());
  room.send(1, 5);
  room.alice.send(goodbye_frame(v1::CODE_NORMAL));
  room.bob.send(ack_up_to(5));
  room.carol.send(ack_up_to(5));
  FakeClient next(room.broker, topics_frame(room.alice.connected().name()));
  EXPECT_TRUE(next.read().empty());
}

TEST_P(TopicOutcomes, AreAllToldBeforeTheBrokerStops) {
  ConfirmedRoom room(GetParam());
  room.send(1, 5);
  room.bob.send(ack_up_to(2));
  room.broker.stop();
  const std::vector<v1::Frame> frames = room.alice.read();
  const Sums all = sums(frames);
  ASSERT_EQ(all.size(), 5u);
  EXPECT_EQ(all[0], (Sum{1, v1::OUTCOME_PARTIAL, v1::REASON_SHUTTING_DOWN, 1, 1}));
  EXPECT_EQ(all[4], (Sum{5, v1::OUTCOME_LOST, v1::REASON_SHUTTING_DOWN, 0, 2}));
  EXPECT_TRUE(frames.back().has_goodbye());
}

TEST_P(TopicOutcomes, WithoutCredit) {
  ConfirmedRoom room(GetParam());
  // Shard 0 gets no credit back, so some wait there; the window is larger than what parcels hold.
  room.broker.held_credits = {{1, 0}};
  room.send(1, 1'000, 1'000);
  EXPECT_EQ(tags(room.bob.read()).size(), 1'000u);
  const size_t before = room.carol.read().size();
  EXPECT_LT(before, 1'000u);
  room.bob.send(ack_up_to(1'000));
  room.broker.held_credits = {};
  room.broker.settle();
  room.carol.send(ack_up_to(before + room.carol.read().size()));
  const Sums all = sums(room.alice.read());
  EXPECT_EQ(all.size(), 1'000u);
  for (const Sum& sum : all) ASSERT_EQ(sum, (Sum{.id = sum.id, .reached = 2}));
}

TEST_P(TopicOutcomes, WhatCouldNotBeSentOnIsMissed) {
  Limits limits = small_limits();
  ConfirmedRoom room(GetParam(), limits);
  room.broker.held_credits = {{1, 0}};
  // More than what the parcels and the queue behind them hold.
  uint64_t last = 0;
  std::vector<v1::Frame> to_alice;
  for (; last < 1'500; last += 50) {
    room.send(last + 1, last + 50, 1'000);
    for (const v1::Frame& frame : room.bob.read()) room.bob.send(ack_up_to(frame.message().delivery_tag()));
    for (const v1::Frame& frame : room.carol.read()) room.carol.send(ack_up_to(frame.message().delivery_tag()));
  }
  room.broker.held_credits = {};
  room.broker.settle();
  for (const v1::Frame& frame : room.carol.read()) room.carol.send(ack_up_to(frame.message().delivery_tag()));
  const Sums all = sums(room.alice.read());
  ASSERT_EQ(all.size(), last);
  const auto missed = std::find_if(all.begin(), all.end(), [](const Sum& sum) { return sum.missed != 0; });
  ASSERT_NE(missed, all.end());
  EXPECT_EQ(*missed, (Sum{.id = missed->id,
                          .outcome = v1::OUTCOME_PARTIAL,
                          .reason = v1::REASON_QUEUE_FULL,
                          .reached = 1,
                          .missed = 1}));
  EXPECT_GT(std::count_if(all.begin(), all.end(), [](const Sum& sum) { return sum.missed == 1; }), 100);
  // Also what was missed takes memory. Once that is as much as the messages may take, nothing more is taken.
  EXPECT_EQ(all.back().outcome, v1::OUTCOME_REJECTED);
  EXPECT_EQ(all.back().reason, v1::REASON_BROKER_BUSY);
  EXPECT_EQ(all.back().missed, 0u);
}

TEST_P(TopicOutcomes, TheWholeMessageIsRefusedWhileMemoryIsShort) {
  Limits limits;
  limits.memory_bytes_max = 256 << 10;
  limits.queue_bytes_max = 1 << 20;
  ConfirmedRoom room(GetParam(), limits);
  FakeClient dave(room.broker, room.broker.name_on(0, "dave"));
  dave.stop_reading();
  std::string bytes;
  for (uint64_t id = 1; id <= 300; ++id)
    bytes += wire(message_frame(dave.connected().name(), id, std::string(1'000, 'x')));
  FakeClient erin(room.broker, room.broker.name_on(0, "erin"));
  erin.send_bytes(bytes);
  room.send(1, 1);
  const Sums all = sums(room.alice.read());
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].reason, v1::REASON_BROKER_BUSY);
  EXPECT_TRUE(room.bob.read().empty());
}

}  // namespace
}  // namespace onehop::core::test
