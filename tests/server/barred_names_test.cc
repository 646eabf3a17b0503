// Names that are kept out: for how long, and how many.
#include "server/barred_names.h"

#include <gtest/gtest.h>

#include <string>

namespace onehop::server {
namespace {

TEST(BarredNames, AreKeptOutForTheirTime) {
  BarredNames barred;
  EXPECT_EQ(barred.left_ms("a", 100), 0u);
  barred.bar("a", 1'000);
  EXPECT_EQ(barred.left_ms("a", 100), 900u);
  EXPECT_EQ(barred.left_ms("a", 999), 1u);
  EXPECT_EQ(barred.left_ms("a", 1'000), 0u);
  EXPECT_EQ(barred.left_ms("b", 100), 0u);
  barred.bar("a", 0);
  EXPECT_EQ(barred.left_ms("a", 100), 0u);
}

TEST(BarredNames, OfTooManyTheEldestGoes) {
  BarredNames barred;
  for (size_t i = 0; i < BarredNames::kNamesMax; ++i) barred.bar(std::to_string(i), 1'000);
  barred.bar("0", 2'000);  // Barred anew, so it is not the eldest any more.
  barred.bar("more", 1'000);
  EXPECT_EQ(barred.left_ms("0", 0), 2'000u);
  EXPECT_EQ(barred.left_ms("1", 0), 0u);
  EXPECT_EQ(barred.left_ms("2", 0), 1'000u);
  EXPECT_EQ(barred.left_ms("more", 0), 1'000u);
}

}  // namespace
}  // namespace onehop::server
