// Tests quantities as people write and read them.
#include "loadgen/measure/quantity.h"

#include <gtest/gtest.h>

namespace onehop::loadgen {
namespace {

TEST(Quantity, ReadsAndRefuses) {
  EXPECT_EQ(parse_duration("1.5s"), 1'500'000'000u);
  EXPECT_EQ(parse_duration("50µs"), 50'000u);
  EXPECT_EQ(parse_duration("8"), 8'000'000'000u);
  EXPECT_EQ(parse_bytes("4KiB"), 4096u);
  EXPECT_EQ(parse_rate("10k"), 10'000.0);
  EXPECT_EQ(parse_part("50%"), 0.5);
  for (const char* text : {"", "-1s", "8parsecs", "1s ", "99999999999h", "1.2.3", "s"})
    EXPECT_FALSE(parse_duration(text));
  EXPECT_FALSE(parse_rate("0"));
  EXPECT_FALSE(parse_part("150%"));
}

TEST(Quantity, Prints) {
  EXPECT_EQ(print_duration(1.23e6), "1.23 ms");
  EXPECT_EQ(print_duration(845), "845 ns");
  EXPECT_EQ(print_duration(12.3e9), "12.3 s");
  EXPECT_EQ(print_count(12345), "12,345");
  EXPECT_EQ(print_bytes(1258291), "1.2 MiB");
}

TEST(Quantity, TimesAreRoundedToMilliseconds) {
  EXPECT_EQ(iso_time(0), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(iso_time(1'790'000'000.9996), "2026-09-21T14:13:21.000Z");
}

}  // namespace
}  // namespace onehop::loadgen
