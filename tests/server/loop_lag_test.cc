// How long a loop does not look for events: from clock readings, and of a shard that is stuck in one event.
#include "server/loop_lag.h"

#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <mutex>

#include "onehop/broker.h"
#include "server_test/raw_client.h"

namespace onehop::server {
namespace {

constexpr uint64_t kMs = 1'000'000;
constexpr uint64_t kSecond = 1'000 * kMs;

class LoopLagTest : public testing::Test {
 protected:
  void event_at(uint64_t at_ns) {
    lag_.event_begins([at_ns] { return at_ns; });
  }

  LoopLag lag_;
};

TEST_F(LoopLagTest, IsTheLongestStretchFromTheFirstEventToTheNextLook) {
  EXPECT_EQ(lag_.us_max(0), 0u);
  event_at(40 * kMs);
  event_at(41 * kMs);
  lag_.looks(43 * kMs);
  EXPECT_EQ(lag_.us_max(43 * kMs), 3'000u);
  lag_.looks(50 * kMs);  // Nothing came.
  event_at(60 * kMs);
  lag_.looks(61 * kMs);
  EXPECT_EQ(lag_.us_max(61 * kMs), 3'000u);
}

TEST_F(LoopLagTest, OneLongEventShows) {
  event_at(10 * kMs);
  lag_.looks(913 * kMs);
  EXPECT_EQ(lag_.us_max(913 * kMs), 903'000u);
}

TEST_F(LoopLagTest, AnEventShowsWhileItLasts) {
  event_at(10 * kMs);
  EXPECT_EQ(lag_.us_max(12 * kMs), 2'000u);
  EXPECT_EQ(lag_.us_max(100 * kSecond + 10 * kMs), 100'000'000u);
  lag_.looks(200 * kSecond + 10 * kMs);
  EXPECT_EQ(lag_.us_max(201 * kSecond), 200'000'000u);
}

// However many ask, each is told; it is forgotten with time, not by who reads it.
TEST_F(LoopLagTest, IsOfTheLastHalfMinuteAtLeast) {
  event_at(29 * kSecond);
  lag_.looks(29 * kSecond + kMs);
  EXPECT_EQ(lag_.us_max(31 * kSecond), 1'000u);
  EXPECT_EQ(lag_.us_max(31 * kSecond), 1'000u);
  event_at(32 * kSecond);
  lag_.looks(32 * kSecond + 20'000);
  EXPECT_EQ(lag_.us_max(59 * kSecond), 1'000u);
  EXPECT_EQ(lag_.us_max(61 * kSecond), 20u);
  EXPECT_EQ(lag_.us_max(200 * kSecond), 0u);
}

// The shard that calls on_event waits in it for the test; the other answers.
TEST(LoopLag, AShardThatIsStuckShowsWhileItIs) {
  using Clock = std::chrono::steady_clock;
  std::mutex mutex;
  std::condition_variable changed;
  bool stuck = false, released = false;
  Clock::time_point since;
  unsigned shard = 0;
  BrokerOptions options;
  options.listen = {"tcp://127.0.0.1:0"};
  options.shards = 2;
  options.on_event = [&](const BrokerEvent& event) {
    if (event.kind != BrokerEvent::Kind::kSessionOpened) return;
    std::unique_lock lock(mutex);
    since = Clock::now();
    stuck = true;
    shard = event.shard;
    changed.notify_all();
    changed.wait(lock, [&] { return released; });
  };
  std::string error;
  const std::unique_ptr<Broker> broker = Broker::start(options, error);
  ASSERT_NE(broker, nullptr) << error;
  test::RawClient client(broker->addresses().front());
  client.send(test::connect_frame("bob"));
  std::unique_lock lock(mutex);
  changed.wait(lock, [&] { return stuck; });
  // Long enough that no other lag is taken for this one.
  changed.wait_until(lock, since + std::chrono::milliseconds(300), [] { return false; });
  const auto lasts = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - since).count();
  lock.unlock();
  EXPECT_GE(broker->counters().shards[shard].loop_lag_us_max, static_cast<uint64_t>(lasts));
  lock.lock();
  released = true;
  changed.notify_all();
  lock.unlock();
  client.read_kind(v1::Frame::kConnected);
  EXPECT_GE(broker->counters().shards[shard].loop_lag_us_max, static_cast<uint64_t>(lasts));
}

}  // namespace
}  // namespace onehop::server
