// Presence at its limits: how many watches, how much waits for a watcher, and what thousands of others do to it.
#include <gtest/gtest.h>

#include "presence.h"

namespace onehop::core::test {
namespace {

class PresenceLimitsOn : public testing::TestWithParam<ShardIndex> {};

INSTANTIATE_TEST_SUITE_P(Shards, PresenceLimitsOn, testing::Values(1, 2, 4),
                         [](const auto& shards) { return std::to_string(shards.param); });

TEST_P(PresenceLimitsOn, NoMoreWatchesThanTheLimit) {
  WatchWorld world(GetParam());
  const auto last_told = [&world] {
    world.broker.advance(20);
    const std::vector<v1::Frame> frames = world.wendy.read();
    return frames.empty() ? v1::Presence() : frames.back().presence();
  };
  for (uint64_t ref = 1; ref <= kWatchesMax; ++ref) world.wendy.send(watch_prefix("p" + std::to_string(ref), ref));
  EXPECT_TRUE(last_told().complete());
  world.wendy.send(watch_prefix("one more", 1'000));
  const v1::Presence answer = last_told();
  EXPECT_EQ(answer.ref(), 1'000u);
  EXPECT_EQ(answer.reason(), v1::REASON_BROKER_BUSY);
  EXPECT_FALSE(answer.complete());
  world.wendy.send(watch_prefix("another", 7));
  EXPECT_TRUE(last_told().complete()) << "one in use may be replaced";
  world.wendy.send(stop_watch(8));
  world.wendy.send(watch_prefix("one more", 1'000));
  EXPECT_EQ(last_told().ref(), 1'000u);
}

TEST_P(PresenceLimitsOn, AnswersAreBounded) {
  WatchWorld world(GetParam());
  world.wendy.stop_reading();
  std::string bytes;
  for (uint64_t ref = 1; ref <= 30'000; ++ref) bytes += wire(stop_watch(ref));
  world.wendy.send_bytes(bytes);
  EXPECT_FALSE(world.wendy.link().reading);
  EXPECT_LT(world.sum(&Counters::state_bytes) + world.sum(&Counters::queued_bytes), 2'000'000u);
  world.wendy.take();
  EXPECT_EQ(world.wendy.read().size(), 30'000u);
}

// Who is there changes while the snapshot is on its way.
TEST_P(PresenceLimitsOn, ASnapshotIsRightHoweverManyComeAndGoMeanwhile) {
  WatchWorld world(GetParam());
  std::vector<FakeClient> clients;
  for (size_t i = 0; i < 500; ++i) clients.emplace_back(world.broker, world.name(i));
  world.wendy.set_room(100);
  world.wendy.send(watch_prefix("device/"));
  for (size_t i = 0; i < 500; ++i) {
    if (i % 3 == 0) clients[i].send(goodbye_frame(v1::CODE_NORMAL));
    if (i % 6 == 0) clients[i] = FakeClient(world.broker, world.name(i));
    if (i % 10 == 0) clients.emplace_back(world.broker, world.name(500 + i));
    world.wendy.take(200);
  }
  world.wendy.take();
  world.read();
  EXPECT_TRUE(world.picture.complete);
  std::vector<std::string> there;
  std::map<std::string, uint64_t> sessions;
  for (FakeClient& client : clients) {
    if (client.closed()) continue;
    there.push_back(client.connected().name());
    sessions[there.back()] = client.connected().session();
  }
  std::sort(there.begin(), there.end());
  EXPECT_EQ(world.picture.names(), there);
  for (const auto& [name, change] : world.picture.there) EXPECT_EQ(change.session(), sessions[name]);
}

// Memory stays bounded while a watcher does not read, and it gets a new snapshot when it does.
TEST_P(PresenceLimitsOn, ThousandsThatComeAndGoHarmNoWatcherThatDoesNotRead) {
  WatchWorld world(GetParam());
  FakeClient walter(world.broker, watcher_frame("walter"));
  world.wendy.send(watch_prefix("device/"));
  world.wendy.send(watch_prefix("", 2));
  walter.send(watch_prefix("device/"));
  world.read();
  const uint64_t before = world.sum(&Counters::state_bytes);
  world.wendy.stop_reading();
  Picture walters;
  std::vector<FakeLink*> clients;
  uint64_t most = 0;
  const auto look = [&] {
    most = std::max(most, world.sum(&Counters::state_bytes) - before + world.sum(&Counters::queued_bytes));
  };
  const size_t count = 15'000;
  while (clients.size() < count) {
    const std::vector<FakeLink*> more = connect_many(world.broker, clients.size(), 500);
    clients.insert(clients.end(), more.begin(), more.end());
    look();
    walters.take(walter.read());
  }
  walters.take(walter.read());
  EXPECT_EQ(walters.there.size(), count);
  EXPECT_EQ(walters.restarts, 0) << "nobody else is harmed";
  // All but a few go at once.
  for (size_t i = 7; i < count; ++i) clients[i]->failed = true;
  world.broker.settle();
  look();
  EXPECT_LT(most, 2 * PresenceFeed::kBytesMax + (64 << 10));
  EXPECT_GT(world.sum(&Counters::presence_restarts), 0u);
  world.broker.advance(100);
  walters.take(walter.read());
  EXPECT_TRUE(walters.complete);
  EXPECT_EQ(walters.there.size(), 7u);
  world.wendy.take();
  world.broker.advance(100);
  world.read();
  EXPECT_GE(world.picture.restarts, 1);
  EXPECT_TRUE(world.picture.complete);
  EXPECT_EQ(world.picture.there.size(), 7u);
  EXPECT_FALSE(world.wendy.closed());
}

TEST_P(PresenceLimitsOn, WhileMemoryIsShortNobodyWatchesMore) {
  Limits limits;
  limits.memory_bytes_max = 300'000;
  WatchWorld world(GetParam(), limits);
  FakeClient greedy(world.broker, lasting_frame("greedy"));
  FakeClient sender(world.broker, "sender");
  greedy.stop_reading();
  for (uint64_t id = 1; id < 40; ++id) sender.send("greedy", id, std::string(8'000, 'x'));
  world.broker.settle();
  ASSERT_NE(world.broker.counters(static_cast<ShardIndex>(world.broker.shards() - 1)).memory_stage, 0u);
  world.wendy.send(watch_prefix("a"));
  EXPECT_EQ(world.wendy.read_one().presence().reason(), v1::REASON_BROKER_BUSY);
}

}  // namespace
}  // namespace onehop::core::test
