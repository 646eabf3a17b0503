// RateSamples: messages a second, between two looks.
#include "core/shard/client_report.h"

#include <gtest/gtest.h>

namespace onehop::core::test {
namespace {

constexpr SessionId kFirst{0, 1};
constexpr SessionId kNext{0, 2};

TEST(RateSamples, AreOfTheTimeSinceTheLastLook) {
  RateSamples samples;
  EXPECT_EQ(samples.look(kFirst, 1'000, 500, {10'000}).sent, 0);  // Nothing to compare with.
  const auto rates = samples.look(kFirst, 1'200, 500, {12'000});
  EXPECT_DOUBLE_EQ(rates.sent, 100);
  EXPECT_DOUBLE_EQ(rates.received, 0);
}

TEST(RateSamples, ASecondLookAtOnceSeesTheSame) {
  RateSamples samples;
  samples.look(kFirst, 0, 0, {10'000});
  samples.look(kFirst, 100, 0, {11'000});
  EXPECT_DOUBLE_EQ(samples.look(kFirst, 150, 0, {11'999}).sent, 100);
  EXPECT_DOUBLE_EQ(samples.look(kFirst, 150, 0, {12'000}).sent, 50);
}

TEST(RateSamples, WhatIsTooOldOrSomebodyElsesDoesNotCount) {
  RateSamples samples;
  samples.look(kFirst, 0, 0, {10'000});
  EXPECT_EQ(samples.look(kFirst, 900, 0, {70'001}).sent, 0);
  EXPECT_EQ(samples.look(kNext, 1'900, 0, {72'000}).sent, 0);
  EXPECT_DOUBLE_EQ(samples.look(kNext, 1'910, 0, {73'000}).sent, 10);
}

}  // namespace
}  // namespace onehop::core::test
