// A forked copy is told from its parent, and what the copy makes is its own.
#include "reactor/fork_guard.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

namespace onehop::reactor::test {
namespace {

TEST(ForkGuard, KnowsACopyOfItsProcess) {
  const ForkGuard guard;
  const pid_t child = ::fork();
  if (child == 0) ::_exit(guard.is_copy() && !ForkGuard().is_copy() ? EXIT_SUCCESS : EXIT_FAILURE);
  int status = 0;
  ASSERT_EQ(child, ::waitpid(child, &status, 0));
  EXPECT_EQ(0, status);
  EXPECT_FALSE(guard.is_copy());
}

}  // namespace
}  // namespace onehop::reactor::test
