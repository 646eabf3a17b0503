// So many lines a second, and a count of the others.
#include "daemon/line_budget.h"

#include <gtest/gtest.h>

namespace onehop::daemon {
namespace {

TEST(LineBudget, CountsWhatItLeavesOut) {
  LineBudget budget(3);
  int64_t left_out = -1;
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(i < 3, budget.admit(100, left_out));
    EXPECT_EQ(0, left_out);
  }
  EXPECT_TRUE(budget.admit(105, left_out));
  EXPECT_EQ(7, left_out);
  EXPECT_TRUE(budget.admit(105, left_out));
  EXPECT_EQ(0, left_out);
  EXPECT_TRUE(budget.admit(106, left_out));
  EXPECT_EQ(0, left_out);
}

}  // namespace
}  // namespace onehop::daemon
