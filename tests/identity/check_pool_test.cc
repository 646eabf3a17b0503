// CheckPool: what is full, late or over.
#include "identity/check_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <memory>

namespace onehop::identity {
namespace {

constexpr uint64_t kNeverLate = 1'000'000'000;

TEST(CheckPool, RefusesWhatHasNoRoom) {
  CheckPool pool(1, 2, kNeverLate);
  std::promise<void> begun, go_on;
  ASSERT_TRUE(pool.submit([&](bool) {
    begun.set_value();
    go_on.get_future().wait();
  }));
  begun.get_future().wait();
  std::atomic<int> done{0};
  std::promise<void> last;
  EXPECT_TRUE(pool.submit([&](bool) { ++done; }));
  EXPECT_TRUE(pool.submit([&](bool) {
    ++done;
    last.set_value();
  }));
  EXPECT_FALSE(pool.submit([&](bool) { ++done; }));
  go_on.set_value();
  last.get_future().wait();
  EXPECT_EQ(done, 2);
}

TEST(CheckPool, SaysWhatIsLate) {
  std::atomic<uint64_t> now_ms{5'000};
  CheckPool pool(1, 8, 4'000, [&now_ms] { return now_ms.load(); });
  std::promise<void> begun, go_on;
  ASSERT_TRUE(pool.submit([&](bool) {
    begun.set_value();
    go_on.get_future().wait();
  }));
  begun.get_future().wait();
  std::promise<bool> first, second;
  ASSERT_TRUE(pool.submit([&](bool late) { first.set_value(late); }));
  now_ms = 5'001;
  ASSERT_TRUE(pool.submit([&](bool late) { second.set_value(late); }));
  now_ms = 9'001;
  go_on.set_value();
  EXPECT_TRUE(first.get_future().get());
  EXPECT_FALSE(second.get_future().get());
}

TEST(CheckPool, EndsWithoutWhatWaits) {
  const auto token = std::make_shared<int>(0);
  std::promise<void> begun, go_on;
  std::atomic<bool> ran{false};
  std::thread ender;
  {
    auto pool = std::make_unique<CheckPool>(1, 8, kNeverLate);
    pool->submit([&](bool) {
      begun.set_value();
      go_on.get_future().wait();
    });
    begun.get_future().wait();
    pool->submit([token, &ran](bool) { ran = true; });
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
