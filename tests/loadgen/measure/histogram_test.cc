// Tests quantiles against those of the sorted values.
#include "loadgen/measure/histogram.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <stdexcept>

#include "loadgen/measure/random.h"

namespace onehop::loadgen {
namespace {

std::vector<uint64_t> values_of(int kind) {
  Random random(7);
  std::vector<uint64_t> values(20'000);
  for (uint64_t& value : values) {
    switch (kind) {
      case 0:
        value = random.below(10'000'000);
        break;
      case 1:
        value = static_cast<uint64_t>(random.exponential(3e6));
        break;
      case 2:
        value = random.below(10) == 0 ? 1'000'000'000 + random.below(1000) : 200 + random.below(100);
        break;
      default:
        value = 123'456'789;
    }
  }
  return values;
}

TEST(Histogram, QuantilesAreExactToTheBucketsWidth) {
  for (int kind = 0; kind < 4; ++kind) {
    std::vector<uint64_t> values = values_of(kind);
    Histogram histogram;
    for (const uint64_t value : values) histogram.record(value);
    std::sort(values.begin(), values.end());
    for (const double quantile : {0.0, 0.01, 0.25, 0.5, 0.9, 0.99, 0.999, 0.9999, 1.0}) {
      const double rank = std::max(1.0, std::ceil(quantile * static_cast<double>(values.size())));
      const auto exact = static_cast<double>(values[static_cast<size_t>(rank) - 1]);
      EXPECT_NEAR(static_cast<double>(histogram.quantile(quantile)), exact, exact / 1024) << kind << " " << quantile;
    }
    EXPECT_EQ(histogram.min(), values.front());
    EXPECT_EQ(histogram.max(), values.back());
    EXPECT_EQ(histogram.quantile(1), values.back());
    EXPECT_EQ(Histogram::from_buckets(histogram.buckets(), histogram.min(), histogram.max(), histogram.sum()),
              histogram);
  }
}

TEST(Histogram, BucketsTileTheValues) {
  const uint32_t last = Histogram::bucket_of(Histogram::kValueMax);
  uint64_t next = 0;
  for (uint32_t i = 0; i <= last; ++i) {
    ASSERT_EQ(Histogram::lowest_in(i), next);
    ASSERT_EQ(Histogram::bucket_of(Histogram::lowest_in(i)), i);
    ASSERT_EQ(Histogram::bucket_of(Histogram::highest_in(i)), i);
    next = Histogram::highest_in(i) + 1;
    ASSERT_LE((next - Histogram::lowest_in(i) - 1) * 1024, Histogram::lowest_in(i));
  }
  EXPECT_EQ(next, Histogram::kValueMax + 1);
}

TEST(Histogram, AddingIsRecordingAll) {
  Histogram all, a, b;
  for (int kind = 0; kind < 4; ++kind) {
    for (const uint64_t value : values_of(kind)) {
      all.record(value);
      (kind % 2 == 0 ? a : b).record(value);
    }
  }
  a.add(b);
  a.add(Histogram());
  EXPECT_EQ(a, all);
  EXPECT_EQ(all.count_up_to(Histogram::kValueMax), all.count());
  a.clear();
  EXPECT_EQ(a, Histogram());
}

TEST(Histogram, ValuesAboveTheLargestCountAsIt) {
  Histogram histogram;
  histogram.record(UINT64_MAX);
  EXPECT_EQ(histogram.max(), Histogram::kValueMax);
  EXPECT_EQ(histogram.quantile(0.5), Histogram::kValueMax);
  EXPECT_EQ(Histogram().quantile(0.5), 0u);
}

TEST(Histogram, ContradictionsAreRefused) {
  EXPECT_THROW(Histogram::from_buckets({{5, 1}, {5, 1}}, 5, 5, 10), std::invalid_argument);
  EXPECT_THROW(Histogram::from_buckets({{5, 1}}, 4, 5, 5), std::invalid_argument);
  EXPECT_THROW(Histogram::from_buckets({{5, 1}}, 5, 5, 6), std::invalid_argument);
  EXPECT_THROW(Histogram::from_buckets({{UINT32_MAX, 1}}, 5, 5, 5), std::invalid_argument);
  EXPECT_THROW(Histogram::from_buckets({}, 0, 1, 0), std::invalid_argument);
}

TEST(Histogram, PackedOnesAreTheSame) {
  for (int kind = 0; kind < 4; ++kind) {
    Histogram histogram;
    for (const uint64_t value : values_of(kind)) histogram.record(value, 1 + value % 300);
    Histogram packed = histogram;
    packed.pack();
    EXPECT_TRUE(packed == histogram);
    EXPECT_EQ(packed.buckets(), histogram.buckets());
    EXPECT_EQ(packed.count_up_to(1'000'000), histogram.count_up_to(1'000'000));
    for (const double quantile : {0.0, 0.001, 0.5, 0.99, 0.9999, 1.0}) {
      EXPECT_EQ(packed.quantile(quantile), histogram.quantile(quantile));
    }
    // Adds histograms in both forms, and records, which unpacks.
    for (const bool packs_sum : {false, true}) {
      for (const bool packs_other : {false, true}) {
        Histogram sum = histogram, other = histogram, expected = histogram;
        if (packs_sum) sum.pack();
        if (packs_other) other.pack();
        sum.add(other);
        sum.pack();
        sum.record(77);
        expected.add(histogram);
        expected.record(77);
        EXPECT_TRUE(sum == expected) << kind;
      }
    }
    packed.clear();
    EXPECT_TRUE(packed.empty() && packed.buckets().empty());
  }
  Histogram nothing;
  nothing.pack();
  EXPECT_TRUE(nothing == Histogram());
}

// A run of four hours keeps a histogram for each second.
TEST(Histogram, SecondsOfHoursTakeFewBytes) {
  constexpr size_t kSeconds = 4 * 3600, kMessages = 2000;
  Random random(3);
  size_t dense_bytes = 0, packed_bytes = 0;
  for (size_t second = 0; second < kSeconds; ++second) {
    Histogram histogram;
    for (size_t i = 0; i < kMessages; ++i)
      histogram.record(100'000 + static_cast<uint64_t>(random.exponential(200'000)));
    histogram.record(20'000'000);  // One message is late.
    dense_bytes += histogram.memory_bytes();
    histogram.pack();
    packed_bytes += histogram.memory_bytes();
  }
  std::printf("a histogram for each of %zu seconds with %zu messages: %.1f MB dense, %.1f MB packed\n", kSeconds,
              kMessages, static_cast<double>(dense_bytes) / 1e6, static_cast<double>(packed_bytes) / 1e6);
  EXPECT_GT(dense_bytes / kSeconds, 100'000u);
  EXPECT_LT(packed_bytes / kSeconds,
            3 * kMessages);  // Fewer than three bytes for each message, even if each has its own bucket.
}

TEST(Histogram, WhatNeverCameIsLaterThanAllElse) {
  Histogram histogram;
  EXPECT_TRUE(histogram.empty());
  histogram.record(1000, 98);
  histogram.record(5000);
  histogram.record_never(1);
  EXPECT_EQ(histogram.count(), 99u);
  EXPECT_EQ(histogram.total(), 100u);
  EXPECT_EQ(histogram.quantile(0.5), 1000u);
  EXPECT_EQ(histogram.quantile(0.99), 5000u);
  EXPECT_EQ(histogram.quantile(0.999), Histogram::kNever);
  EXPECT_EQ(histogram.max(), Histogram::kNever);
  EXPECT_EQ(histogram.largest_value(), 5000u);
  EXPECT_EQ(histogram.min(), 1000u);
  EXPECT_TRUE(std::isinf(histogram.mean()));
  Histogram sum = histogram;
  sum.add(histogram);
  EXPECT_EQ(sum.never(), 2u);
  EXPECT_FALSE(sum == histogram);
  Histogram nothing_came;
  nothing_came.record_never(3);
  EXPECT_FALSE(nothing_came.empty());
  EXPECT_EQ(nothing_came.min(), Histogram::kNever);
  EXPECT_EQ(nothing_came.quantile(0), Histogram::kNever);
  EXPECT_TRUE(Histogram::from_buckets({}, 0, 0, 0, 3) == nothing_came);
  nothing_came.clear();
  EXPECT_TRUE(nothing_came.empty());
}

}  // namespace
}  // namespace onehop::loadgen
