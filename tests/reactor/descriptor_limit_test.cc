// The descriptor limit is read and raised in a process of its own, so that no other test sees it.
#include "reactor/descriptor_limit.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <cstdlib>

namespace onehop::reactor {
namespace {

TEST(DescriptorLimitDeathTest, IsRaisedToTheHardLimit) {
  EXPECT_EXIT(
      {
        rlimit limit{};
        getrlimit(RLIMIT_NOFILE, &limit);
        limit.rlim_cur = 100;
        setrlimit(RLIMIT_NOFILE, &limit);
        const bool read = descriptor_limit() == 100;
        const bool raised = raise_descriptor_limit() == limit.rlim_max && descriptor_limit() == limit.rlim_max;
        std::exit(read && raised ? 0 : 1);
      },
      testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace onehop::reactor
