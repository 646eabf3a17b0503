// A run is void where its figures would show the generator, and only there.
#include "loadgen/run/void_reasons.h"

#include <gtest/gtest.h>

#include "loadgen/measure/quantity.h"

namespace onehop::loadgen {
namespace {

RunResult run_with(uint64_t latency_ns, uint64_t lag_ns, uint64_t lag_allowed_ns = kMs) {
  RunResult result;
  result.latency.record(latency_ns, 10'000);
  result.generator.lag.record(lag_ns, 10'000);
  result.generator.lag_allowed = lag_allowed_ns;
  return result;
}

TEST(VoidReasonsTest, AnIdleGeneratorIsGood) {
  EXPECT_TRUE(void_reasons(run_with(kMs, kMs / 10), false).empty());
}

TEST(VoidReasonsTest, LateByItself) {
  EXPECT_EQ(void_reasons(run_with(4 * kMs, 3 * kMs), false).size(), 1U);
}

// A slow system is slow, even if the generator adds a little.
TEST(VoidReasonsTest, LagThatLatenciesDwarfIsNoReason) {
  EXPECT_TRUE(void_reasons(run_with(300 * kMs, 3 * kMs), false).empty());
  EXPECT_TRUE(void_reasons(run_with(4 * kMs, 3 * kMs, 5 * kMs), false).empty()) << "as much as was allowed";
}

TEST(VoidReasonsTest, AFewLateOnesAreNoReason) {
  RunResult result = run_with(kMs, kMs / 10);
  result.generator.lag.record(500 * kMs, 50);
  EXPECT_TRUE(void_reasons(result, false).empty());
}

TEST(VoidReasonsTest, AThresholdOverASpoiledFigureIsAReason) {
  RunResult result = run_with(kMs, kMs / 10);
  result.thresholds = {{"p99.9<50ms", 1e6, false, true}, {"p50<50ms", 1e6, false, false}};
  const std::vector<std::string> reasons = void_reasons(result, false);
  ASSERT_EQ(reasons.size(), 1U);
  EXPECT_NE(reasons[0].find("'p99.9<50ms' cannot be judged"), std::string::npos) << reasons[0];
}

TEST(VoidReasonsTest, NeverIdle) {
  RunResult result = run_with(kMs, kMs / 10);
  result.open_loop = false;
  result.generator.busiest_thread = 0.94;
  EXPECT_TRUE(void_reasons(result, false).empty());
  result.generator.busiest_thread = 0.97;
  EXPECT_EQ(void_reasons(result, false).size(), 1U);
  EXPECT_TRUE(void_reasons(result, true).empty()) << "it was asked to spin";
}

TEST(VoidReasonsTest, InAnOpenLoopBeingBusyIsNoReasonUnlessItIsLateToo) {
  for (const uint64_t lag : {kMs / 5, kMs / 3}) {
    RunResult result = run_with(kMs, lag);
    result.generator.busiest_thread = 1;
    EXPECT_EQ(void_reasons(result, false).size(), lag > kMs / 4 ? 1U : 0U);
  }
}

TEST(VoidReasonsTest, MissedArrivals) {
  RunResult result = run_with(kMs, kMs / 10);
  result.generator.missed_arrivals = 9;
  EXPECT_TRUE(void_reasons(result, false).empty());
  result.generator.missed_arrivals = 11;
  EXPECT_EQ(void_reasons(result, false).size(), 1U);
}

TEST(VoidReasonsTest, WhereOnlyConnectsAreTimedLagIsComparedWithThem) {
  RunResult result;
  result.settings["workload"] = "storm";
  result.generator.lag.record(3 * kMs, 1'000);
  result.connect_latency.record(500 * kMs, 1'000);
  EXPECT_TRUE(void_reasons(result, false).empty());
  result.connect_latency.clear();
  result.connect_latency.record(4 * kMs, 1'000);
  EXPECT_EQ(void_reasons(result, false).size(), 1U);
}

}  // namespace
}  // namespace onehop::loadgen
