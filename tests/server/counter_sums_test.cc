// What the shards have counted is added up, each number to the one of the same meaning.
#include "server/counter_sums.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "onehop/v1/onehop.pb.h"

namespace onehop::server {
namespace {

// A shard that has counted `unit` times a number that no other counter has.
CountersOfShard counted(unsigned index, uint64_t unit) {
  CountersOfShard shard;
  shard.index = index;
  core::Counters& c = shard.counters;
  uint64_t next = 1;
  for (uint64_t core::Counters::*counter : {&core::Counters::links,
                                            &core::Counters::sessions,
                                            &core::Counters::sessions_opened,
                                            &core::Counters::takeovers,
                                            &core::Counters::connects_refused,
                                            &core::Counters::connects_refused_full,
                                            &core::Counters::sessions_evicted,
                                            &core::Counters::hand_overs,
                                            &core::Counters::messages_received,
                                            &core::Counters::messages_admitted,
                                            &core::Counters::messages_redelivered,
                                            &core::Counters::messages_expired,
                                            &core::Counters::sessions_resumed,
                                            &core::Counters::messages_dropped,
                                            &core::Counters::bytes_received,
                                            &core::Counters::bytes_sent,
                                            &core::Counters::pauses_told,
                                            &core::Counters::resumes_told,
                                            &core::Counters::gates_closed,
                                            &core::Counters::reading_stopped,
                                            &core::Counters::queued_bytes,
                                            &core::Counters::open_bytes,
                                            &core::Counters::memory_ended,
                                            &core::Counters::credentials_expired,
                                            &core::Counters::renewals_accepted,
                                            &core::Counters::renewals_refused,
                                            &core::Counters::renewals_undecided,
                                            &core::Counters::sessions_revoked,
                                            &core::Counters::topic_messages,
                                            &core::Counters::topic_copies,
                                            &core::Counters::topic_skips}) {
    c.*counter = unit * next++;
  }
  c.outcomes[v1::OUTCOME_DELIVERED] = unit * 100;
  c.outcomes[v1::OUTCOME_REJECTED] = unit * 200;
  c.outcomes[v1::OUTCOME_EXPIRED] = unit * 300;
  c.outcomes[v1::OUTCOME_LOST] = unit * 400;
  c.outcomes[v1::OUTCOME_PARTIAL] = unit * 410;
  c.outcomes[v1::OUTCOME_REPLIED] = unit * 420;
  c.outcomes[v1::OUTCOME_RESPONDER_LOST] = unit * 430;
  c.messages_refused[v1::REASON_QUEUE_FULL] = unit * 500;
  c.messages_refused[v1::REASON_UNKNOWN_CLIENT] = unit * 600;
  shard.paused_senders = unit * 700;
  shard.transport_bytes = unit * 800;
  return shard;
}

TEST(CounterSums, EachNumberIsTheSumOfItsOwn) {
  const BrokerCounters sum = sum_of({counted(0, 1), counted(1, 10'000)});
  const auto expect = [](uint64_t told, uint64_t number) { EXPECT_EQ(told, number * 10'001) << "number " << number; };
  expect(sum.connections, 1);
  expect(sum.sessions, 2);
  expect(sum.sessions_opened, 3);
  expect(sum.takeovers, 4);
  expect(sum.connects_refused, 5);
  expect(sum.connects_refused_full, 6);
  expect(sum.sessions_evicted, 7);
  expect(sum.hand_overs, 8);
  expect(sum.messages_received, 9);
  expect(sum.messages_admitted, 10);
  expect(sum.messages_redelivered, 11);
  expect(sum.messages_expired, 12 + 300);
  expect(sum.sessions_resumed, 13);
  expect(sum.messages_dropped, 14);
  expect(sum.bytes_received, 15);
  expect(sum.bytes_sent, 16);
  expect(sum.pauses_told, 17);
  expect(sum.resumes_told, 18);
  expect(sum.gates_closed, 19);
  expect(sum.reading_stopped, 20);
  expect(sum.queued_bytes, 21);
  expect(sum.open_bytes, 22);
  expect(sum.memory_ended, 23);
  expect(sum.credentials_expired, 24);
  expect(sum.renewals_accepted, 25);
  expect(sum.renewals_refused, 26);
  expect(sum.renewals_undecided, 27);
  expect(sum.sessions_revoked, 28);
  expect(sum.topic_messages, 29);
  expect(sum.topic_copies, 30);
  expect(sum.topic_skips, 31);
  expect(sum.messages_acknowledged, 100);
  expect(sum.messages_refused_by_recipient, 200);
  expect(sum.messages_lost, 400);
  expect(sum.messages_refused, 500 + 600);
  expect(sum.paused_senders, 700);
  expect(sum.transport_bytes, 800);
  const auto expect_outcome = [&](Outcome outcome, uint64_t number) {
    for (const OutcomeCount& one : sum.outcomes) {
      if (one.outcome == outcome && one.reason == Reason::kNone) return expect(one.count, number);
    }
    ADD_FAILURE() << to_string(outcome);
  };
  expect_outcome(Outcome::kPartial, 410);
  expect_outcome(Outcome::kReplied, 420);
  expect_outcome(Outcome::kResponderLost, 430);
  ASSERT_EQ(sum.shards.size(), 2u);
  EXPECT_EQ(sum.shards[1].connections, 10'000u);
}

// A number that can rise is told before it has.
TEST(CounterSums, RefusalsForWantOfPermissionAreToldFromTheStart) {
  const BrokerCounters sum = sum_of({CountersOfShard()});
  const bool told = std::any_of(sum.outcomes.begin(), sum.outcomes.end(), [](const OutcomeCount& one) {
    return one.outcome == Outcome::kRejected && one.reason == Reason::kNotAuthorized && one.count == 0;
  });
  EXPECT_TRUE(told);
}

}  // namespace
}  // namespace onehop::server
