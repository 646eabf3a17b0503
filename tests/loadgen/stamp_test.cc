// What was written is read back, and nothing else is.
#include "loadgen/stamp.h"

#include <gtest/gtest.h>

namespace onehop::loadgen {
namespace {

TEST(Stamp, EveryFlippedBitAndEveryOtherRecipientIsSeen) {
  Stamper stamper(42, 100);
  std::string payload(64, '\0');
  stamper.write(payload.data(), payload.size(), {3, 9, true, 77, 123456789}, 5);
  Stamp stamp;
  ASSERT_EQ(stamper.read(payload, 5, 10, stamp), Stamper::Found::kGood);
  EXPECT_EQ(stamp.sender, 3u);
  EXPECT_EQ(stamp.number, 9u);
  EXPECT_TRUE(stamp.answers);
  EXPECT_EQ(stamp.written_ns(), 123456789u + 77'000);
  EXPECT_EQ(stamper.read(payload, 6, 10, stamp), Stamper::Found::kMisdirected);
  for (size_t bit = 0; bit < payload.size() * 8; ++bit) {
    std::string bad = payload;
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ 1 << bit % 8);
    EXPECT_EQ(stamper.read(bad, 5, 10, stamp), Stamper::Found::kCorrupted) << bit;
  }
  EXPECT_EQ(stamper.read("short", 5, 10, stamp), Stamper::Found::kCorrupted);
}

TEST(Stamp, WhatAnotherRunSentIsSeen) {
  Stamper ours(42, 100), theirs(43, 100);
  std::string payload(64, '\0');
  theirs.write(payload.data(), payload.size(), {}, 5);
  Stamp stamp;
  EXPECT_EQ(ours.read(payload, 5, 10, stamp), Stamper::Found::kCorrupted);
}

// The waits of very long stalls stop growing, and do not begin anew.
TEST(Stamp, AWaitOfHoursIsAnHour) {
  Stamper stamper(42, 100);
  std::string payload(kStampBytes, '\0');
  stamper.write(payload.data(), payload.size(), {1, 2, false, UINT32_MAX, 1'000}, 5);
  Stamp stamp;
  ASSERT_EQ(stamper.read(payload, 5, 10, stamp), Stamper::Found::kGood);
  EXPECT_EQ(stamp.wait_us, 3'600'000'000u);
}

}  // namespace
}  // namespace onehop::loadgen
