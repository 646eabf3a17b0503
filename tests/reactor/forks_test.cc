// A forked child is told from its parent.
#include "reactor/forks.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

namespace onehop::reactor::test {
namespace {

TEST(Forks, AreCountedInTheChildOnly) {
  const uint32_t before = Forks::count();
  const pid_t child = ::fork();
  if (child == 0) ::_exit(Forks::count() == before + 1 ? EXIT_SUCCESS : EXIT_FAILURE);
  int status = 0;
  ASSERT_EQ(child, ::waitpid(child, &status, 0));
  EXPECT_EQ(0, status);
  EXPECT_EQ(before, Forks::count());
}

}  // namespace
}  // namespace onehop::reactor::test
