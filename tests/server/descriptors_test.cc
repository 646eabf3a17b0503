// Descriptors run out: a storm of connections neither spins the broker nor disturbs those it serves, and once there is
// room again the waiting are served.
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <deque>
#include <string>
#include <vector>

#include "server_test/child_process.h"
#include "server_test/raw_client.h"
#include "server_test/sanitizers.h"

namespace onehop::test {
namespace {

constexpr unsigned kDescriptors = 128;
constexpr int kStorm = 300;

struct Pair {
  explicit Pair(const std::string& address) : a(address), b(address) {
    // The shortest keepalive: its pings are the clock of these tests.
    a.connect("a", [](v1::Connect& c) { c.set_keepalive_ms(1'000); });
    b.connect("b");
  }
  void exchange(int count) {
    for (int i = 0; i < count; ++i) {
      ++id;
      a.send(message_frame("b", id, std::to_string(id)));
      EXPECT_EQ(std::to_string(id), b.read_kind(v1::Frame::kMessage).message().payload());
      b.send(message_frame("a", id, std::to_string(id)));
      EXPECT_EQ(std::to_string(id), a.read_kind(v1::Frame::kMessage).message().payload());
    }
  }
  // Idles until the broker has pinged so often: a keepalive of silence each.
  void idle(int pings) {
    for (int i = 0; i < pings; ++i) {
      a.read_kind(v1::Frame::kPing);
      a.send(v1::Frame(ping_frame(1)));
      a.read_kind(v1::Frame::kPong);
    }
  }
  RawClient a, b;
  uint64_t id = 0;
};

// Processor time the broker takes while nobody does anything but wait, per hundred of real time.
uint64_t idle_load_percent(const ChildProcess& broker, Pair& pair) {
  const auto begin = std::chrono::steady_clock::now();
  const uint64_t cpu_before_ms = broker.cpu_ms();
  pair.idle(2);
  const uint64_t cpu_ms = broker.cpu_ms() - cpu_before_ms;
  const auto passed = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - begin);
  return cpu_ms * 100 / static_cast<uint64_t>(passed.count());
}

// Connections that wait with their Connect sent.
void storm(std::deque<RawClient>& crowd, const std::string& address) {
  for (int i = 0; i < kStorm; ++i) crowd.emplace_back(address).send(connect_frame("storm-" + std::to_string(i)));
}

// Whoever is served leaves, so that another can come; in the end all were served. Which shard takes the next free place
// is not defined.
void expect_all_are_served(std::deque<RawClient>& crowd) {
  size_t waiting = crowd.size();
  while (waiting != 0) {
    std::vector<pollfd> polled;
    for (const RawClient& client : crowd) polled.push_back({client.fd(), POLLIN, 0});  // -1 is skipped.
    ASSERT_GE(::poll(polled.data(), polled.size(), -1), 0);
    for (size_t i = 0; i < crowd.size(); ++i) {
      if (polled[i].revents == 0) continue;
      ASSERT_TRUE(crowd[i].read_kind(v1::Frame::kConnected).has_connected());
      crowd[i].close();
      --waiting;
    }
  }
}

class Descriptors : public testing::TestWithParam<const char*> {};

TEST_P(Descriptors, AStormBeyondTheLimitWaitsAndIsServed) {
  Onehopd broker({"--shards", GetParam()}, kDescriptors);
  Pair pair(broker.address());
  std::deque<RawClient> crowd;
  storm(crowd, broker.address());
  pair.exchange(100);
  EXPECT_LT(broker.open_descriptors(), kDescriptors) << "a reserve is left";
  broker.wait_for_errors([](const std::vector<std::string>& lines) {
    return std::any_of(lines.begin(), lines.end(), [](const std::string& line) {
      return line.find("no descriptor is left for another connection: all ") != std::string::npos &&
             line.find(" connections that the limit of 128 descriptors allows are taken") != std::string::npos;
    });
  });
  EXPECT_LT(idle_load_percent(broker, pair), 20u);
  pair.exchange(100);
  expect_all_are_served(crowd);
  pair.exchange(1);
  EXPECT_EQ("late", RawClient(broker.address()).connect("late").name());
}

// The limit is lowered below what is in use, so that accept itself fails: the broker's own bookkeeping does not see it.
TEST_P(Descriptors, WhenAcceptFailsForWantOfThemItDoesNotSpin) {
  if (kAddressSanitized) GTEST_SKIP() << "the undefined behaviour sanitizer needs descriptors of its own in the broker";
  Onehopd broker({"--shards", GetParam()}, 1'024);
  Pair pair(broker.address());
  rlimit limit{};
  ASSERT_EQ(0, ::prlimit(broker.pid(), RLIMIT_NOFILE, nullptr, &limit));
  const rlim_t before = limit.rlim_cur;
  limit.rlim_cur = broker.open_descriptors() + 4;
  ASSERT_EQ(0, ::prlimit(broker.pid(), RLIMIT_NOFILE, &limit, nullptr));
  std::deque<RawClient> crowd;
  storm(crowd, broker.address());
  pair.exchange(100);
  EXPECT_LT(idle_load_percent(broker, pair), 20u);
  limit.rlim_cur = before;
  ASSERT_EQ(0, ::prlimit(broker.pid(), RLIMIT_NOFILE, &limit, nullptr));
  expect_all_are_served(crowd);
  pair.exchange(100);
}

INSTANTIATE_TEST_SUITE_P(Shards, Descriptors, testing::Values("1", "2"),
                         [](const auto& param) { return "Shards" + std::string(param.param); });

}  // namespace
}  // namespace onehop::test
