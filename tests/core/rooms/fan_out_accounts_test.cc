// FanOutAccounts: one receipt for each message, when nothing of it is missing, that sums up what became of it.
#include "core/rooms/fan_out_accounts.h"

#include <gtest/gtest.h>

#include <vector>

namespace onehop::core {
namespace {

constexpr Fate kTaken{v1::OUTCOME_DELIVERED, v1::REASON_UNSPECIFIED, 0, 0, true};
constexpr Fate kFull{v1::OUTCOME_REJECTED, v1::REASON_QUEUE_FULL, 0, 0, false};
constexpr Fate kExpired{v1::OUTCOME_EXPIRED, v1::REASON_UNSPECIFIED, 0, 0, true};

struct AccountsRig {
  Counters totals;
  FanOutAccounts accounts{totals};
  std::vector<Receipt> told;

  static Origin sender(uint32_t index) { return {Origin::Kind::kSession, 0, 1, 0, {index, 1}}; }
  void report(uint32_t from, uint64_t id, const FanOutReport& report) {
    accounts.report(sender(from), id, report, [this](const Receipt& receipt) { told.push_back(receipt); });
  }
  void settle(uint32_t from, uint64_t first_id, uint64_t last_id, const Fate& fate) {
    accounts.settle(sender(from), first_id, last_id, fate, [this](const Receipt& receipt) { told.push_back(receipt); });
  }
  Fate only() {
    EXPECT_EQ(told.size(), 1u);
    const Fate fate = told.empty() ? Fate{} : told[0].ids.fate;
    told.clear();
    return fate;
  }
};

TEST(FanOutAccounts, AllHaveAcknowledged) {
  AccountsRig rig;
  rig.accounts.open(AccountsRig::sender(1), 7, 100, 2);
  EXPECT_GT(rig.totals.state_bytes, 50u);
  rig.report(1, 7, {1, 0, {}});
  rig.settle(1, 7, 7, kTaken);
  EXPECT_TRUE(rig.told.empty()) << "another shard has not reported";
  rig.report(1, 7, {1, 0, {}});
  rig.settle(1, 7, 7, kTaken);
  ASSERT_EQ(rig.told.size(), 1u);
  EXPECT_EQ(rig.told[0].sender, AccountsRig::sender(1));
  EXPECT_EQ(rig.told[0].frame_bytes, 100u);
  EXPECT_TRUE(rig.told[0].confirmed);
  EXPECT_EQ(rig.told[0].ids.first_id, 7u);
  EXPECT_EQ(rig.told[0].ids.last_id, 7u);
  Fate expected = kTaken;
  expected.is_sum = true;
  expected.retry_after_ms = 2;
  EXPECT_EQ(rig.only(), expected);
  EXPECT_TRUE(rig.accounts.empty());
  EXPECT_EQ(rig.totals.state_bytes, 0u);
}

// What is told is forgotten also behind one that stays open, as it may for an hour.
TEST(FanOutAccounts, OneThatStaysOpenKeepsNoOthers) {
  AccountsRig rig;
  rig.accounts.open(AccountsRig::sender(1), 1, 10, 1);
  rig.report(1, 1, {1, 0, {}});
  for (uint64_t id = 2; id <= 10'000; ++id) {
    rig.accounts.open(AccountsRig::sender(1), id, 10, 1);
    rig.report(1, id, {1, 0, {}});
    rig.settle(1, id, id, kTaken);
  }
  EXPECT_EQ(rig.told.size(), 9'999u);
  EXPECT_LT(rig.totals.state_bytes, 1'000u);
  rig.told.clear();
  rig.settle(1, 1, 1, kTaken);
  EXPECT_EQ(rig.only().reached(), 1u);
  EXPECT_EQ(rig.totals.state_bytes, 0u);
}

TEST(FanOutAccounts, SomeMissedIt) {
  AccountsRig rig;
  rig.accounts.open(AccountsRig::sender(1), 1, 10, 1);
  rig.report(1, 1, {2, 3, kFull});
  rig.settle(1, 1, 1, kExpired);
  rig.settle(1, 1, 1, kTaken);
  const Fate fate = rig.only();
  EXPECT_EQ(fate.outcome, v1::OUTCOME_PARTIAL);
  EXPECT_EQ(fate.reason, v1::REASON_QUEUE_FULL) << "of the first miss";
  EXPECT_EQ(fate.reached(), 1u);
  EXPECT_EQ(fate.missed(), 4u);
  EXPECT_TRUE(fate.attempted);
}

TEST(FanOutAccounts, NobodyGotIt) {
  AccountsRig rig;
  rig.accounts.open(AccountsRig::sender(1), 1, 10, 1);
  rig.report(1, 1, {1, 1, kFull});
  rig.settle(1, 1, 1, kExpired);
  Fate fate = rig.only();
  EXPECT_EQ(fate.outcome, v1::OUTCOME_REJECTED);
  EXPECT_EQ(fate.reason, v1::REASON_QUEUE_FULL);
  EXPECT_TRUE(fate.attempted) << "one was written";
  EXPECT_EQ(fate.missed(), 2u);
  rig.accounts.open(AccountsRig::sender(1), 2, 10, 1);
  rig.report(1, 2, {});
  fate = rig.only();
  EXPECT_EQ(fate.outcome, v1::OUTCOME_REJECTED);
  EXPECT_EQ(fate.reason, v1::REASON_NOBODY_THERE);
  EXPECT_FALSE(fate.attempted);
}

TEST(FanOutAccounts, OutcomesComeInRangesAndInAnyOrder) {
  AccountsRig rig;
  for (uint64_t id = 10; id < 110; ++id) {
    for (const uint32_t sender : {1u, 2u}) {
      rig.accounts.open(AccountsRig::sender(sender), id, 10, 1);
      rig.report(sender, id, {1, 0, {}});
    }
  }
  rig.settle(1, 60, 109, kTaken);
  EXPECT_EQ(rig.told.size(), 50u);
  rig.settle(1, 60, 109, kTaken);
  EXPECT_EQ(rig.told.size(), 50u) << "told once";
  rig.settle(1, 10, 59, kTaken);
  EXPECT_EQ(rig.told.size(), 100u);
  EXPECT_EQ(rig.told[50].ids.first_id, 10u);
  EXPECT_FALSE(rig.accounts.empty());
  rig.settle(2, 10, 109, kTaken);
  EXPECT_TRUE(rig.accounts.empty());
  EXPECT_EQ(rig.totals.state_bytes, 0u);
}

}  // namespace
}  // namespace onehop::core
