// Tests of schedules: constant ones do not drift, and random ones have the moments of a Poisson process.
#include "loadgen/measure/arrivals.h"

#include <gtest/gtest.h>

#include <cmath>

#include "loadgen/measure/quantity.h"

namespace onehop::loadgen {
namespace {

TEST(Arrivals, ConstantPartsInterleaveAndDoNotDrift) {
  Arrivals a(ArrivalKind::kConstant, 1000, 0, 2, 1), b(ArrivalKind::kConstant, 1000, 1, 2, 1);
  for (uint64_t i = 0; i < 5'000'000; ++i) {
    ASSERT_EQ(a.due_ns(), i * 2'000'000);
    ASSERT_EQ(b.due_ns(), i * 2'000'000 + 1'000'000);
    a.advance();
    b.advance();
  }
}

TEST(Arrivals, AGapThatIsNoWholeNumberDoesNotDriftEither) {
  // There are 3 parts of 7 arrivals a second. Arrival i of part p is due at (3 i + p) / 7 seconds.
  for (uint32_t part = 0; part < 3; ++part) {
    Arrivals arrivals(ArrivalKind::kConstant, 7, part, 3, 1);
    for (uint64_t i = 0; i < 1'000'000; ++i) {
      const uint64_t exact_times_7 = (3 * i + part) * 1'000'000'000;
      const int64_t off_times_7 = static_cast<int64_t>(arrivals.due_ns() * 7) - static_cast<int64_t>(exact_times_7);
      ASSERT_LE(std::abs(off_times_7), 7) << i;
      arrivals.advance();
    }
  }
}

TEST(Arrivals, ConstantOnesAreCountedExactly) {
  for (const double rate : {1000.0, 7.0, 333.3, 123'456.7}) {
    for (const uint64_t until_ns : {uint64_t{0}, uint64_t{1}, uint64_t{1'000'000}, uint64_t{999'999'999},
                                    uint64_t{1'000'000'000}, uint64_t{1'000'000'001}}) {
      for (const int issued : {0, 1, 3, 50}) {
        Arrivals arrivals(ArrivalKind::kConstant, rate, 1, 2, 1);
        for (int i = 0; i < issued; ++i) arrivals.advance();
        const uint64_t counted = arrivals.count_until(until_ns);
        uint64_t passed = 0;
        for (; arrivals.due_ns() < until_ns; ++passed) arrivals.advance();
        EXPECT_EQ(counted, passed) << rate << " " << until_ns << " " << issued;
      }
    }
  }
}

struct Moments {
  double mean = 0, variance = 0;
};

Moments moments_of_gaps(Arrivals& arrivals, int gaps) {
  double sum = 0, squares = 0, last = 0;
  for (int i = 0; i < gaps; ++i) {
    const auto due = static_cast<double>(arrivals.due_ns());
    sum += due - last;
    squares += (due - last) * (due - last);
    last = due;
    arrivals.advance();
  }
  return {sum / gaps, squares / gaps - sum / gaps * sum / gaps};
}

TEST(Arrivals, PoissonGapsHaveTheMeanAndTheVarianceOfTheExponentialDistribution) {
  constexpr int kGaps = 400'000;
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    Arrivals arrivals(ArrivalKind::kPoisson, 5000, 0, 1, seed);
    const Moments gaps = moments_of_gaps(arrivals, kGaps);
    const double mean = 1e9 / 5000;
    // The bounds are five standard errors, which are 1/√n for the mean and √8/√n for the variance.
    EXPECT_NEAR(gaps.mean / mean, 1, 5 / std::sqrt(kGaps)) << seed;
    EXPECT_NEAR(gaps.variance / (mean * mean), 1, 5 * std::sqrt(8.0 / kGaps)) << seed;
  }
}

TEST(Arrivals, PoissonPartsTogetherHaveTheRate) {
  constexpr uint64_t kUntilNs = 100'000'000'000;
  double count = 0;
  for (uint32_t part = 0; part < 4; ++part) {
    Arrivals arrivals(ArrivalKind::kPoisson, 2000, part, 4, 100 + part);
    double mine = 0;
    for (; arrivals.due_ns() < kUntilNs; arrivals.advance()) ++mine;
    EXPECT_NEAR(mine, 50'000, 5 * std::sqrt(50'000)) << part;
    count += mine;
  }
  EXPECT_NEAR(count, 200'000, 5 * std::sqrt(200'000));
}

TEST(Arrivals, PoissonTimesRiseAndFollowFromTheSeed) {
  Arrivals a(ArrivalKind::kPoisson, 1e6, 0, 1, 3), same(ArrivalKind::kPoisson, 1e6, 0, 1, 3);
  Arrivals other(ArrivalKind::kPoisson, 1e6, 0, 1, 4);
  EXPECT_NE(a.due_ns(), other.due_ns());
  EXPECT_GT(a.due_ns(), 0u);  // The threads must not all begin at once.
  uint64_t last = 0;
  for (int i = 0; i < 10'000; ++i) {
    ASSERT_EQ(a.due_ns(), same.due_ns());
    ASSERT_GE(a.due_ns(), last);
    last = a.due_ns();
    a.advance();
    same.advance();
  }
}

TEST(Arrivals, PoissonOnesAreCountedByTheRate) {
  Arrivals arrivals(ArrivalKind::kPoisson, 1000, 1, 2, 9);
  for (int i = 0; i < 5000; ++i) arrivals.advance();
  const uint64_t due = arrivals.due_ns();
  EXPECT_EQ(arrivals.count_until(due), 0u);
  EXPECT_EQ(arrivals.count_until(due + 1), 1u);
  EXPECT_EQ(arrivals.count_until(due + 10'000'000'000), 5001u);
}

// The rate goes from 0 to 100 in 2 s, stays at 100 for 1 s, jumps to 400, and goes down to 0 in 1 s. That makes 100 +
// 100 + 200 arrivals.
RateCurve stairs() {
  return {0, {{2 * kSecondNs, 100}, {kSecondNs, 100}, {0, 400}, {kSecondNs, 0}}};
}

TEST(RateCurve, CountsTheAreaUnderIt) {
  const RateCurve curve = stairs();
  EXPECT_DOUBLE_EQ(curve.total(), 400);
  EXPECT_EQ(curve.duration_ns(), 4'000'000'000u);
  EXPECT_DOUBLE_EQ(curve.count_until(0), 0);
  EXPECT_DOUBLE_EQ(curve.count_until(1e9), 25);  // This is a quarter of the area of the ramp.
  EXPECT_DOUBLE_EQ(curve.count_until(2e9), 100);
  EXPECT_DOUBLE_EQ(curve.count_until(2.5e9), 150);
  EXPECT_DOUBLE_EQ(curve.count_until(3.5e9), 350);  // The mean of 400 and 200 for half a second.
  EXPECT_DOUBLE_EQ(curve.count_until(9e9), 400);
  EXPECT_EQ(curve.from(1), 100);
  EXPECT_EQ(curve.from(3), 400);
}

TEST(RateCurve, TimesAndCountsAreEachOthersInverse) {
  const RateCurve curve = stairs();
  for (double count = 0.25; count < 400; count += 0.25) {
    ASSERT_NEAR(curve.count_until(curve.time_of(count)), count, 1e-6) << count;
  }
  EXPECT_EQ(curve.time_of(0), 0);
  EXPECT_TRUE(std::isinf(curve.time_of(400)));
}

TEST(Arrivals, FollowACurveAndEndWithIt) {
  for (const uint32_t parts : {1u, 3u}) {
    uint64_t count = 0;
    for (uint32_t part = 0; part < parts; ++part) {
      Arrivals arrivals(ArrivalKind::kConstant, stairs(), 1.0 / parts, part, parts, 1);
      const uint64_t expected = arrivals.count_until(Arrivals::kNever);
      uint64_t mine = 0, last = 0;
      for (; arrivals.due_ns() != Arrivals::kNever; arrivals.advance(), ++mine) {
        ASSERT_GE(arrivals.due_ns(), last);
        last = arrivals.due_ns();
        // Arrival n of all parts is due when the curve has counted n.
        ASSERT_NEAR(stairs().count_until(static_cast<double>(last)), static_cast<double>(mine * parts + part), 1e-3);
      }
      EXPECT_EQ(mine, expected);
      EXPECT_LT(last, 4'000'000'000u);
      EXPECT_EQ(arrivals.count_until(Arrivals::kNever), 0u);
      count += mine;
    }
    EXPECT_EQ(count, 400u);
  }
}

TEST(Arrivals, RandomOnesFollowACurveToo) {
  double in_ramp = 0, in_all = 0;
  for (uint64_t seed = 0; seed < 50; ++seed) {
    Arrivals arrivals(ArrivalKind::kPoisson, stairs(), 1, 0, 1, seed);
    for (; arrivals.due_ns() != Arrivals::kNever; arrivals.advance()) {
      ++in_all;
      in_ramp += arrivals.due_ns() < 2'000'000'000;
    }
  }
  EXPECT_NEAR(in_all, 20'000, 5 * std::sqrt(20'000));
  EXPECT_NEAR(in_ramp, 5'000, 5 * std::sqrt(5'000));
}

}  // namespace
}  // namespace onehop::loadgen
