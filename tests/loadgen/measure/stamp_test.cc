// A stamp that was written is read back, and nothing else is taken for one.
#include "loadgen/measure/stamp.h"

#include <gtest/gtest.h>

namespace onehop::loadgen {
namespace {

constexpr uint64_t kArrivedNs = 1'000'000'000'000;

TEST(Stamp, EveryFlippedBitAndEveryOtherRecipientIsSeen) {
  Stamper stamper(42, 100);
  std::string payload(64, '\0');
  stamper.write(payload.data(), payload.size(), {3, 9, true, 77, 123456789}, 5);
  Stamp stamp;
  ASSERT_EQ(stamper.read(payload, 5, 10, kArrivedNs, stamp), Stamper::Found::kGood);
  EXPECT_EQ(stamp.sender, 3u);
  EXPECT_EQ(stamp.number, 9u);
  EXPECT_TRUE(stamp.answers);
  EXPECT_EQ(stamp.written_ns(), 123456789u + 77'000);
  EXPECT_EQ(stamper.read(payload, 6, 10, kArrivedNs, stamp), Stamper::Found::kMisdirected);
  for (size_t bit = 0; bit < payload.size() * 8; ++bit) {
    std::string bad = payload;
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ 1 << bit % 8);
    EXPECT_EQ(stamper.read(bad, 5, 10, kArrivedNs, stamp), Stamper::Found::kCorrupted) << bit;
  }
  EXPECT_EQ(stamper.read("short", 5, 10, kArrivedNs, stamp), Stamper::Found::kCorrupted);
}

TEST(Stamp, WhatAnotherRunSentIsSeen) {
  Stamper ours(42, 100), theirs(43, 100);
  std::string payload(64, '\0');
  theirs.write(payload.data(), payload.size(), {}, 5);
  Stamp stamp;
  EXPECT_EQ(ours.read(payload, 5, 10, kArrivedNs, stamp), Stamper::Found::kCorrupted);
}

// A payload that was cut short begins like the whole one, and so does one that has grown.
TEST(Stamp, WhatWasCutShortIsSeen) {
  for (const size_t size : {size_t{20}, size_t{64}}) {
    Stamper stamper(42, 100);
    std::string payload(size, '\0');
    stamper.write(payload.data(), size, {3, 9, false, 0, kArrivedNs}, 5);
    Stamp stamp;
    for (size_t left = 0; left < size; ++left) {
      EXPECT_EQ(stamper.read(payload.substr(0, left), 5, 10, kArrivedNs, stamp), Stamper::Found::kCorrupted) << left;
    }
    EXPECT_EQ(stamper.read(payload + '\0', 5, 10, kArrivedNs, stamp), Stamper::Found::kCorrupted);
    EXPECT_EQ(stamper.read(payload + std::string(10'000, '\0'), 5, 10, kArrivedNs, stamp), Stamper::Found::kCorrupted);
  }
}

// The wait of a very long stall stops at an hour and does not wrap around.
TEST(Stamp, AWaitOfHoursIsAnHour) {
  Stamper stamper(42, 100);
  std::string payload(kStampBytes, '\0');
  stamper.write(payload.data(), payload.size(), {1, 2, false, UINT32_MAX, 1'000}, 5);
  Stamp stamp;
  ASSERT_EQ(stamper.read(payload, 5, 10, kArrivedNs, stamp), Stamper::Found::kGood);
  EXPECT_EQ(stamp.wait_us, 3'600'000'000u);
}

// Payloads that are too small for the whole stamp have a compact one.
TEST(Stamp, SmallPayloadsCarryTheSameButTheWait) {
  for (size_t size = kCompactStampBytes; size < kStampBytes; ++size) {
    Stamper stamper(42, 100);
    std::string payload(size, '\0');
    stamper.write(payload.data(), size, {3, 9, true, 0, kArrivedNs - 1'000'000}, 5);
    Stamp stamp{.wait_us = 7};
    ASSERT_EQ(stamper.read(payload, 5, 10, kArrivedNs, stamp), Stamper::Found::kGood) << size;
    EXPECT_EQ(stamp.sender, 3u);
    EXPECT_EQ(stamp.number, 9u);
    EXPECT_TRUE(stamp.answers);
    EXPECT_EQ(stamp.wait_us, 0u);
    EXPECT_EQ(stamp.intended_ns, kArrivedNs - 1'000'000) << "a multiple of 64";
    EXPECT_EQ(stamper.read(payload, 6, 10, kArrivedNs, stamp), Stamper::Found::kMisdirected);
    for (size_t bit = 0; bit < payload.size() * 8; ++bit) {
      std::string bad = payload;
      bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ 1 << bit % 8);
      EXPECT_EQ(stamper.read(bad, 5, 10, kArrivedNs, stamp), Stamper::Found::kCorrupted) << bit;
    }
  }
  const std::string too_small(kCompactStampBytes - 1, '\0');
  Stamp stamp;
  Stamper stamper(42, 100);
  EXPECT_EQ(stamper.read(too_small, 5, 10, kArrivedNs, stamp), Stamper::Found::kCorrupted);
}

// The compact time goes round every 274 s. It always means the last such time before the arrival.
TEST(Stamp, ACompactTimeIsTheLastOneBeforeTheArrival) {
  Stamper stamper(42, 100);
  std::string payload(kCompactStampBytes, '\0');
  constexpr uint64_t kRoundNs = uint64_t{64} << 32;
  for (const uint64_t written_ns :
       {uint64_t{0}, kRoundNs - 64, kRoundNs, 5 * kRoundNs + 6'400, 1000 * kRoundNs - 6'400}) {
    stamper.write(payload.data(), payload.size(), {1, 2, false, 0, written_ns + 63}, 5);
    for (const uint64_t took_ns : {uint64_t{63}, uint64_t{64}, uint64_t{12'345'678}, kRoundNs - 64}) {
      Stamp stamp;
      ASSERT_EQ(stamper.read(payload, 5, 10, written_ns + took_ns, stamp), Stamper::Found::kGood);
      EXPECT_EQ(stamp.intended_ns, written_ns) << took_ns;
      EXPECT_EQ(stamp.written_ns(), written_ns);
    }
  }
}

TEST(Stamp, AGivenFillingFollowsWholeAndIsChecked) {
  const std::string filling = "what a user sends";
  Stamper stamper(42, filling);
  for (const uint32_t number : {0u, 1u, 255u, 256u}) {
    std::string payload(kStampBytes + filling.size(), '\0');
    stamper.write(payload.data(), payload.size(), {3, number, false, 77, 123456789}, 5);
    EXPECT_EQ(payload.substr(kStampBytes), filling);
    Stamp stamp;
    ASSERT_EQ(stamper.read(payload, 5, 10, kArrivedNs, stamp), Stamper::Found::kGood);
    EXPECT_EQ(stamp.written_ns(), 123456789u + 77'000);
    for (size_t bit = 0; bit < payload.size() * 8; ++bit) {
      std::string bad = payload;
      bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ 1 << bit % 8);
      ASSERT_EQ(stamper.read(bad, 5, 10, kArrivedNs, stamp), Stamper::Found::kCorrupted) << bit;
    }
    EXPECT_EQ(stamper.read(payload + "!", 5, 10, kArrivedNs, stamp), Stamper::Found::kCorrupted);
    EXPECT_EQ(stamper.read(payload.substr(0, payload.size() - 1), 5, 10, kArrivedNs, stamp),
              Stamper::Found::kCorrupted);
  }
}

}  // namespace
}  // namespace onehop::loadgen
