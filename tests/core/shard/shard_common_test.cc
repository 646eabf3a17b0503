// What the parts of a shard share: the time.
#include "core/shard/shard_common.h"

#include <gtest/gtest.h>

#include "silent_world.h"

namespace onehop::core::test {
namespace {

TEST(ShardCommon, TheTimeIsKnownDuringAnInputOnly) {
  SilentHost host;
  ShardCommon common{ShardConfig{}, host};
  {
    const ShardCommon::Now at(common, {5});
    EXPECT_EQ(common.now(), Instant{5});
  }
  EXPECT_DEATH(common.now(), "now_ != Instant::never");
}

TEST(ShardCommon, InputsDoNotNest) {
  SilentHost host;
  ShardCommon common{ShardConfig{}, host};
  const ShardCommon::Now at(common, {5});
  EXPECT_DEATH(ShardCommon::Now(common, {6}), "now_ == Instant::never");
}

TEST(ShardCommon, ClientsAreToldToWaitForTimesThatDiffer) {
  SilentHost host;
  const ShardCommon common{ShardConfig{}, host};
  const uint32_t lease_ms = common.config.limits.pause_lease_ms;
  std::set<uint32_t> waits;
  for (uint32_t index = 0; index < 100; ++index) {
    const Origin client = common.origin_of(SessionId{index, 1});
    EXPECT_EQ(common.jittered_lease(client), common.jittered_lease(client));
    waits.insert(common.jittered_lease(client));
  }
  EXPECT_GT(waits.size(), 50U);
  EXPECT_GE(*waits.begin(), lease_ms * 3 / 4);
  EXPECT_LE(*waits.rbegin(), lease_ms * 5 / 4);
}

}  // namespace
}  // namespace onehop::core::test
