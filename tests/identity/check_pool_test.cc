// CheckPool: what is full, late or over.
#include "identity/check_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <memory>
#include <string>

namespace onehop::identity {
namespace {

using Kind = CheckPool::Kind;

constexpr uint64_t kNeverLate = 1'000'000'000;

TEST(CheckPool, RefusesWhatHasNoRoom) {
  CheckPool pool(1, 2, kNeverLate);
  std::promise<void> begun, go_on;
  ASSERT_TRUE(pool.submit(Kind::kSlow, [&](bool) {
    begun.set_value();
    go_on.get_future().wait();
  }));
  begun.get_future().wait();
  std::atomic<int> done{0};
  std::promise<void> last;
  EXPECT_TRUE(pool.submit(Kind::kSlow, [&](bool) { ++done; }));
  EXPECT_TRUE(pool.submit(Kind::kSlow, [&](bool) {
    ++done;
    last.set_value();
  }));
  EXPECT_FALSE(pool.submit(Kind::kSlow, [&](bool) { ++done; }));
  go_on.set_value();
  last.get_future().wait();
  EXPECT_EQ(done, 2);
}

TEST(CheckPool, SaysWhatIsLate) {
  std::atomic<uint64_t> now_ms{5'000};
  CheckPool pool(1, 8, 4'000, [&now_ms] { return now_ms.load(); });
  std::promise<void> begun, go_on;
  ASSERT_TRUE(pool.submit(Kind::kSlow, [&](bool) {
    begun.set_value();
    go_on.get_future().wait();
  }));
  begun.get_future().wait();
  std::promise<bool> first, second;
  ASSERT_TRUE(pool.submit(Kind::kSlow, [&](bool late) { first.set_value(late); }));
  now_ms = 5'001;
  ASSERT_TRUE(pool.submit(Kind::kSlow, [&](bool late) { second.set_value(late); }));
  now_ms = 9'001;
  go_on.set_value();
  EXPECT_TRUE(first.get_future().get());
  EXPECT_FALSE(second.get_future().get());
}

// A flood of wrong passwords keeps no token waiting.
TEST(CheckPool, QuickChecksHaveRoomOfTheirOwnAndGoFirst) {
  CheckPool pool(1, 2, kNeverLate);
  std::promise<void> begun, go_on, last;
  ASSERT_TRUE(pool.submit(Kind::kSlow, [&](bool) {
    begun.set_value();
    go_on.get_future().wait();
  }));
  begun.get_future().wait();
  std::string order;
  EXPECT_TRUE(pool.submit(Kind::kSlow, [&](bool) { order += "slow "; }));
  EXPECT_TRUE(pool.submit(Kind::kSlow, [&](bool) {
    order += "slow";
    last.set_value();
  }));
  EXPECT_FALSE(pool.submit(Kind::kSlow, [](bool) {}));
  EXPECT_TRUE(pool.submit(Kind::kQuick, [&](bool) { order += "quick "; }));
  EXPECT_TRUE(pool.submit(Kind::kQuick, [&](bool) { order += "quick "; }));
  EXPECT_FALSE(pool.submit(Kind::kQuick, [](bool) {}));
  go_on.set_value();
  last.get_future().wait();
  EXPECT_EQ(order, "quick quick slow slow");
}

TEST(CheckPool, ManyQuickChecksKeepNoSlowOneWaitingForEver) {
  CheckPool pool(1, 100, kNeverLate);
  std::promise<void> begun, go_on, last;
  ASSERT_TRUE(pool.submit(Kind::kSlow, [&](bool) {
    begun.set_value();
    go_on.get_future().wait();
  }));
  begun.get_future().wait();
  int quick = 0, quick_before_slow = 0;
  for (int i = 0; i < 100; ++i) {
    EXPECT_TRUE(pool.submit(Kind::kQuick, [&](bool) {
      if (++quick == 100) last.set_value();
    }));
  }
  EXPECT_TRUE(pool.submit(Kind::kSlow, [&](bool) { quick_before_slow = quick; }));
  go_on.set_value();
  last.get_future().wait();
  EXPECT_LT(quick_before_slow, 8);
  EXPECT_GT(quick_before_slow, 0);
}

TEST(CheckPool, EndsWithoutWhatWaits) {
  const auto token = std::make_shared<int>(0);
  std::promise<void> begun, go_on;
  std::atomic<bool> ran{false};
  std::thread ender;
  {
    auto pool = std::make_unique<CheckPool>(1, 8, kNeverLate);
    pool->submit(Kind::kSlow, [&](bool) {
      begun.set_value();
      go_on.get_future().wait();
    });
    begun.get_future().wait();
    pool->submit(Kind::kSlow, [token, &ran](bool) { ran = true; });
    EXPECT_EQ(token.use_count(), 2);
    ender = std::thread([&pool] { pool.reset(); });
    // The check that waits goes before the one that runs has ended.
    while (token.use_count() != 1) std::this_thread::yield();
    go_on.set_value();
    ender.join();
  }
  EXPECT_FALSE(ran);
}

}  // namespace
}  // namespace onehop::identity
