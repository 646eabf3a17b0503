// What becomes of confirmed messages: verdicts, windows, ttl, and the outcome each sender is told.
#include <gtest/gtest.h>

#include <map>
#include <utility>

#include "confirmed.h"

namespace onehop::core::test {
namespace {

class Verdicts : public OnOneShardAndOnTwo {};
INSTANTIATE_TEST_SUITE_P(, Verdicts, testing::Values(0, 1), shards_in_words);

using Tags = std::vector<uint64_t>;

// A full window may stay full for this time. Clients stay as they are however long they are silent.
Limits ack_within(uint32_t ack_timeout_ms) {
  Limits limits;
  limits.ack_timeout_ms = ack_timeout_ms;
  limits.keepalive_ms_default = 600'000;
  return limits;
}

TEST_P(Verdicts, ADeliveryIsTaggedAndItsAckIsTheOutcome) {
  LastingPair pair(GetParam());
  pair.send(7, 7);
  const v1::Message message = pair.bob.read_one().message();
  EXPECT_EQ(message.delivery_tag(), 1u);
  EXPECT_EQ(message.id(), 7u);
  EXPECT_EQ(message.from_session(), pair.alice.connected().session());
  EXPECT_FALSE(message.redelivered());
  EXPECT_EQ(message.ttl_left_ms(), 0u);
  EXPECT_TRUE(pair.alice.read().empty()) << "to write it is not to deliver it";
  pair.bob.send(ack_up_to(1));
  const std::vector<v1::Frame> frames = pair.alice.read();
  EXPECT_EQ(outcomes(frames), same_for(7, 7, v1::OUTCOME_DELIVERED));
  EXPECT_EQ(seqs(frames), Tags{1});
  EXPECT_EQ(pair.bobs_counters().outcomes[v1::OUTCOME_DELIVERED], 1u);
}

TEST_P(Verdicts, ConfirmedAndUnconfirmedKeepOneOrder) {
  LastingPair pair(GetParam());
  for (uint64_t id = 1; id <= 6; ++id) {
    pair.alice.send(id % 2 == 0 ? message_frame(pair.bobs_name, id, "") : confirmed_frame(pair.bobs_name, id));
  }
  const std::vector<v1::Frame> frames = pair.bob.read();
  EXPECT_EQ(ids(frames), Pair::range(1, 6));
  const Tags given = tags(frames);
  EXPECT_EQ(given[1] + given[3] + given[5], 0u) << "no ack is wanted";
  EXPECT_LT(given[0], given[2]);
  EXPECT_LT(given[2], given[4]);
}

TEST_P(Verdicts, RunsOfOneFateAreToldAsRanges) {
  LastingPair pair(GetParam());
  pair.send(1, 500);
  pair.bob.send(ack_up_to(500));
  const std::vector<v1::Frame> frames = pair.alice.read();
  EXPECT_EQ(outcomes(frames), same_for(1, 500, v1::OUTCOME_DELIVERED));
  int items = 0;
  for (const v1::Frame& frame : frames) items += frame.receipts().items_size();
  EXPECT_EQ(items, 1);
}

TEST_P(Verdicts, RefusedThenTakenThenUpToAndTheFirstWins) {
  LastingPair pair(GetParam());
  pair.send(1, 6);
  v1::Frame frame = ack_up_to(5);
  for (const uint64_t tag : {3u, 3u, 2u}) {
    v1::Refusal& refusal = *frame.mutable_ack()->add_refused();
    refusal.set_delivery_tag(tag);
    refusal.set_text(tag == 3 ? "three" : "two");
    refusal.set_code(static_cast<uint32_t>(frame.ack().refused_size()));
    refusal.set_retry_after_ms(99);
  }
  v1::Range& range = *frame.mutable_ack()->add_taken();
  range.set_first(2);
  range.set_last(4);
  pair.bob.send(frame);
  pair.bob.send(ack_refused(1, "too late"));
  std::map<uint64_t, v1::Receipt> told;
  for (const v1::Frame& receipts : pair.alice.read()) {
    for (const v1::Receipt& item : receipts.receipts().items()) {
      for (uint64_t id = item.first_id(); id <= item.last_id(); ++id) EXPECT_TRUE(told.emplace(id, item).second);
    }
  }
  ASSERT_EQ(told.size(), 5u);
  for (const uint64_t id : {1u, 4u, 5u}) EXPECT_EQ(told[id].outcome(), v1::OUTCOME_DELIVERED);
  for (const uint64_t id : {2u, 3u}) {
    EXPECT_EQ(told[id].outcome(), v1::OUTCOME_REJECTED);
    EXPECT_EQ(told[id].reason(), v1::REASON_REFUSED_BY_RECIPIENT);
    EXPECT_EQ(told[id].retry_after_ms(), 99u);
    EXPECT_TRUE(told[id].attempted());
  }
  EXPECT_EQ(told[3].text(), "three");
  EXPECT_EQ(told[3].code(), 1u);
  EXPECT_EQ(told[2].text(), "two");
  pair.bob.send(ack_taken(6, 6));
  EXPECT_EQ(outcomes(pair.alice.read()), same_for(6, 6, v1::OUTCOME_DELIVERED));
}

TEST_P(Verdicts, InAnyOrder) {
  LastingPair pair(GetParam());
  pair.send(1, 5);
  for (const uint64_t tag : {4u, 2u, 5u, 1u, 3u}) {
    pair.bob.send(ack_taken(tag, tag));
    EXPECT_EQ(outcomes(pair.alice.read()), same_for(tag, tag, v1::OUTCOME_DELIVERED));
  }
  pair.bob.send(ack_taken(1, 5));
  pair.bob.send(ack_up_to(5));
  EXPECT_TRUE(pair.alice.read().empty());
  EXPECT_FALSE(pair.bob.closed()) << "what is settled is ignored";
}

TEST_P(Verdicts, RangesMayOverlapAndComeInAnyOrder) {
  LastingPair pair(GetParam());
  pair.send(1, 20);
  v1::Frame frame;
  for (const auto& [first, last] : {std::pair(15, 18), {3, 6}, {0, 0}, {5, 9}, {3, 3}, {4, 8}, {18, 18}, {17, 19}}) {
    v1::Range& range = *frame.mutable_ack()->add_taken();
    range.set_first(static_cast<uint64_t>(first));
    range.set_last(static_cast<uint64_t>(last));
  }
  pair.bob.send(frame);
  std::vector<Told> expected = same_for(3, 9, v1::OUTCOME_DELIVERED);
  for (const Told& told : same_for(15, 19, v1::OUTCOME_DELIVERED)) expected.push_back(told);
  EXPECT_EQ(outcomes(pair.alice.read()), expected);
  pair.bob.send(ack_up_to(20));
  EXPECT_EQ(outcomes(pair.alice.read()).size(), 8u);
}

TEST_P(Verdicts, TheRecipientsWordsAreCutAtACharacter) {
  LastingPair pair(GetParam());
  pair.send(1, 2);
  pair.bob.send(ack_refused(1, std::string(255, 'x') + "\xC3\xA4" + "yz"));
  pair.bob.send(ack_refused(2, std::string(254, 'x') + "\xC3\xA4"));
  std::vector<std::string> texts;
  for (const v1::Frame& frame : pair.alice.read()) {
    for (const v1::Receipt& item : frame.receipts().items()) texts.push_back(item.text());
  }
  EXPECT_EQ(texts, (std::vector<std::string>{std::string(255, 'x'), std::string(254, 'x') + "\xC3\xA4"}));
}

TEST_P(Verdicts, AnAckForAnotherSessionIsIgnoredAndCounted) {
  LastingPair pair(GetParam());
  pair.send(1, 1);
  v1::Frame frame = ack_up_to(1);
  frame.mutable_ack()->set_session(pair.alice.connected().session());
  frame.mutable_ack()->set_receipts_up_to(77);
  pair.bob.send(frame);
  EXPECT_EQ(pair.bobs_counters().stale_acks, 1u);
  EXPECT_TRUE(pair.alice.read().empty());
  frame = ack_up_to(1);
  frame.mutable_ack()->set_session(pair.bob.connected().session());
  pair.bob.send(frame);
  EXPECT_EQ(outcomes(pair.alice.read()).size(), 1u);
  EXPECT_EQ(pair.bobs_counters().stale_acks, 1u);
}

TEST_P(Verdicts, ATagThatWasNeverGivenIsAnErrorAndNothingIsApplied) {
  std::vector<v1::Frame> wrong{ack_up_to(3), ack_taken(1, 3), ack_refused(3), ack_taken(2, 1), ack_receipts(1)};
  for (v1::Frame& frame : wrong) {
    LastingPair pair(GetParam());
    pair.send(1, 2);
    v1::Range& range = *frame.mutable_ack()->add_taken();
    range.set_first(1);
    range.set_last(1);
    pair.bob.send(frame);
    expect_ended(pair.broker, pair.bob, v1::CODE_PROTOCOL_ERROR);
    EXPECT_TRUE(pair.alice.read().empty());
    EXPECT_EQ(ids(pair.resume_bob()), (Tags{1, 2}));
  }
}

TEST_P(Verdicts, TheReceiveWindowCounts) {
  LastingPair pair(GetParam(), {}, 3);
  pair.send(1, 5);
  pair.alice.send(pair.bobs_name, 6, "unconfirmed, behind what waits");
  EXPECT_EQ(ids(pair.bob.read()), (Tags{1, 2, 3}));
  pair.bob.send(ack_taken(2, 2));
  EXPECT_EQ(ids(pair.bob.read()), Tags{4});
  pair.bob.send(ack_refused(1));
  EXPECT_EQ(ids(pair.bob.read()), Tags{5});
  pair.bob.send(ack_taken(5, 5));
  EXPECT_EQ(ids(pair.bob.read()), Tags{6});
  pair.bob.send(ack_up_to(5));
  EXPECT_EQ(outcomes(pair.alice.read()).size(), 5u);
}

TEST_P(Verdicts, UnconfirmedOnesWaitBehindAFullWindowToo) {
  LastingPair pair(GetParam(), {}, 2);
  pair.send(1, 2);
  pair.alice.send(pair.bobs_name, 3);
  EXPECT_EQ(ids(pair.bob.read()), (Tags{1, 2}));
  pair.bob.send(ack_taken(2, 2));
  EXPECT_EQ(ids(pair.bob.read()), Tags{3});
  pair.bob.send(ack_up_to(2));
}

TEST_P(Verdicts, WhatIsOpenCountsForTheShardsMemory) {
  Limits limits;
  limits.memory_bytes_max = 120'000;
  LastingPair pair(GetParam(), limits);
  for (uint64_t id = 1; id <= 120; ++id) pair.send(id, id, 0, 1'000);
  const Tags taken = ids(pair.bob.read());
  const Tags busy = refused_ids(pair.alice.read(), v1::REASON_BROKER_BUSY);
  ASSERT_FALSE(busy.empty());
  EXPECT_EQ(busy, Pair::range(taken.size() + 1, 120));
  EXPECT_GT(pair.bobs_counters().open_bytes + pair.bobs_counters().spare_bytes, 90'000u);
  pair.bob.send(ack_up_to(taken.size()));
  EXPECT_EQ(pair.bobs_counters().open_bytes, 0u);
  pair.send(121, 121);
  EXPECT_EQ(ids(pair.bob.read()), Tags{121}) << "the acks that free the memory were read";
}

TEST_P(Verdicts, TheReceiveWindowWeighs) {
  Limits limits;
  limits.receive_window_bytes = 10'000;
  LastingPair pair(GetParam(), limits);
  pair.send(1, 1, 0, 20'000);
  EXPECT_EQ(ids(pair.bob.read()), Tags{1}) << "one is let through, whatever it weighs";
  pair.send(2, 6, 0, 4'000);
  EXPECT_TRUE(pair.bob.read().empty());
  pair.bob.send(ack_up_to(1));
  EXPECT_EQ(ids(pair.bob.read()), (Tags{2, 3}));
  pair.bob.send(ack_up_to(3));
  EXPECT_EQ(ids(pair.bob.read()), (Tags{4, 5}));
  pair.bob.send(ack_taken(5, 5));
  EXPECT_EQ(ids(pair.bob.read()), Tags{6});
}

TEST_P(Verdicts, WhatRunsOutOfTimeIsToldAndSaysWhetherItWasWritten) {
  LastingPair pair(GetParam(), {}, 1);
  pair.send(1, 2, 1'000);
  pair.send(3, 3, 5'000);
  EXPECT_EQ(ids(pair.bob.read()), Tags{1});
  pair.broker.advance(999);
  EXPECT_TRUE(pair.alice.read().empty());
  pair.broker.advance(50);
  EXPECT_EQ(outcomes(pair.alice.read()), (std::vector<Told>{{1, v1::OUTCOME_EXPIRED, v1::REASON_UNSPECIFIED, true},
                                                            {2, v1::OUTCOME_EXPIRED, v1::REASON_UNSPECIFIED, false}}));
  EXPECT_TRUE(pair.bob.read().empty()) << "the first keeps its place in the window";
  pair.bob.send(ack_up_to(1));
  EXPECT_EQ(ids(pair.bob.read()), Tags{3});
  EXPECT_TRUE(pair.alice.read().empty()) << "one outcome each";
  pair.bob.send(ack_up_to(3));
  EXPECT_EQ(outcomes(pair.alice.read()), same_for(3, 3, v1::OUTCOME_DELIVERED));
}

TEST_P(Verdicts, TtlIsClampedToTheCeiling) {
  Limits limits;
  limits.ttl_ms_max = 2'000;
  limits.keepalive_ms_default = 600'000;
  LastingPair pair(GetParam(), limits, 1);
  pair.send(1, 1);
  pair.send(2, 2, UINT32_MAX);
  pair.send(3, 3, 0);
  pair.broker.advance(1'999);
  EXPECT_TRUE(pair.alice.read().empty());
  pair.broker.advance(50);
  EXPECT_EQ(outcomes(pair.alice.read()).size(), 3u);
}

TEST_P(Verdicts, WhatIsOverdueIsNotWrittenAnyMore) {
  LastingPair pair(GetParam(), {}, 1);
  pair.send(1, 1);
  pair.send(2, 2, 100);
  pair.bob.read();
  // The broker slept: it hears the ack before it looks at its clock.
  pair.broker.now = pair.broker.now + 5'000;
  pair.bob.send(ack_up_to(1));
  EXPECT_TRUE(pair.bob.read().empty());
  EXPECT_EQ(outcomes(pair.alice.read()), (std::vector<Told>{{1, v1::OUTCOME_DELIVERED, v1::REASON_UNSPECIFIED, true},
                                                            {2, v1::OUTCOME_EXPIRED, v1::REASON_UNSPECIFIED, false}}));
}

TEST_P(Verdicts, UnconfirmedOnesExpireUntold) {
  LastingPair pair(GetParam(), {}, 1);
  pair.send(1, 2);
  v1::Frame frame = message_frame(pair.bobs_name, 3, "");
  frame.mutable_message()->set_ttl_ms(100);
  pair.alice.send(frame);
  pair.broker.advance(200);
  EXPECT_TRUE(pair.alice.read().empty());
  EXPECT_EQ(pair.bobs_counters().messages_expired, 1u);
  pair.bob.send(ack_up_to(1));
  EXPECT_EQ(ids(pair.bob.read()), (Tags{1, 2}));
}

TEST_P(Verdicts, RefusalsAtAdmissionAreNumberedOutcomes) {
  LastingPair pair(GetParam());
  uint64_t id = 0;
  const auto refused = [&](v1::Frame frame) {
    frame.mutable_message()->set_id(++id);
    pair.alice.send(frame);
    const std::vector<v1::Frame> frames = pair.alice.read();
    const std::vector<Told> told = outcomes(frames);
    EXPECT_EQ(told.size(), 1u);
    if (told.empty()) return v1::REASON_UNSPECIFIED;
    EXPECT_EQ(told[0].id, id);
    EXPECT_EQ(told[0].outcome, v1::OUTCOME_REJECTED);
    EXPECT_FALSE(told[0].attempted);
    EXPECT_EQ(seqs(frames), Tags{id});
    return told[0].reason;
  };
  EXPECT_EQ(refused(confirmed_frame(pair.broker.name_on(GetParam(), "nobody"), 0)), v1::REASON_UNKNOWN_CLIENT);
  v1::Frame stale = confirmed_frame(pair.bobs_name, 0);
  stale.mutable_message()->set_in_reply_to_session(12);
  EXPECT_EQ(refused(stale), v1::REASON_STALE_SESSION);
  v1::Frame service = confirmed_frame("", 0);
  service.mutable_message()->set_service("s");
  EXPECT_EQ(refused(service), v1::REASON_NOBODY_THERE);
  v1::Frame narrow = connect_frame(pair.broker.name_on(GetParam(), "narrow"));
  narrow.mutable_connect()->set_frame_bytes_max(1);
  FakeClient recipient(pair.broker, narrow);
  EXPECT_EQ(refused(confirmed_frame(recipient.connected().name(), 0, std::string(17'000, 'x'))), v1::REASON_TOO_LARGE);
  EXPECT_TRUE(pair.bob.read().empty());
}

TEST_P(Verdicts, AMessageToOneselfIsAnOrdinaryOne) {
  LastingPair pair(GetParam());
  pair.bob.send(confirmed_frame(pair.bobs_name, 1, "to myself"));
  EXPECT_EQ(payloads(pair.bob.read()), std::vector<std::string>{"to myself"});
  pair.bob.send(ack_up_to(1));
  EXPECT_EQ(outcomes(pair.bob.read()), same_for(1, 1, v1::OUTCOME_DELIVERED));
}

TEST_P(Verdicts, WhoSettlesNothingWhileItsWindowIsFullIsSlow) {
  LastingPair pair(GetParam(), ack_within(20'000), 2);
  pair.send(1, 4);
  EXPECT_EQ(ids(pair.bob.read()), (Tags{1, 2}));
  pair.broker.advance(15'000);
  pair.bob.send(ack_up_to(1));
  pair.broker.advance(19'900);
  EXPECT_EQ(ids(pair.bob.read()), Tags{3});
  EXPECT_FALSE(pair.bob.closed()) << "settling anything is enough";
  pair.broker.advance(200);
  expect_ended(pair.broker, pair.bob, v1::CODE_SLOW_CONSUMER);
  EXPECT_EQ(ids(pair.resume_bob()), (Tags{2, 3})) << "the session stays";
  pair.bob.send(ack_up_to(3));
  EXPECT_EQ(ids(pair.bob.read()), Tags{4});
  pair.bob.send(ack_up_to(4));
  pair.broker.advance(100'000);
  EXPECT_FALSE(pair.bob.closed());
}

TEST_P(Verdicts, AShorterAckTimeoutHoldsForWindowsThatAreFullAlready) {
  LastingPair pair(GetParam(), ack_within(200'000), 2);
  pair.send(1, 2);
  pair.broker.advance(1'000);
  pair.broker.shard(GetParam()).set_limits(ack_within(20'000), pair.broker.now);
  pair.broker.advance(18'900);
  EXPECT_FALSE(pair.bob.closed());
  pair.broker.advance(200);
  expect_ended(pair.broker, pair.bob, v1::CODE_SLOW_CONSUMER);
}

TEST(VerdictsBetweenShards, WhoseAcksAreNotReadIsNotSlow) {
  LastingPair pair(1, ack_within(20'000), 2);
  pair.broker.held_credits = {{0, 1}, {1, 0}};
  pair.send(1, 2);
  std::string to_alice;
  for (uint64_t id = 1; id <= 1'200; ++id) {
    to_alice += wire(message_frame(pair.alices_name, id, std::string(1'000, 'x')));
  }
  // The ack is behind what waits for credit.
  pair.bob.send_bytes(to_alice + wire(ack_up_to(2)));
  ASSERT_FALSE(pair.bob.link().reading);
  pair.broker.advance(100'000);
  EXPECT_FALSE(pair.bob.closed());
  pair.alice.read();
  pair.broker.held_credits = {};
  pair.broker.settle();
  EXPECT_EQ(outcomes(pair.alice.read()), same_for(1, 2, v1::OUTCOME_DELIVERED));
}

TEST_P(Verdicts, AFullWindowCountsAlsoWhereNothingWaitsForIt) {
  LastingPair pair(GetParam(), ack_within(20'000), 2);
  pair.send(1, 2);
  pair.broker.advance(15'000);
  pair.bob.send(ack_up_to(1));
  pair.broker.advance(100'000);
  EXPECT_FALSE(pair.bob.closed()) << "it has room";
  pair.send(3, 3);
  pair.broker.advance(19'900);
  EXPECT_FALSE(pair.bob.closed());
  pair.broker.advance(200);
  EXPECT_TRUE(pair.bob.closed());
}

}  // namespace
}  // namespace onehop::core::test
