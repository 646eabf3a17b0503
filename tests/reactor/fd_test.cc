// A descriptor has one owner and is closed where the owner dies.
#include "reactor/fd.h"

#include <gtest/gtest.h>

#include "connections.h"

namespace onehop::reactor {
namespace {

TEST(Fd, ClosesWhereItsOwnerDies) {
  Ends ends = unix_ends();
  const int number = ends.ours.get();
  {
    const Fd owner = std::move(ends.ours);
    EXPECT_FALSE(ends.ours);
    EXPECT_TRUE(is_open(number));
  }
  EXPECT_FALSE(is_open(number));
}

TEST(Fd, AssignmentClosesWhatItReplaces) {
  Ends ends = unix_ends();
  const int replaced = ends.ours.get(), kept = ends.theirs.get();
  ends.ours = std::move(ends.theirs);
  EXPECT_FALSE(is_open(replaced));
  EXPECT_EQ(kept, ends.ours.get());
}

TEST(Fd, ReleaseGivesUpWithoutClosing) {
  Ends ends = unix_ends();
  const int number = ends.ours.release();
  EXPECT_FALSE(ends.ours);
  EXPECT_TRUE(is_open(number));
  ::close(number);
}

}  // namespace
}  // namespace onehop::reactor
