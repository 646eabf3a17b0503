// Pauses of destinations, each with its own end.
#include "local/pauses.h"

#include <gtest/gtest.h>

namespace onehop::local {
namespace {

TEST(Pauses, EndWhenTheyAreDueOrTakenBack) {
  Pauses pauses;
  EXPECT_EQ(core::Instant::never(), pauses.due());
  pauses.add("a", {100});
  pauses.add("b", {200});
  pauses.add("a", {300});  // Told again: it holds for longer.
  EXPECT_EQ(core::Instant{200}, pauses.due());
  EXPECT_FALSE(pauses.end_due({199}));
  EXPECT_TRUE(pauses.end_due({200}));
  EXPECT_TRUE(pauses.contains("a"));
  EXPECT_FALSE(pauses.contains("b"));
  pauses.remove("a");
  EXPECT_TRUE(pauses.empty());
}

}  // namespace
}  // namespace onehop::local
