// Tests who does what in each workload.
#include "loadgen/run/plan.h"

#include <gtest/gtest.h>

#include <set>

namespace onehop::loadgen {
namespace {

class PlanTest : public testing::Test {
 protected:
  Plan plan() { return {settings, *driver, {}}; }
  // The clients for which a condition holds, in order.
  template <typename Condition>
  std::vector<uint32_t> those(const Plan& all, Condition condition) {
    std::vector<uint32_t> found;
    for (uint32_t client = 0; client < all.stays(); ++client) {
      if (condition(client)) found.push_back(client);
    }
    return found;
  }

  Settings settings;
  std::unique_ptr<Driver> driver = make_onehop_driver({});
  Random random{1};
};

TEST_F(PlanTest, PairsStayOnOneThread) {
  settings.clients = 8;
  settings.idle = 2;
  settings.threads = 3;
  const Plan pairs = plan();
  EXPECT_EQ(pairs.stays(), 10U);
  EXPECT_EQ(those(pairs, [&](uint32_t c) { return pairs.sends(c); }), (std::vector<uint32_t>{0, 2, 4, 6}));
  EXPECT_EQ(those(pairs, [&](uint32_t c) { return pairs.receives(c); }), (std::vector<uint32_t>{1, 3, 5, 7}));
  for (uint32_t client = 0; client < 8; client += 2) {
    EXPECT_EQ(pairs.recipient_of(client, 0, random), client + 1);
    EXPECT_EQ(pairs.thread_of(client), pairs.thread_of(client + 1));
  }
}

TEST_F(PlanTest, RandomReachesEverybodyButOneself) {
  settings.workload = Workload::kRandom;
  settings.clients = 5;
  const Plan random_plan = plan();
  std::set<uint32_t> reached;
  for (int i = 0; i < 1'000; ++i) reached.insert(random_plan.recipient_of(3, 0, random));
  EXPECT_EQ(reached, (std::set<uint32_t>{0, 1, 2, 4}));
}

TEST_F(PlanTest, FanInGoesToTheFirstOnes) {
  settings.workload = Workload::kFanIn;
  settings.clients = 10;
  settings.recipients = 2;
  const Plan fan_in = plan();
  EXPECT_EQ(those(fan_in, [&](uint32_t c) { return fan_in.receives(c); }), (std::vector<uint32_t>{0, 1}));
  EXPECT_EQ(those(fan_in, [&](uint32_t c) { return fan_in.sends(c); }).size(), 8U);
  for (int i = 0; i < 100; ++i) EXPECT_LT(fan_in.recipient_of(5, 0, random), 2U);
}

TEST_F(PlanTest, FanOutGoesToTheOthersInTurn) {
  settings.workload = Workload::kFanOut;
  settings.clients = 4;
  settings.idle = 1;
  const Plan fan_out = plan();
  EXPECT_EQ(those(fan_out, [&](uint32_t c) { return fan_out.sends(c); }), std::vector<uint32_t>{0});
  EXPECT_EQ(those(fan_out, [&](uint32_t c) { return fan_out.receives(c); }), (std::vector<uint32_t>{1, 2, 3}));
  std::vector<uint32_t> recipients;
  for (uint64_t turn = 0; turn < 5; ++turn) recipients.push_back(fan_out.recipient_of(0, turn, random));
  EXPECT_EQ(recipients, (std::vector<uint32_t>{1, 2, 3, 1, 2}));
}

TEST_F(PlanTest, InEchoBothReceiveAndOneAsks) {
  settings.workload = Workload::kEcho;
  settings.clients = 4;
  const Plan echo = plan();
  EXPECT_EQ(those(echo, [&](uint32_t c) { return echo.sends(c); }), (std::vector<uint32_t>{0, 2}));
  EXPECT_EQ(those(echo, [&](uint32_t c) { return echo.receives(c); }).size(), 4U);
}

TEST_F(PlanTest, NobodyThatStaysSendsInChurnStormAndIdle) {
  for (const Workload workload : {Workload::kChurn, Workload::kStorm, Workload::kIdle}) {
    settings.workload = workload;
    const Plan quiet = plan();
    EXPECT_TRUE(those(quiet, [&](uint32_t c) { return quiet.sends(c); }).empty());
  }
}

TEST_F(PlanTest, SlowReadersAreThePartAskedForSpreadOverThem) {
  settings.clients = 200;
  settings.slow_part = 0.1;
  const Plan slow = plan();
  const auto found = those(slow, [&](uint32_t c) { return slow.is_slow(c); });
  EXPECT_EQ(found.size(), 10U);
  for (const uint32_t client : found) EXPECT_TRUE(slow.receives(client));
  EXPECT_GT(found.back() - found.front(), 150U);
}

TEST_F(PlanTest, NamesAreKnownAgain) {
  settings.clients = 20;
  const Plan one = plan();
  const Plan other = plan();
  EXPECT_EQ(one.client_of(one.name_of(17)), 17U);
  EXPECT_EQ(one.client_of(one.name_of(20)), 20U) << "nobody that stays";
  EXPECT_EQ(one.client_of(other.name_of(17)), 20U) << "another process's";
  EXPECT_EQ(one.client_of(one.name_of(17) + "x"), 20U);
  EXPECT_EQ(one.client_of(""), 20U);
  settings.prefix = "mine-";
  EXPECT_EQ(plan().name_of(3), "mine-3");
}

TEST_F(PlanTest, SourcesAreTakenInTurn) {
  EXPECT_EQ(plan().source_of(0), nullptr);
  settings.sources = {"127.0.0.2", "127.0.0.3"};
  const Plan two = plan();
  EXPECT_EQ(two.source_of(4)->text(), "tcp://127.0.0.2:0");
  EXPECT_EQ(two.source_of(5)->text(), "tcp://127.0.0.3:0");
}

}  // namespace
}  // namespace onehop::loadgen
