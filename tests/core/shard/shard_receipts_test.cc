// What a sender learns and when: receipts are numbered, acknowledged, told again after a resume; the send window bounds
// what is open and what is told and not acknowledged.
#include <gtest/gtest.h>

#include <algorithm>

#include "confirmed.h"

namespace onehop::core::test {
namespace {

class Receipts : public OnOneShardAndOnTwo {};
INSTANTIATE_TEST_SUITE_P(, Receipts, testing::Values(0, 1), shards_in_words);

using Numbers = std::vector<uint64_t>;

Limits limits_of_window(uint32_t messages) {
  Limits limits;
  limits.send_window = messages;
  return limits;
}

TEST_P(Receipts, AreToldAgainUnderTheSameNumberUntilAcknowledged) {
  LastingPair pair(GetParam());
  for (uint64_t id = 1; id <= 3; ++id) {
    pair.send(id, id);
    pair.bob.send(id == 2 ? ack_refused(id, "no", 5) : ack_up_to(id));
  }
  const std::vector<v1::Frame> first = pair.alice.read();
  EXPECT_EQ(seqs(first), (Numbers{1, 2, 3}));
  pair.alice.send(ack_receipts(1));
  for (int round = 0; round < 2; ++round) {
    pair.alice.reset();
    const std::vector<v1::Frame> again = pair.resume_alice();
    ASSERT_EQ(seqs(again), (Numbers{2, 3}));
    EXPECT_EQ(again[0].SerializeAsString(), first[1].SerializeAsString());
    EXPECT_EQ(again[1].SerializeAsString(), first[2].SerializeAsString());
  }
  pair.alice.reset();
  v1::Frame connect = resume_frame(pair.alice.connected(), ++pair.alices_attempt);
  connect.mutable_connect()->set_receipts_up_to(2);
  pair.alice = FakeClient(pair.broker);
  EXPECT_EQ(seqs(pair.alice.connect(connect)), Numbers{3});
  pair.alice.reset();
  connect = resume_frame(pair.alice.connected(), ++pair.alices_attempt);
  connect.mutable_connect()->mutable_ack()->set_receipts_up_to(3);
  pair.alice = FakeClient(pair.broker);
  EXPECT_TRUE(pair.alice.connect(connect).empty());
}

TEST_P(Receipts, AreKeptForASenderThatIsAway) {
  LastingPair pair(GetParam());
  pair.send(1, 4);
  pair.bob.read();
  pair.alice.reset();
  pair.bob.send(ack_up_to(3));
  pair.bob.send(ack_refused(4));
  std::vector<Told> expected = same_for(1, 3, v1::OUTCOME_DELIVERED);
  expected.push_back({4, v1::OUTCOME_REJECTED, v1::REASON_REFUSED_BY_RECIPIENT, true});
  EXPECT_EQ(outcomes(pair.resume_alice()), expected);
  EXPECT_EQ(pair.alice.connected().last_id(), 4u);
}

TEST_P(Receipts, OfASenderThatEndedAreDropped) {
  LastingPair pair(GetParam());
  pair.send(1, 2);
  pair.alice.send(goodbye_frame(v1::CODE_NORMAL));
  EXPECT_EQ(ids(pair.bob.read()), (Numbers{1, 2})) << "what it had sent is delivered";
  FakeClient next(pair.broker, pair.alices_name);
  pair.bob.send(ack_up_to(2));
  EXPECT_TRUE(next.read().empty());
}

TEST_P(Receipts, AcknowledgingWhatWasNeverToldIsAnError) {
  LastingPair pair(GetParam());
  pair.send(1, 1);
  pair.bob.send(ack_up_to(1));
  pair.alice.send(ack_receipts(1));
  pair.alice.send(ack_receipts(1));
  EXPECT_FALSE(pair.alice.closed());
  pair.alice.send(ack_receipts(2));
  expect_ended(pair.broker, pair.alice, v1::CODE_PROTOCOL_ERROR);
}

TEST_P(Receipts, RefusalsOfUnconfirmedOnesHaveNoNumberAndNoPlace) {
  LastingPair pair(GetParam(), limits_of_window(1));
  const std::string nobody = pair.broker.name_on(GetParam(), "nobody");
  for (uint64_t id = 1; id <= 10; ++id) pair.alice.send(nobody, id);
  EXPECT_EQ(refused_ids(pair.alice.read(), v1::REASON_UNKNOWN_CLIENT).size(), 10u);
  pair.alice.reset();
  EXPECT_TRUE(pair.resume_alice().empty()) << "told once";
  pair.alice.send(nobody, 11);
  EXPECT_EQ(seqs(pair.alice.read()), Numbers{0});
  pair.send(12, 12);
  EXPECT_EQ(ids(pair.bob.read()), Numbers{12});
}

TEST_P(Receipts, TheSendWindowCountsOpenMessages) {
  LastingPair pair(GetParam(), limits_of_window(4));
  EXPECT_EQ(pair.alice.connected().send_window(), 4u);
  pair.send(1, 4);
  EXPECT_FALSE(pair.alice.closed());
  pair.alice.send(pair.bobs_name, 5, "takes no place");
  pair.send(6, 6);
  expect_ended(pair.broker, pair.alice, v1::CODE_QUOTA_EXCEEDED);
  EXPECT_EQ(ids(pair.bob.read()), Pair::range(1, 5));
}

TEST_P(Receipts, TheSendWindowCountsOutcomesThatAreNotAcknowledged) {
  LastingPair pair(GetParam(), limits_of_window(4));
  pair.send(1, 3);
  pair.bob.send(ack_up_to(3));
  EXPECT_EQ(outcomes(pair.alice.read()).size(), 3u);
  pair.alice.send(confirmed_frame(pair.broker.name_on(GetParam(), "nobody"), 4));
  pair.alice.send(ack_receipts(1));
  pair.send(5, 7);
  EXPECT_FALSE(pair.alice.closed());
  pair.send(8, 8);
  EXPECT_TRUE(pair.alice.closed()) << "4 was refused, and nobody said that this was heard";
  EXPECT_EQ(pair.alice.read().back().goodbye().code(), v1::CODE_QUOTA_EXCEEDED);
}

TEST_P(Receipts, TheSendWindowWeighsOpenMessages) {
  Limits limits;
  limits.frame_bytes_max = 16 << 10;
  limits.send_window_bytes = 20'000;
  LastingPair pair(GetParam(), limits);
  EXPECT_EQ(pair.alice.connected().send_window_bytes(), 20'000u);
  pair.send(1, 3, 0, 6'000);
  pair.bob.send(ack_taken(2, 2));
  pair.send(4, 4, 0, 6'000);
  EXPECT_FALSE(pair.alice.closed()) << "its bytes are free although its receipt is not acknowledged";
  pair.send(5, 5, 0, 6'000);
  EXPECT_TRUE(pair.alice.closed());
  EXPECT_EQ(pair.alice.read().back().goodbye().code(), v1::CODE_QUOTA_EXCEEDED);
}

TEST_P(Receipts, TheLargestFrameFitsIntoTheSendWindow) {
  Limits limits;
  limits.send_window_bytes = 1'000;
  LastingPair pair(GetParam(), limits);
  EXPECT_EQ(pair.alice.connected().send_window_bytes(), limits.frame_bytes_max);
  pair.send(1, 1, 0, limits.frame_bytes_max - 100);
  EXPECT_FALSE(pair.alice.closed());
}

TEST_P(Receipts, AWindowFullTimesMany) {
  LastingPair pair(GetParam(), limits_of_window(100));
  uint64_t id = 0;
  uint64_t tag = 0;
  for (int round = 0; round < 300; ++round) {
    pair.send(id + 1, id + 100);
    id += 100;
    const Numbers given = tags(pair.bob.read());
    ASSERT_EQ(given.size(), 100u);
    ASSERT_EQ(given.front(), tag + 1);
    tag = given.back();
    pair.bob.send(ack_up_to(tag));
    const std::vector<v1::Frame> frames = pair.alice.read();
    ASSERT_EQ(outcomes(frames), same_for(id - 99, id, v1::OUTCOME_DELIVERED));
    pair.alice.send(ack_receipts(frames.back().receipts().seq()));
  }
  EXPECT_FALSE(pair.alice.closed());
}

TEST_P(Receipts, WhoDoesNotHearThemIsNotReadAndTheyAreNotLost) {
  LastingPair pair(GetParam());
  pair.alice.set_room(3);
  std::string bytes;
  for (uint64_t id = 1; id <= 4'096; ++id) {
    // Every other one is unknown, so that there are no ranges.
    const bool known = id % 2 == 0;
    bytes += wire(confirmed_frame(known ? pair.bobs_name : pair.broker.name_on(GetParam(), "nobody"), id));
  }
  pair.alice.send_bytes(bytes);
  uint64_t last = 0;
  for (std::vector<v1::Frame> frames = pair.bob.read(); !frames.empty(); frames = pair.bob.read()) {
    last = tags(frames).back();
    for (uint64_t tag = 1; tag <= last; ++tag) pair.bob.send(ack_taken(tag, tag));
  }
  pair.alice.take();
  for (std::vector<v1::Frame> frames = pair.bob.read(); !frames.empty(); frames = pair.bob.read()) {
    pair.bob.send(ack_up_to(tags(frames).back()));
  }
  std::vector<uint64_t> told;
  for (const Told& outcome : outcomes(pair.alice.read())) told.push_back(outcome.id);
  std::sort(told.begin(), told.end());
  EXPECT_EQ(told, Pair::range(1, 4'096));
  EXPECT_FALSE(pair.alice.closed());
}

TEST_P(Receipts, ManyWordsStillMakeFramesThatEveryClientTakes) {
  LastingPair pair(GetParam());
  pair.send(1, 500);
  pair.alice.set_room(1);
  for (uint64_t tag = 1; tag <= 500; ++tag)
    pair.bob.send(ack_refused(tag, std::to_string(tag) + std::string(250, 'x')));
  EXPECT_FALSE(pair.alice.link().reading) << "more than 64 KiB wait for it";
  pair.alice.take();
  EXPECT_TRUE(pair.alice.link().reading);
  const std::vector<v1::Frame> frames = pair.alice.read();
  EXPECT_EQ(outcomes(frames).size(), 500u);
  for (const v1::Frame& frame : frames) EXPECT_LE(frame.ByteSizeLong(), kFrameBytesMaxFloor);
}

TEST_P(Receipts, OfWhatOneSentToOneselfAreDroppedWithTheConnection) {
  LastingPair pair(GetParam());
  const std::string name = pair.broker.name_on(GetParam(), "brief");
  FakeClient brief(pair.broker, name);
  // No two of them make a range.
  for (uint64_t id = 1; id <= 8'000; id += 2) brief.send(confirmed_frame(name, id));
  EXPECT_TRUE(brief.link().reading);
  brief.reset();
  EXPECT_EQ(pair.bobs_counters().outcomes[v1::OUTCOME_LOST], 4'000u);
}

TEST_P(Receipts, TwoClientsWithFullWindowsSendingToEachOther) {
  LastingPair pair(GetParam(), limits_of_window(200), 8);
  uint64_t alices_id = 0;
  uint64_t bobs_id = 0;
  uint64_t done = 0;
  const auto fill = [&](FakeClient& from, uint64_t& id, const std::string& to, size_t count) {
    std::string bytes;
    for (; count != 0; --count) bytes += wire(confirmed_frame(to, ++id, std::string(2'000, 'x')));
    from.send_bytes(bytes);
  };
  fill(pair.alice, alices_id, pair.bobs_name, 200);
  fill(pair.bob, bobs_id, pair.alices_name, 200);
  for (int round = 0; round < 400; ++round) {
    for (FakeClient* client : {&pair.alice, &pair.bob}) {
      const std::vector<v1::Frame> frames = client->read();
      v1::Frame ack;
      const Numbers given = tags(frames);
      if (!given.empty()) ack.mutable_ack()->set_up_to(given.back());
      const size_t told = outcomes(frames).size();
      if (told != 0) ack.mutable_ack()->set_receipts_up_to(seqs(frames).back());
      done += told;
      if (!given.empty() || told != 0) client->send(ack);
      if (client == &pair.alice) fill(*client, alices_id, pair.bobs_name, told);
      if (client == &pair.bob) fill(*client, bobs_id, pair.alices_name, told);
    }
  }
  EXPECT_GT(done, 2'000u);
  EXPECT_FALSE(pair.alice.closed());
  EXPECT_FALSE(pair.bob.closed());
}

TEST(ReceiptsBetweenShards, NeedNoCreditHoweverMuchOfItIsInUse) {
  LastingPair pair(1);
  pair.broker.held_credits = {{0, 1}, {1, 0}};
  // Both ways full: neither shard may post another message to the other.
  std::string to_bob;
  std::string to_alice;
  for (uint64_t id = 1; id <= 1'200; ++id) {
    to_bob += wire(confirmed_frame(pair.bobs_name, id, std::string(1'000, 'x')));
    to_alice += wire(confirmed_frame(pair.alices_name, id, std::string(1'000, 'x')));
  }
  pair.alice.send_bytes(to_bob);
  pair.bob.send_bytes(to_alice);
  ASSERT_FALSE(pair.alice.link().reading);
  ASSERT_FALSE(pair.bob.link().reading);
  const Numbers alices = tags(pair.alice.read());
  const Numbers bobs = tags(pair.bob.read());
  pair.broker.held_credits = {};
  pair.broker.settle();
  // What arrived while credit was short is settled like the rest.
  for (int round = 0; round < 10; ++round) {
    for (FakeClient* client : {&pair.alice, &pair.bob}) {
      const Numbers given = tags(client->read());
      const uint64_t first = client == &pair.alice ? alices.back() : bobs.back();
      client->send(ack_up_to(given.empty() ? first : std::max(first, given.back())));
    }
  }
  EXPECT_TRUE(pair.alice.link().reading);
  EXPECT_TRUE(pair.bob.link().reading);
  EXPECT_EQ(pair.broker.counters(0).outcomes[v1::OUTCOME_DELIVERED], 1'200u);
  EXPECT_EQ(pair.broker.counters(1).outcomes[v1::OUTCOME_DELIVERED], 1'200u);
}

TEST(ReceiptsBetweenShards, ComeWhileTheirShardHasNoCreditForMessages) {
  LastingPair pair(1);
  pair.send(1, 5);
  pair.bob.read();
  FakeClient carol(pair.broker, pair.broker.name_on(1, "carol"));
  pair.broker.held_credits = {{0, 1}};
  std::string bytes;
  for (uint64_t id = 1; id <= 1'000; ++id) bytes += wire(message_frame(pair.alices_name, id, std::string(1'000, 'x')));
  carol.send_bytes(bytes);
  ASSERT_FALSE(carol.link().reading);
  pair.alice.read();
  pair.bob.send(ack_up_to(5));
  EXPECT_EQ(outcomes(pair.alice.read()), same_for(1, 5, v1::OUTCOME_DELIVERED));
  pair.broker.held_credits = {};
  pair.broker.settle();
}

}  // namespace
}  // namespace onehop::core::test
