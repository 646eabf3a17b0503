// The log of outcomes: frames are numbered, told again under the same numbers, and forgotten once acknowledged.
#include "core/queue/receipt_log.h"

#include <gtest/gtest.h>
#include <malloc.h>

#include <string>
#include <vector>

#include "read_back.h"

namespace onehop::core {
namespace {

using test::read_back;

constexpr Fate kDelivered{v1::OUTCOME_DELIVERED, v1::REASON_UNSPECIFIED, 0, 0, true};
constexpr Fate kRefused{v1::OUTCOME_REJECTED, v1::REASON_REFUSED_BY_RECIPIENT, 5, 6, true};

struct Told {
  uint64_t seq;
  std::vector<std::pair<uint64_t, uint64_t>> ranges;
  friend bool operator==(const Told&, const Told&) = default;
};

std::vector<Told> told(ReceiptLog& log) {
  std::vector<Told> all;
  for (const v1::Frame& frame : read_back(log)) {
    const v1::Receipts& receipts = frame.receipts();
    all.push_back({receipts.seq(), {}});
    for (const v1::Receipt& item : receipts.items()) all.back().ranges.push_back({item.first_id(), item.last_id()});
  }
  return all;
}

TEST(ReceiptLog, EachEncodingHasTheNextNumber) {
  Counters totals;
  ReceiptLog log(totals);
  EXPECT_FALSE(log.has_untold());
  for (const uint64_t id : {3u, 4u, 5u, 7u}) log.add({id, id, kDelivered, {}});
  EXPECT_TRUE(log.has_untold());
  EXPECT_EQ(log.last_seq(), 0u);
  EXPECT_EQ(told(log), (std::vector<Told>{{1, {{3, 5}, {7, 7}}}}));
  EXPECT_FALSE(log.has_untold());
  EXPECT_TRUE(told(log).empty());
  log.add({8, 9, kDelivered, {}});
  EXPECT_EQ(told(log), (std::vector<Told>{{2, {{8, 9}}}})) << "what was told does not grow";
  EXPECT_EQ(log.last_seq(), 2u);
}

TEST(ReceiptLog, OutcomesCountUntilTheirFrameIsAcknowledged) {
  Counters totals;
  ReceiptLog log(totals);
  log.add({1, 10, kDelivered, {}});
  EXPECT_EQ(log.outcomes(), 10u);
  EXPECT_FALSE(log.acknowledge(1)) << "not told yet";
  told(log);
  log.add({11, 11, kDelivered, {}});
  told(log);
  log.add({12, 12, kDelivered, {}});
  EXPECT_EQ(log.outcomes(), 12u);
  EXPECT_TRUE(log.acknowledge(0));
  EXPECT_EQ(log.outcomes(), 12u);
  EXPECT_TRUE(log.acknowledge(1));
  EXPECT_EQ(log.outcomes(), 2u);
  EXPECT_TRUE(log.acknowledge(1)) << "again: nothing";
  EXPECT_FALSE(log.acknowledge(3));
  EXPECT_EQ(log.outcomes(), 2u);
  EXPECT_TRUE(log.acknowledge(2));
  EXPECT_EQ(log.outcomes(), 1u);
}

TEST(ReceiptLog, WhatIsNotAcknowledgedIsToldAgainAsItWas) {
  Counters totals;
  ReceiptLog log(totals);
  for (uint64_t id = 1; id <= 3; ++id) {
    log.add({2 * id, 2 * id, kDelivered, {}});
    told(log);
  }
  EXPECT_TRUE(log.acknowledge(1));
  log.add({7, 7, kDelivered, {}});
  log.repeat();
  EXPECT_TRUE(log.has_untold());
  EXPECT_EQ(told(log), (std::vector<Told>{{2, {{4, 4}}}, {3, {{6, 6}}}, {4, {{7, 7}}}}));
  EXPECT_FALSE(log.has_untold());
  log.repeat();
  EXPECT_TRUE(log.acknowledge(3)) << "while it is to be repeated";
  EXPECT_EQ(told(log), (std::vector<Told>{{4, {{7, 7}}}}));
  EXPECT_TRUE(log.acknowledge(4));
  log.repeat();
  EXPECT_FALSE(log.has_untold());
  EXPECT_EQ(log.outcomes(), 0u);
}

TEST(ReceiptLog, TheRecipientsWordsAreKept) {
  Counters totals;
  ReceiptLog log(totals);
  log.add({1, 1, kRefused, "not today"});
  log.add({2, 2, kRefused, "not today"});
  log.add({3, 3, kRefused, "never"});
  for (int round = 0; round < 2; ++round) {
    const std::vector<v1::Frame> frames = read_back(log);
    ASSERT_EQ(frames.size(), 1u);
    ASSERT_EQ(frames[0].receipts().items_size(), 2);
    EXPECT_EQ(frames[0].receipts().items(0).last_id(), 2u);
    EXPECT_EQ(frames[0].receipts().items(0).text(), "not today");
    EXPECT_EQ(frames[0].receipts().items(0).code(), 6u);
    EXPECT_EQ(frames[0].receipts().items(0).retry_after_ms(), 5u);
    EXPECT_EQ(frames[0].receipts().items(1).text(), "never");
    log.repeat();
  }
}

TEST(ReceiptLog, FramesStaySmallWhateverTheyTell) {
  Counters totals;
  ReceiptLog log(totals);
  for (uint64_t id = 1; id <= 600; ++id) log.add({id, id, kRefused, std::string(250, 'x') + std::to_string(id)});
  for (uint64_t id = 1; id <= 4'000; ++id)
    log.add({UINT64_MAX - 10'000 + 2 * id, UINT64_MAX - 10'000 + 2 * id, kRefused, {}});
  EXPECT_GT(log.untold_bytes(), 600u * 250);
  uint64_t items = 0;
  uint64_t seq = 0;
  for (const v1::Frame& frame : read_back(log)) {
    EXPECT_EQ(frame.receipts().seq(), ++seq);
    items += static_cast<uint64_t>(frame.receipts().items_size());
  }
  EXPECT_EQ(items, 4'600u);
  EXPECT_EQ(log.untold_bytes(), 0u);
  EXPECT_EQ(log.outcomes(), 4'600u);
}

TEST(ReceiptLog, WhatItTakesIsCountedUntilItIsAcknowledged) {
  Counters totals;
  {
    ReceiptLog log(totals);
    EXPECT_EQ(totals.receipt_bytes, 0u);
    for (uint64_t id = 2; id <= 2'000; id += 2) log.add({id, id, kRefused, std::string(100, 't')});
    const size_t least = 1'000 * (sizeof(FateOfIds) + 100);
    EXPECT_GE(log.held_bytes(), least);
    EXPECT_EQ(totals.receipt_bytes, log.held_bytes());
    told(log);
    EXPECT_GE(log.held_bytes(), least);
    EXPECT_LT(log.held_bytes(), 2 * least);
    EXPECT_TRUE(log.acknowledge(log.last_seq()));
    EXPECT_LT(log.held_bytes(), 10'000u);
    log.add({3'000, 3'000, kRefused, "once more"});
    EXPECT_EQ(totals.receipt_bytes, log.held_bytes());
  }
  EXPECT_EQ(totals.receipt_bytes, 0u);
}

TEST(ReceiptLog, AMillionOutcomesLeaveItAsItWas) {
  Counters totals;
  ReceiptLog log(totals);
  SegmentPool pool;
  v1::Frame scratch;
  uint64_t id = 0;
  const auto round = [&](uint64_t outcomes) {
    for (uint64_t left = outcomes / 100; left != 0; --left) {
      OutputQueue queue;
      for (int i = 0; i < 100; ++i) log.add({++id, id, i % 2 == 0 ? kDelivered : kRefused, {}});
      log.encode(queue, pool, scratch);
      queue.clear(pool);
      EXPECT_TRUE(log.acknowledge(log.last_seq()));
    }
  };
  round(10'000);
  const size_t before = mallinfo2().uordblks;
  round(1'000'000);
  EXPECT_LE(mallinfo2().uordblks, before + 1'024);
  EXPECT_EQ(log.outcomes(), 0u);
}

}  // namespace
}  // namespace onehop::core
