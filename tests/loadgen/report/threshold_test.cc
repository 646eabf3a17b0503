// Tests of thresholds: the grammar, the figure that each metric reads, and that a figure that was not measured proves
// nothing.
#include "loadgen/report/threshold.h"

#include <gtest/gtest.h>

#include <limits>

#include "loadgen/measure/quantity.h"

namespace onehop::loadgen {
namespace {

RunResult sample() {
  RunResult result;
  for (uint64_t i = 1; i <= 1000; ++i) result.latency.record(i * 10'000);  // 10 µs to 10 ms.
  result.confirm_latency.record(20 * kMs);
  result.uncorrected.record(3 * kMs);
  result.connect_latency.record(4 * kMs);
  result.slow_latency.record(5 * kMs);
  result.generator.lag.record(6 * kMs);
  result.generator.lag_allowed = 6 * kMs;
  result.achieved_rate = 9500;
  result.account.sent = 1000;
  result.account.delivered = 990;
  result.account.rejected = 4;
  result.account.expired = 3;
  result.account.lost = 2;
  result.account.unknown = 1;
  result.account.duplicates = 7;
  result.connections.failed = 8;
  result.connections.broken = 9;
  return result;
}

Threshold parsed(std::string_view text) {
  std::string error;
  auto threshold = Threshold::parse(text, error);
  if (!threshold) throw std::runtime_error(error);
  return *threshold;
}

bool kept(std::string_view text) {
  return parsed(text).check(sample()).kept;
}

std::string refusal_of_text(std::string_view text) {
  std::string error;
  EXPECT_FALSE(Threshold::parse(text, error).has_value()) << text;
  return error;
}

TEST(Threshold, EveryOperatorOnBothSidesOfItsEdge) {
  EXPECT_TRUE(kept("lost<3"));
  EXPECT_FALSE(kept("lost<2"));
  EXPECT_TRUE(kept("lost<=2"));
  EXPECT_FALSE(kept("lost<=1"));
  EXPECT_TRUE(kept("lost>1"));
  EXPECT_FALSE(kept("lost>2"));
  EXPECT_TRUE(kept("lost>=2"));
  EXPECT_FALSE(kept("lost>=3"));
  EXPECT_TRUE(kept("lost==2"));
  EXPECT_FALSE(kept("lost==0"));
  EXPECT_TRUE(kept("lost!=0"));
  EXPECT_FALSE(kept("lost!=2"));
}

TEST(Threshold, LatenciesReadTheHistogramTheyName) {
  EXPECT_NEAR(parsed("p50<1s").check(sample()).value.value_or(-1), 5.0e6, 5.0e3);
  EXPECT_NEAR(parsed("p99.9<1s").check(sample()).value.value_or(-1), 9.99e6, 1.0e4);
  EXPECT_EQ(parsed("p100<1s").check(sample()).value, 10e6);
  EXPECT_EQ(parsed("max<1s").check(sample()).value, 10e6);
  EXPECT_EQ(parsed("min<1s").check(sample()).value, 10e3);
  EXPECT_EQ(parsed("mean<1s").check(sample()).value, 5.005e6);
  EXPECT_EQ(parsed("confirm.max<1s").check(sample()).value, 20e6);
  EXPECT_EQ(parsed("uncorrected.max<1s").check(sample()).value, 3e6);
  EXPECT_EQ(parsed("connect.max<1s").check(sample()).value, 4e6);
  EXPECT_EQ(parsed("slow.max<1s").check(sample()).value, 5e6);
  EXPECT_EQ(parsed("lag.max<1s").check(sample()).value, 6e6);
}

TEST(Threshold, DurationsHaveUnits) {
  EXPECT_TRUE(kept("confirm.max==20ms"));
  EXPECT_TRUE(kept("confirm.max==20000us"));
  EXPECT_TRUE(kept("confirm.max==20000000ns"));
  EXPECT_TRUE(kept("confirm.max==0.02s"));
  EXPECT_NE(refusal_of_text("p99<5").find("'5' is no duration with its unit"), std::string::npos);
}

TEST(Threshold, CountsAreNumbersOrPartsOfWhatWasSent) {
  EXPECT_TRUE(kept("rejected==0.4%"));
  EXPECT_TRUE(kept("rejected<=0.5%"));
  EXPECT_FALSE(kept("rejected<0.4%"));
  EXPECT_TRUE(kept("delivered>=99%"));
  EXPECT_TRUE(kept("errors==10"));
  EXPECT_TRUE(kept("undelivered==10"));
  EXPECT_TRUE(kept("expired==3"));
  EXPECT_TRUE(kept("unknown==1"));
  EXPECT_TRUE(kept("duplicates==7"));
  EXPECT_TRUE(kept("unexplained==0"));
  EXPECT_TRUE(kept("connect_failed==8"));
  EXPECT_TRUE(kept("broken==9"));
  EXPECT_EQ(parsed("rejected<1%").check(sample()).value, 0.4);
}

TEST(Threshold, TheRateIsWhatWasDelivered) {
  EXPECT_TRUE(kept("rate>=9500"));
  EXPECT_TRUE(kept("rate>=9.5k"));
  EXPECT_FALSE(kept("rate>9500"));
}

TEST(Threshold, SpacesAroundTheOperatorAreAllowedAndTheTextIsKept) {
  EXPECT_EQ(parsed("p99 <= 5ms").text(), "p99 <= 5ms");
  EXPECT_TRUE(kept("lost == 2"));
}

TEST(Threshold, WhatWasNotMeasuredKeepsNothing) {
  const RunResult nothing;
  EXPECT_FALSE(parsed("p99<5ms").check(nothing).kept);
  EXPECT_FALSE(parsed("max>=0s").check(nothing).kept);
  EXPECT_FALSE(parsed("confirm.p50<1h").check(nothing).kept);
  EXPECT_FALSE(parsed("lost<1%").check(nothing).kept);
  EXPECT_TRUE(parsed("lost==0").check(nothing).kept);
}

TEST(Threshold, WhatNeverCameIsLaterThanAnyBound) {
  RunResult run = sample();
  run.latency.record_never(9);  // 9 of 1,009, so the 99th percentile came.
  EXPECT_TRUE(parsed("p99<1h").check(run).kept);
  EXPECT_FALSE(parsed("max<1h").check(run).kept);
  EXPECT_FALSE(parsed("mean<1h").check(run).kept);
  run.latency.record_never(2);
  EXPECT_FALSE(parsed("p99<1h").check(run).kept);
  EXPECT_EQ(parsed("p99<1h").check(run).value, std::numeric_limits<double>::infinity());
  EXPECT_EQ(parsed("p99<1h").print_value(parsed("p99<1h").check(run).value), "never");
}

TEST(Threshold, WhatWasNeverIssuedIsPlannedAndNotSent) {
  RunResult run = sample();
  run.generator.missed_arrivals = 1000;
  EXPECT_EQ(parsed("delivered>=99%").check(run).value, 49.5);
  EXPECT_EQ(parsed("not_sent==0").check(run).value, 1000.0);
  EXPECT_EQ(parsed("undelivered==0").check(run).value, 1010.0);
}

// A run that could not send its messages has errors.
TEST(Threshold, WhatCouldNotBeSentIsAnError) {
  RunResult run;
  run.account.sent = 100;
  run.account.delivered = 97;
  run.account.not_sent = 3;
  for (const char* text : {"errors==0", "undelivered==0", "not_sent==0"}) {
    EXPECT_EQ(parsed(text).check(run).value, 3.0) << text;
    EXPECT_FALSE(parsed(text).check(run).kept) << text;
  }
  EXPECT_FALSE(parsed("errors<3%").check(run).kept);
}

TEST(Threshold, AFigureThatLagHasSpoiledKeepsNothing) {
  RunResult run = sample();
  run.generator.lag_allowed = kMs;
  run.generator.lag.clear();
  run.generator.lag.record(0, 995);
  run.generator.lag.record(8 * kMs, 5);
  EXPECT_TRUE(parsed("p99<1s").check(run).kept);
  const ThresholdResult spoiled = parsed("p99.9<1s").check(run);
  EXPECT_FALSE(spoiled.kept);
  EXPECT_TRUE(spoiled.spoiled);
  EXPECT_TRUE(parsed("p99.9<1s").holds_for(spoiled));
  // Lag that is allowed spoils nothing, and neither does lag below a tenth of the figure.
  run.generator.lag_allowed = 8 * kMs;
  EXPECT_TRUE(parsed("p99.9<1s").check(run).kept);
  run.generator.lag_allowed = kMs;
  run.latency.record(100 * kMs, 10);
  EXPECT_TRUE(parsed("p99.9<1s").check(run).kept);
}

TEST(Threshold, AnAllowanceIsACountAndTheMostOfIt) {
  std::string error;
  for (const char* text : {"lost<1%", "undelivered<=10", "duplicates<5", "broken<=2", "not_arrived<0.1%"}) {
    EXPECT_TRUE(Threshold::parse_allowance(text, error)) << text;
  }
  for (const char* text : {"p99<5ms", "lost>1%", "lost==0", "delivered<5", "sent<5", "rate<5", "lost"}) {
    error.clear();
    EXPECT_FALSE(Threshold::parse_allowance(text, error)) << text;
    EXPECT_NE(error.find(text), std::string::npos) << error;
  }
}

TEST(Threshold, AnUnknownMetricIsNamedTogetherWithThoseThereAre) {
  const std::string error = refusal_of_text("p95ms<5ms");
  EXPECT_NE(error.find("no metric 'p95ms'"), std::string::npos) << error;
  EXPECT_NE(error.find("p99.9"), std::string::npos) << error;
  EXPECT_NE(error.find("confirm."), std::string::npos) << error;
  EXPECT_NE(error.find("out_of_order"), std::string::npos) << error;
  EXPECT_EQ(error.find('\n'), std::string::npos);
}

TEST(Threshold, WhatIsNotInTheGrammarIsRefused) {
  for (const char* text : {"",
                           "p99",
                           "<5ms",
                           "p99<",
                           "p99=5ms",
                           "p99!5ms",
                           "p99<<5ms",
                           "p<5ms",
                           "p0<5ms",
                           "p101<5ms",
                           "p9.9.9<5ms",
                           "p-1<5ms",
                           "p1e1<5ms",
                           "p99<5 parsecs",
                           "p99<-5ms",
                           "confirm.lost==0",
                           "foo.p99<5ms",
                           "confirm.<5ms",
                           "lost==1.5",
                           "lost==-1",
                           "lost==x",
                           "lost==%",
                           "lost<101%",
                           "rate>=fast",
                           "rate>=",
                           "rate>=10%",
                           "P99<5ms",
                           "p99<5ms p50<1ms"}) {
    EXPECT_NE(refusal_of_text(text).find(text), std::string::npos) << text;
  }
}

TEST(Threshold, PrintsItsValueInItsUnit) {
  EXPECT_EQ(parsed("p99<5ms").print_value(1.23e6), "1.23 ms");
  EXPECT_EQ(parsed("p99<5ms").print_value(std::nullopt), "– (nothing measured)");
  EXPECT_EQ(parsed("lost==0").print_value(12345), "12,345");
  EXPECT_EQ(parsed("lost<1%").print_value(0.4), "0.4 %");
  EXPECT_EQ(parsed("rate>1").print_value(9500), "9500.0/s");
}

}  // namespace
}  // namespace onehop::loadgen
