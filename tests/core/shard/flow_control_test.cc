// Pausing and resuming senders of a client whose queue fills, and the limit of that queue.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "pair.h"

namespace onehop::core::test {
namespace {

class Flow : public OnOneShardAndOnTwo {};
INSTANTIATE_TEST_SUITE_P(, Flow, testing::Values(0, 1), shards_in_words);

std::vector<v1::Flow> flows(const std::vector<v1::Frame>& frames) {
  std::vector<v1::Flow> some;
  for (const v1::Frame& frame : frames_of(frames, v1::Frame::kFlow)) some.push_back(frame.flow());
  return some;
}

TEST_P(Flow, OverTheHighMarkASenderIsToldToPauseOnceALease) {
  const Limits limits = small_limits();
  Pair pair(GetParam(), limits);
  pair.bob.stop_reading();
  pair.send_many(1, 40);
  EXPECT_TRUE(pair.alice.read().empty()) << "below the high mark nothing is said";
  pair.send_many(41, 20);
  const std::vector<v1::Flow> told = flows(pair.alice.read());
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].client(), pair.bobs_name);
  EXPECT_EQ(told[0].state(), v1::STATE_PAUSE);
  EXPECT_GE(told[0].retry_after_ms(), limits.pause_lease_ms * 3 / 4);
  EXPECT_LE(told[0].retry_after_ms(), limits.pause_lease_ms * 5 / 4);
  pair.broker.advance(told[0].retry_after_ms() - 1);
  pair.send_many(61, 1);
  EXPECT_TRUE(pair.alice.read().empty());
  pair.broker.advance(1);
  pair.send_many(62, 1);
  EXPECT_EQ(flows(pair.alice.read()).size(), 1u) << "the lease has run out, it tries again and is told again";
}

TEST_P(Flow, WithoutAnIdASenderIsToldToo) {
  Pair pair(GetParam(), small_limits());
  pair.bob.stop_reading();
  std::string bytes;
  for (int i = 0; i < 60; ++i) bytes += wire(message_frame(pair.bobs_name, 0, Pair::payload_of(1)));
  pair.alice.send_bytes(bytes);
  ASSERT_EQ(flows(pair.alice.read()).size(), 1u);
}

TEST_P(Flow, BelowTheLowMarkThoseToldMayGoOn) {
  Pair pair(GetParam(), small_limits());
  FakeClient carol(pair.broker, pair.broker.name_on(1 - GetParam(), "carol"));
  pair.bob.stop_reading();
  pair.send_many(1, 60);
  pair.alice.read();
  pair.bob.take(40'000);
  EXPECT_TRUE(pair.alice.read().empty()) << "between the marks nothing is said";
  pair.bob.take(10'000);
  const std::vector<v1::Flow> told = flows(pair.alice.read());
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].client(), pair.bobs_name);
  EXPECT_EQ(told[0].state(), v1::STATE_RESUME);
  EXPECT_EQ(told[0].retry_after_ms(), 0u);
  pair.bob.take();
  EXPECT_TRUE(pair.alice.read().empty()) << "once";
  EXPECT_TRUE(carol.read().empty()) << "who was not told to pause is not told to go on";
  EXPECT_EQ(payloads(pair.bob.read()), Pair::payloads_of(Pair::range(1, 60)));
}

TEST_P(Flow, AtTheLimitMessagesAreRefusedAndOthersGoOn) {
  const Limits limits = small_limits();
  Pair pair(GetParam(), limits);
  FakeClient carol(pair.broker, pair.broker.name_on(GetParam(), "carol"));
  pair.bob.stop_reading();
  pair.send_many(1, 100);
  const std::vector<v1::Frame> frames = pair.alice.read();
  const std::vector<uint64_t> refused = refused_ids(frames, v1::REASON_QUEUE_FULL);
  ASSERT_FALSE(refused.empty());
  EXPECT_EQ(refused, Pair::range(refused.front(), 100)) << "messages of one size: all from the first";
  EXPECT_LE(pair.broker.counters(GetParam()).queued_bytes, limits.queue_bytes_max);
  EXPECT_GT(pair.broker.counters(GetParam()).queued_bytes, limits.queue_bytes_max - 1'100);
  const v1::Receipt receipt = frames_of(frames, v1::Frame::kReceipts)[0].receipts().items(0);
  EXPECT_GE(receipt.retry_after_ms(), limits.pause_lease_ms * 3 / 4);
  EXPECT_LE(receipt.retry_after_ms(), limits.pause_lease_ms * 5 / 4);
  pair.alice.send(carol.connected().name(), 101, "one slow reader stalls nobody");
  EXPECT_EQ(payloads(carol.read()), std::vector<std::string>{"one slow reader stalls nobody"});
  pair.bob.take();
  EXPECT_EQ(payloads(pair.bob.read()), Pair::payloads_of(Pair::range(1, refused.front() - 1)));
  pair.send_many(102, 1);
  EXPECT_EQ(payloads(pair.bob.read()), Pair::payloads_of({102})) << "without the feature there is no gate";
}

TEST_P(Flow, WhenThePausedRecipientEndsItsSendersMayGoOn) {
  for (const bool orderly : {false, true}) {
    Pair pair(GetParam(), small_limits());
    pair.bob.stop_reading();
    pair.send_many(1, 60);
    ASSERT_EQ(flows(pair.alice.read()).size(), 1u);
    if (orderly) {
      pair.bob.send(goodbye_frame(v1::CODE_NORMAL));
    } else {
      pair.bob.reset();
    }
    const std::vector<v1::Flow> told = flows(pair.alice.read());
    ASSERT_EQ(told.size(), 1u);
    EXPECT_EQ(told[0].state(), v1::STATE_RESUME);
    EXPECT_EQ(told[0].client(), pair.bobs_name);
    pair.alice.send(pair.bobs_name, 61);
    EXPECT_EQ(refused_ids(pair.alice.read(), v1::REASON_UNKNOWN_CLIENT), std::vector<uint64_t>{61});
  }
}

TEST_P(Flow, APausedSenderThatEndedIsForgotten) {
  Pair pair(GetParam(), small_limits());
  pair.bob.stop_reading();
  pair.send_many(1, 60);
  pair.alice.reset();
  FakeClient next(pair.broker, pair.alices_name);
  pair.bob.take();
  EXPECT_TRUE(next.read().empty()) << "another session in the same place was told nothing";
}

// Bob and many senders, each of which is told to pause.
struct Crowd {
  Crowd(FakeBroker& broker, const std::string& to, size_t count) {
    for (size_t i = 0; i < count; ++i) {
      senders.emplace_back(broker, "sender" + std::to_string(i));
      senders.back().send(to, 1, "x");
    }
  }
  size_t told(v1::State state) {
    size_t count = 0;
    for (FakeClient& sender : senders) {
      for (const v1::Flow& flow : flows(sender.read())) count += flow.state() == state ? 1 : 0;
    }
    return count;
  }
  std::vector<FakeClient> senders;
};

TEST_P(Flow, ManyAreResumedAFewAtATime) {
  for (const bool ends : {false, true}) {
    Pair pair(GetParam(), small_limits());
    pair.bob.stop_reading();
    pair.send_many(1, 55);
    Crowd crowd(pair.broker, pair.bobs_name, 300);
    EXPECT_EQ(crowd.told(v1::STATE_PAUSE), 300u);
    pair.alice.read();
    ends ? pair.bob.reset() : pair.bob.take();
    size_t resumed = flows(pair.alice.read()).size() + crowd.told(v1::STATE_RESUME);
    size_t turns = 1;
    for (; resumed < 301 && turns < 20; ++turns) {
      pair.broker.advance(10);
      const size_t more = flows(pair.alice.read()).size() + crowd.told(v1::STATE_RESUME);
      EXPECT_LE(more, 2 * kResumesPerFlush);
      resumed += more;
    }
    EXPECT_EQ(resumed, 301u);
    EXPECT_GE(turns, 3u);
    pair.broker.advance(1'000);
    EXPECT_EQ(crowd.told(v1::STATE_RESUME), 0u) << "each once";
  }
}

TEST_P(Flow, ResumingStopsWhenTheQueueFillsAgain) {
  Pair pair(GetParam(), small_limits());
  pair.bob.stop_reading();
  pair.send_many(1, 55);
  Crowd crowd(pair.broker, pair.bobs_name, 300);
  EXPECT_EQ(crowd.told(v1::STATE_PAUSE), 300u);
  pair.bob.take();
  pair.bob.stop_reading();
  const size_t first = crowd.told(v1::STATE_RESUME);
  EXPECT_LT(first, 300u);
  pair.send_many(56, 30);
  pair.broker.advance(100);
  EXPECT_EQ(crowd.told(v1::STATE_RESUME), 0u) << "above the low mark";
  pair.bob.take();
  pair.broker.advance(100);
  EXPECT_EQ(first + crowd.told(v1::STATE_RESUME), 300u);
}

TEST_P(Flow, TheToldListIsBoundedAndWhoDoesNotFitIsRefused) {
  Limits limits = small_limits();
  limits.senders_max = 10;
  Pair pair(GetParam(), limits);
  pair.bob.stop_reading();
  pair.send_many(1, 55);
  EXPECT_EQ(flows(pair.alice.read()).size(), 1u);
  Crowd crowd(pair.broker, pair.bobs_name, 20);
  EXPECT_EQ(crowd.told(v1::STATE_PAUSE), 9u);
  pair.send_many(56, 20);
  EXPECT_FALSE(refused_ids(pair.alice.read(), v1::REASON_QUEUE_FULL).empty());
  for (FakeClient& sender : crowd.senders) sender.send(pair.bobs_name, 2, std::string(2'000, 'x'));
  for (FakeClient& sender : crowd.senders) {
    EXPECT_EQ(refused_ids(sender.read(), v1::REASON_QUEUE_FULL), std::vector<uint64_t>{2});
  }
}

TEST_P(Flow, LeasesDifferFromSenderToSender) {
  Pair pair(GetParam(), small_limits());
  pair.bob.stop_reading();
  pair.send_many(1, 55);
  Crowd crowd(pair.broker, pair.bobs_name, 100);
  std::set<uint32_t> leases;
  for (FakeClient& sender : crowd.senders) leases.insert(flows(sender.read())[0].retry_after_ms());
  EXPECT_GT(leases.size(), 60u);
}

TEST(FlowWithinOneClient, AQueueOfOnesOwn) {
  FakeBroker broker(1, small_limits());
  FakeClient narcissus(broker, "narcissus");
  narcissus.stop_reading();
  std::string bytes;
  for (uint64_t id = 1; id <= 100; ++id) bytes += wire(message_frame("narcissus", id, Pair::payload_of(id)));
  narcissus.send_bytes(bytes);
  narcissus.take();
  const std::vector<v1::Frame> frames = narcissus.read();
  const std::vector<uint64_t> refused = refused_ids(frames, v1::REASON_QUEUE_FULL);
  ASSERT_FALSE(refused.empty());
  EXPECT_EQ(payloads(frames), Pair::payloads_of(Pair::range(1, refused.front() - 1)));
  const std::vector<v1::Flow> told = flows(frames);
  ASSERT_EQ(told.size(), 2u);
  EXPECT_EQ(told[0].state(), v1::STATE_PAUSE);
  EXPECT_EQ(told[1].state(), v1::STATE_RESUME);
}

}  // namespace
}  // namespace onehop::core::test
