// Tests of a sender: it keeps the order to each recipient, a paused recipient holds up nobody else, and outcomes find
// their messages.
#include "loadgen/run/sender.h"

#include <gtest/gtest.h>

#include <vector>

namespace onehop::loadgen {
namespace {

using client::Outcome;

class SenderTest : public testing::Test {
 protected:
  void want(uint32_t recipient, uint64_t intended_ns = 0) {
    sender.want({.recipient = recipient, .intended_ns = intended_ns, .payload_bytes = 100});
  }
  // Takes all messages that may be sent now, and returns their recipients.
  std::vector<uint32_t> take_all() {
    std::vector<uint32_t> recipients;
    while (const Wanted* next = sender.next()) {
      recipients.push_back(next->recipient);
      sender.take_next(true, last_id);
    }
    return recipients;
  }
  bool told(uint64_t first, uint64_t last, Outcome outcome) {
    return sender.on_told(first, last, outcome, "", 1'000, settled);
  }
  Account account(Outcome promised = Outcome::kNotSent) { return Ledger::reconcile({&ledger}, promised); }

  Ledger ledger;
  Recorder recorder;
  Sender sender{7, ledger, recorder};
  uint64_t last_id = 0;
  uint64_t settled = 0;
};

TEST_F(SenderTest, IdsCountOnTheConnectionNumbersInTheStream) {
  want(1), want(2), want(1);
  uint64_t id = 0;
  sender.next();
  EXPECT_EQ(sender.take_next(true, id), 0U);
  EXPECT_EQ(id, 1U);
  sender.next();
  EXPECT_EQ(sender.take_next(true, id), 0U) << "the first to 2";
  EXPECT_EQ(id, 2U);
  sender.next();
  EXPECT_EQ(sender.take_next(true, id), 1U) << "the second to 1";
  EXPECT_EQ(id, 3U);
  EXPECT_EQ(sender.next(), nullptr);
  EXPECT_EQ(sender.waiting_bytes(), 0U);
}

TEST_F(SenderTest, APauseHoldsUpNobodyElse) {
  sender.on_pause(1, 5'000);
  want(1, 10), want(2, 20), want(1, 30), want(3, 40);
  EXPECT_EQ(take_all(), (std::vector<uint32_t>{2, 3}));
  EXPECT_EQ(sender.waiting(), 2U);
  EXPECT_EQ(sender.waiting_bytes(), 2 * (100 + sizeof(Wanted)));
  sender.on_resume(1);
  want(1, 50);
  std::vector<uint64_t> times;
  while (const Wanted* next = sender.next()) {
    times.push_back(next->intended_ns);
    sender.take_next(true, last_id);
  }
  EXPECT_EQ(times, (std::vector<uint64_t>{10, 30, 50})) << "in order";
}

TEST_F(SenderTest, APauseEndsByItself) {
  sender.on_pause(1, 5'000);
  want(1);
  EXPECT_TRUE(take_all().empty());
  sender.on_time(4'999);
  EXPECT_TRUE(sender.has_paused());
  EXPECT_TRUE(take_all().empty());
  sender.on_time(5'000);
  EXPECT_FALSE(sender.has_paused());
  EXPECT_EQ(take_all().size(), 1U);
}

TEST_F(SenderTest, OutcomesSettleWhatWasSent) {
  for (int i = 0; i < 5; ++i) want(1);
  take_all();
  EXPECT_EQ(sender.untold(), 5U);
  EXPECT_TRUE(told(2, 3, Outcome::kDelivered));
  EXPECT_TRUE(told(1, 1, Outcome::kRejected));
  EXPECT_EQ(settled, 3U);
  EXPECT_EQ(sender.untold(), 2U);
  EXPECT_EQ(recorder.confirm_latency.count(), 2U) << "of those that were taken";
  EXPECT_EQ(recorder.reasons.at("REJECTED"), 1U);
  EXPECT_EQ(account().rejected, 1U);
}

TEST_F(SenderTest, WhatCannotBeToldIsNoticed) {
  for (int i = 0; i < 3; ++i) want(1);
  take_all();
  EXPECT_FALSE(told(0, 1, Outcome::kDelivered));
  EXPECT_FALSE(told(2, 1, Outcome::kDelivered));
  EXPECT_FALSE(told(3, 4, Outcome::kDelivered)) << "4 was never sent";
  EXPECT_EQ(settled, 0U);
  EXPECT_TRUE(told(1, 1, Outcome::kDelivered));
  EXPECT_FALSE(told(1, 1, Outcome::kDelivered)) << "twice";
  EXPECT_TRUE(told(1, 3, Outcome::kAdmitted)) << "of those that nothing was told of";
  EXPECT_EQ(settled, 3U);
}

TEST_F(SenderTest, ALostConnectionLeavesNothingUnderWay) {
  for (int i = 0; i < 3; ++i) want(1);
  take_all();
  sender.on_pause(2, UINT64_MAX);
  want(2);
  EXPECT_TRUE(take_all().empty());
  sender.on_connection_lost();
  EXPECT_EQ(sender.untold(), 0U);
  EXPECT_FALSE(told(1, 1, Outcome::kDelivered));
  EXPECT_EQ(take_all().size(), 1U) << "what waited still waits, and the new connection knows of no pause";
  EXPECT_EQ(last_id, 1U);
}

TEST_F(SenderTest, WhatWaitsAtTheEndWasNotSent) {
  sender.on_pause(1, UINT64_MAX);
  want(1), want(2);
  EXPECT_EQ(take_all().size(), 1U);
  sender.give_up();
  EXPECT_EQ(sender.waiting(), 0U);
  EXPECT_EQ(account().not_sent, 1U);
  EXPECT_EQ(account().sent, 2U);
}

}  // namespace
}  // namespace onehop::loadgen
