// What waits to be told to a client: receipts make ranges, the latest ping and pong win, the pong comes last.
#include "core/queue/pending_control.h"

#include <gtest/gtest.h>

#include <string>

#include "frames.h"
#include "read_back.h"

namespace onehop::core {
namespace {

using test::read_back;

constexpr Fate kUnknown{v1::OUTCOME_REJECTED, v1::REASON_UNKNOWN_CLIENT, 0, 0, false};
constexpr Fate kFull{v1::OUTCOME_REJECTED, v1::REASON_QUEUE_FULL, 900, 0, false};

TEST(PendingControl, NothingWaitsAtFirstAndAfterEncoding) {
  Counters totals;
  PendingControl control(totals);
  EXPECT_TRUE(control.empty());
  EXPECT_TRUE(read_back(control).empty());
  control.set_pong(1);
  EXPECT_FALSE(control.empty());
  EXPECT_EQ(read_back(control).size(), 1u);
  EXPECT_TRUE(control.empty());
  EXPECT_EQ(control.bytes(), 0u);
}

TEST(PendingControl, ConsecutiveIdsOfOneFateMakeARange) {
  Counters totals;
  PendingControl control(totals);
  for (uint64_t id = 1; id <= 1'000; ++id) control.add_refusal({id, id, kUnknown, {}});
  control.add_refusal({1'001, 1'005, kFull, {}});
  control.add_refusal({1'007, 1'007, kFull, {}});
  control.add_refusal({1'008, 1'010, kFull, {}});
  EXPECT_LT(control.bytes(), 200u);
  const std::vector<v1::Frame> frames = read_back(control);
  ASSERT_EQ(frames.size(), 1u);
  const v1::Receipts& receipts = frames[0].receipts();
  EXPECT_EQ(receipts.seq(), 0u);
  ASSERT_EQ(receipts.items_size(), 3);
  EXPECT_EQ(receipts.items(0).first_id(), 1u);
  EXPECT_EQ(receipts.items(0).last_id(), 1'000u);
  EXPECT_EQ(receipts.items(0).outcome(), v1::OUTCOME_REJECTED);
  EXPECT_EQ(receipts.items(0).reason(), v1::REASON_UNKNOWN_CLIENT);
  EXPECT_FALSE(receipts.items(0).attempted());
  EXPECT_EQ(receipts.items(1).last_id(), 1'005u);
  EXPECT_EQ(receipts.items(1).retry_after_ms(), 900u);
  EXPECT_EQ(receipts.items(2).first_id(), 1'007u);
  EXPECT_EQ(receipts.items(2).last_id(), 1'010u);
}

TEST(PendingControl, ManyReceiptsMakeFramesThatEveryClientTakes) {
  Counters totals;
  PendingControl control(totals);
  std::vector<uint64_t> ids;
  for (uint64_t id = UINT64_MAX - 20'000; id != 0; id += 2) {
    control.add_refusal({id, id, kFull, {}});
    ids.push_back(id);
    if (ids.size() == 5'000) break;
  }
  EXPECT_GT(control.bytes(), size_t{64} << 10);
  EXPECT_EQ(test::refused_ids(read_back(control), v1::REASON_QUEUE_FULL), ids);
}

TEST(PendingControl, ThePongComesAfterReceiptsAndTheLatestWins) {
  Counters totals;
  PendingControl control(totals);
  control.set_pong(1);
  control.set_ping(7);
  control.add_flow({"bob"}, v1::STATE_PAUSE, 800);
  control.add_flow({"bob"}, v1::STATE_RESUME, 0);
  control.add_refusal({3, 3, kUnknown, {}});
  control.set_pong(2);
  control.set_ping(8);
  const std::vector<v1::Frame> frames = read_back(control);
  ASSERT_EQ(frames.size(), 5u);
  EXPECT_TRUE(frames[0].has_receipts());
  EXPECT_EQ(frames[1].flow().client(), "bob");
  EXPECT_EQ(frames[1].flow().state(), v1::STATE_PAUSE);
  EXPECT_EQ(frames[1].flow().retry_after_ms(), 800u);
  EXPECT_EQ(frames[2].flow().state(), v1::STATE_RESUME);
  EXPECT_EQ(frames[3].ping().nonce(), 8u);
  EXPECT_EQ(frames[4].pong().nonce(), 2u);
}

TEST(PendingControl, ARenewalIsAnsweredOnceAndBeforeThePong) {
  Counters totals;
  PendingControl control(totals);
  EXPECT_FALSE(control.has_renewed());
  control.set_pong(4);
  control.set_renewed(v1::REASON_BROKER_BUSY, 77);
  EXPECT_TRUE(control.has_renewed());
  const std::vector<v1::Frame> frames = read_back(control);
  ASSERT_EQ(frames.size(), 2u);
  EXPECT_EQ(frames[0].renewed().reason(), v1::REASON_BROKER_BUSY);
  EXPECT_EQ(frames[0].renewed().expires_in_ms(), 77u);
  EXPECT_TRUE(frames[1].has_pong());
  EXPECT_FALSE(control.has_renewed());
  EXPECT_TRUE(control.empty());
}

}  // namespace
}  // namespace onehop::core
