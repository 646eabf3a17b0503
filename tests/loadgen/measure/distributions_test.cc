// Tests draws against exact probabilities, the texts that are distributions of sizes, and those that are none.
#include "loadgen/measure/distributions.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

namespace onehop::loadgen {
namespace {

TEST(Random, IsSplitMix64) {
  Random random(1234567);  // The code of its authors gives these values.
  for (const uint64_t expected : {6457827717110365317u, 3203168211198807973u, 9817491932198370423u,
                                  4593380528125082431u, 16408922859458223821u}) {
    EXPECT_EQ(random.next(), expected);
  }
}

TEST(Random, StaysWithinItsBounds) {
  Random random(5);
  std::set<uint32_t> seen;
  for (int i = 0; i < 10'000; ++i) {
    const uint32_t below = random.below(7);
    ASSERT_LT(below, 7u);
    seen.insert(below);
    const double part = random.part();
    ASSERT_TRUE(part >= 0 && part < 1);
    ASSERT_TRUE(std::isfinite(random.exponential(1)));
  }
  EXPECT_EQ(seen.size(), 7u);
}

constexpr int kDraws = 400'000;

std::vector<uint64_t> counts_of(const Popularity& popularity, uint32_t count, uint64_t seed) {
  Random random(seed);
  std::vector<uint64_t> counts(count);
  for (int i = 0; i < kDraws; ++i) ++counts.at(popularity.draw(random));
  return counts;
}

// The count must be within five standard deviations of the binomial distribution.
void expect_drawn(uint64_t count, double probability) {
  const double deviation = std::sqrt(kDraws * probability * (1 - probability));
  EXPECT_NEAR(static_cast<double>(count), kDraws * probability, 5 * deviation);
}

TEST(Popularity, UniformDrawsAllAlike) {
  for (const uint32_t count : {1u, 2u, 37u}) {
    for (const uint64_t drawn : counts_of(Popularity(count, 0, 1), count, 11)) expect_drawn(drawn, 1.0 / count);
  }
}

TEST(Popularity, ZipfDrawsEachRankAsItsLawSays) {
  for (const double exponent : {0.5, 1.0, 1.5}) {
    for (const uint32_t count : {1u, 2u, 10u, 100u}) {
      SCOPED_TRACE(::testing::Message() << "exponent " << exponent << ", " << count);
      std::vector<uint64_t> counts = counts_of(Popularity(count, exponent, 3), count, 17);
      // The seed decides which number has which rank. The counts show it, except for neighbours far down that swap.
      std::sort(counts.rbegin(), counts.rend());
      double total = 0;
      for (uint32_t rank = 1; rank <= count; ++rank) total += std::pow(rank, -exponent);
      for (uint32_t rank = 1; rank <= count; ++rank) {
        expect_drawn(counts[rank - 1], std::pow(rank, -exponent) / total);
      }
    }
  }
}

TEST(Popularity, TheSeedSpreadsThePopularOnes) {
  std::set<int64_t> most_popular;
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const std::vector<uint64_t> counts = counts_of(Popularity(50, 1.5, seed), 50, 1);
    EXPECT_EQ(counts, counts_of(Popularity(50, 1.5, seed), 50, 1)) << seed;
    most_popular.insert(std::max_element(counts.begin(), counts.end()) - counts.begin());
  }
  EXPECT_GT(most_popular.size(), 10u);
}

PayloadSizes sizes_of(const std::string& text, size_t bytes_min = 24) {
  std::string error;
  auto sizes = PayloadSizes::parse(text, bytes_min, error);
  EXPECT_TRUE(sizes) << error;
  EXPECT_EQ(error, "");
  return sizes ? *sizes : PayloadSizes();
}

TEST(PayloadSizes, OneSizeIsAlwaysDrawn) {
  const PayloadSizes sizes = sizes_of("4KiB");
  EXPECT_EQ(sizes.bytes_max(), 4096u);
  EXPECT_EQ(sizes.text(), "4KiB");
  Random random(1);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(sizes.draw(random), 4096u);
}

TEST(PayloadSizes, UniformDrawsEachSizeAlikeAndBothEnds) {
  const PayloadSizes sizes = sizes_of("uniform:64-68");
  EXPECT_EQ(sizes.bytes_max(), 68u);
  Random random(2);
  std::map<size_t, uint64_t> counts;
  for (int i = 0; i < kDraws; ++i) ++counts[sizes.draw(random)];
  ASSERT_EQ(counts.size(), 5u);
  for (size_t size = 64; size <= 68; ++size) expect_drawn(counts[size], 0.2);
  EXPECT_EQ(sizes_of("uniform:1k-1k").draw(random), 1024u);
}

TEST(PayloadSizes, WeightsAreParts) {
  const PayloadSizes sizes = sizes_of("128:90,4KiB:9,64KiB:1");
  EXPECT_EQ(sizes.bytes_max(), 65536u);
  Random random(3);
  std::map<size_t, uint64_t> counts;
  for (int i = 0; i < kDraws; ++i) ++counts[sizes.draw(random)];
  ASSERT_EQ(counts.size(), 3u);
  expect_drawn(counts[128], 0.9);
  expect_drawn(counts[4096], 0.09);
  expect_drawn(counts[65536], 0.01);

  // The weights may have any order and any sum.
  const PayloadSizes fractions = sizes_of("300:0.5,100:1.5");
  EXPECT_EQ(fractions.bytes_max(), 300u);
  uint64_t small = 0;
  for (int i = 0; i < kDraws; ++i) small += fractions.draw(random) == 100;
  expect_drawn(small, 0.75);
  EXPECT_EQ(sizes_of("128:7").draw(random), 128u);
}

TEST(PayloadSizes, LognormalHasItsMedianItsSigmaAndItsBounds) {
  const PayloadSizes sizes = sizes_of("lognormal:3000/0.5");
  EXPECT_EQ(sizes.bytes_max(), 300'000u);
  Random random(4);
  uint64_t below_median = 0, below_one_sigma = 0, below_minus_two_sigma = 0;
  for (int i = 0; i < kDraws; ++i) {
    const auto size = static_cast<double>(sizes.draw(random));
    below_median += size < 3000;
    below_one_sigma += size < std::floor(3000 * std::exp(0.5));
    below_minus_two_sigma += size < std::floor(3000 * std::exp(-1.0));
  }
  // These are values of the normal distribution.
  expect_drawn(below_median, 0.5);
  expect_drawn(below_one_sigma, 0.841345);
  expect_drawn(below_minus_two_sigma, 0.022750);

  const PayloadSizes wide = sizes_of("lognormal:50/10");
  size_t low = SIZE_MAX, high = 0;
  for (int i = 0; i < 10'000; ++i) {
    const size_t size = wide.draw(random);
    low = std::min(low, size);
    high = std::max(high, size);
  }
  EXPECT_EQ(low, 24u);
  EXPECT_EQ(high, 5000u);
  EXPECT_EQ(sizes_of("lognormal:300/0").draw(random), 300u);
}

TEST(PayloadSizes, WhatIsNoDistributionIsNamed) {
  for (const char* text : {"",
                           "x",
                           "-5",
                           "128 ",
                           "128,256",
                           "128:",
                           "128:0",
                           "128:-1",
                           "128:x",
                           "128:1,",
                           "128:1,,64:1",
                           "128:1,64",
                           "128:inf",
                           "128:nan",
                           "1.5:1",
                           "uniform",
                           "uniform:",
                           "uniform:64",
                           "uniform:64-",
                           "uniform:-64",
                           "uniform:65-64",
                           "uniform:64-128-256",
                           "uniform:64-4GiB",
                           "lognormal",
                           "lognormal:300",
                           "lognormal:300/",
                           "lognormal:300/-1",
                           "lognormal:/2",
                           "lognormal:300/2x",
                           "lognormal:4GiB/1",
                           "4GiB",
                           "128:1,4GiB:1",
                           "zipf:3"}) {
    std::string error;
    EXPECT_FALSE(PayloadSizes::parse(text, 24, error)) << text;
    EXPECT_NE(error.find("'" + std::string(text) + "' is no distribution"), std::string::npos) << error;
  }
  const std::string huge = "100:1" + std::string(308, '0') + ",200:1" + std::string(308, '0');
  std::string error;
  EXPECT_FALSE(PayloadSizes::parse(huge, 24, error));
}

TEST(PayloadSizes, WhatIsTooSmallIsRefused) {
  for (const char* text : {"23", "uniform:23-100", "100:5,23:1", "23:1,100:5", "lognormal:23/1"}) {
    std::string error;
    EXPECT_FALSE(PayloadSizes::parse(text, 24, error)) << text;
    EXPECT_EQ(error, "'" + std::string(text) + "' has sizes below the least, 24 bytes");
  }
  for (const char* text : {"24", "uniform:24-24", "24:1,100:5", "lognormal:24/1"}) sizes_of(text);
}

}  // namespace
}  // namespace onehop::loadgen
