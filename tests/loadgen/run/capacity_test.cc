// Tests of the search: it finds the knee of a known system, and says when the generator was the limit or nothing held.
#include "loadgen/run/capacity.h"

#include <gtest/gtest.h>

#include <functional>

namespace onehop::loadgen {
namespace {

using Step = CapacitySearch::Step;

// Runs the search against a system, and returns how many steps it took.
int search_with(CapacitySearch& search, const std::function<Step(double rate, int step)>& system) {
  int steps = 0;
  while (const auto rate = search.next_rate()) {
    search.add(system(*rate, steps++));
    EXPECT_LT(steps, 60) << "it does not end";
    if (steps >= 60) break;
  }
  return steps;
}

TEST(CapacitySearchTest, FindsTheKneeWhereverItIs) {
  for (const double knee : {3.0, 90.0, 1'000.0, 1'001.0, 7'777.0, 64'000.0, 2'500'000.0}) {
    CapacitySearch search(1'000, 0);
    const int steps = search_with(search, [&](double rate, int) { return rate <= knee ? Step::kHeld : Step::kFailed; });
    EXPECT_LE(search.held_rate(), knee);
    EXPECT_GT(search.held_rate(), knee * 0.95);
    EXPECT_GT(search.failed_rate(), knee);
    EXPECT_LE(steps, 40) << knee;
  }
}

TEST(CapacitySearchTest, OneDisturbanceIsNotTheLimit) {
  CapacitySearch search(1'000, 0);
  search_with(search,
              [&](double rate, int step) { return rate <= 20'000 && step % 4 != 2 ? Step::kHeld : Step::kFailed; });
  EXPECT_GT(search.held_rate(), 19'000);
}

TEST(CapacitySearchTest, StopsAtTheBound) {
  CapacitySearch search(1'000, 5'000);
  const int steps = search_with(search, [](double rate, int) {
    EXPECT_LE(rate, 5'000);
    return Step::kHeld;
  });
  EXPECT_EQ(search.held_rate(), 5'000);
  EXPECT_EQ(search.failed_rate(), 0);
  EXPECT_EQ(steps, 4);
}

TEST(CapacitySearchTest, SaysThatTheGeneratorWasTheLimit) {
  CapacitySearch search(1'000, 0);
  search_with(search, [](double rate, int) { return rate <= 30'000 ? Step::kHeld : Step::kGeneratorFailed; });
  EXPECT_TRUE(search.generator_was_limit());
  EXPECT_GT(search.held_rate(), 28'000);
}

TEST(CapacitySearchTest, GivesUpWhereNothingHolds) {
  CapacitySearch search(1'000, 0);
  search_with(search, [](double, int) { return Step::kFailed; });
  EXPECT_EQ(search.held_rate(), 0);
  EXPECT_GT(search.failed_rate(), 0);
}

RunResult good_step(double rate) {
  RunResult result;
  result.wanted_rate = rate;
  result.duration_s = 5;
  for (int second = 0; second < 5; ++second) {
    Second& row = result.series.emplace_back();
    row.at_s = second;
    row.in_flight = 7;
  }
  result.latency.record(1'000'000, 1'000);
  result.account.sent = result.account.delivered = 1'000;
  return result;
}

std::vector<Threshold> slo(const char* text) {
  std::string error;
  return {*Threshold::parse(text, error)};
}

TEST(WhyNotHeldTest, NamesWhatFailed) {
  EXPECT_EQ(why_not_held(good_step(1'000), slo("p99<5ms")), "");
  EXPECT_NE(why_not_held(good_step(1'000), slo("p99<500us")), "");
  RunResult lossy = good_step(1'000);
  lossy.account.rejected = 1;
  EXPECT_NE(why_not_held(lossy, slo("p99<5ms")), "");
  RunResult missed = good_step(1'000);
  missed.generator.missed_arrivals = 1;
  EXPECT_NE(why_not_held(missed, slo("p99<5ms")), "");
  RunResult never = good_step(1'000);
  never.latency.record_never(100);
  EXPECT_NE(why_not_held(never, slo("p99<5ms")).find("p99<5ms was not kept: never"), std::string::npos);
  // A step may lose what --allow permits, and such messages are infinitely late in a step as well.
  RunResult allowed = good_step(1'000);
  allowed.account.delivered = 995;
  allowed.account.lost = 5;
  allowed.allowed = {"lost<1%"};
  allowed.latency.record_never(5);
  EXPECT_EQ(why_not_held(allowed, slo("p99<5ms")), "");
  EXPECT_NE(why_not_held(allowed, slo("p99.9<5ms")), "");
  RunResult unsound = good_step(1'000);
  unsound.account.duplicates = 1;
  EXPECT_NE(why_not_held(unsound, slo("p99<5ms")), "");
}

// A rate just above the capacity shows late in the latencies, but at once in the messages under way.
TEST(WhyNotHeldTest, SeesABacklogGrow) {
  RunResult growing = good_step(1'000);
  for (size_t second = 0; second < 5; ++second) growing.series[second].in_flight = 7 + 20 * second;
  EXPECT_NE(why_not_held(growing, slo("p99<5ms")), "");
  // Messages that are left in the drain do not count.
  RunResult drained = good_step(1'000);
  Second& drain = drained.series.emplace_back();
  drain.at_s = 5;
  drain.in_flight = 5'000;
  EXPECT_EQ(why_not_held(drained, slo("p99<5ms")), "");
}

}  // namespace
}  // namespace onehop::loadgen
