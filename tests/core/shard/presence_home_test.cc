// What a shard tells of its sessions: one record for each shard with watchers, portions of bounded length, and nothing
// where nobody watches.
#include <gtest/gtest.h>

#include "presence.h"

namespace onehop::core::test {
namespace {

struct HomeWorld {
  HomeWorld() {
    for (ShardIndex shard = 0; shard < 2; ++shard) {
      for (int i = 0; i < 5; ++i) {
        watchers.emplace_back(broker, watcher_frame(broker.name_on(shard, "w" + std::to_string(i) + "-")));
      }
    }
  }
  uint64_t posted(ShardIndex shard) { return broker.counters(shard).parcels_posted; }

  FakeBroker broker{2};
  std::vector<FakeClient> watchers;
};

TEST(PresenceHome, TellsNobodyIfNobodyWatches) {
  HomeWorld world;
  const uint64_t before = world.posted(0);
  FakeClient bob(world.broker, world.broker.name_on(0, "bob"));
  bob.send(goodbye_frame(v1::CODE_NORMAL));
  EXPECT_EQ(world.posted(0), before);
  // And nobody again when the last one has stopped.
  world.watchers[7].send(watch_prefix("bob"));
  world.watchers[7].send(stop_watch());
  const uint64_t stopped = world.posted(0);
  FakeClient again(world.broker, world.broker.name_on(0, "bob"));
  EXPECT_EQ(world.posted(0), stopped);
}

TEST(PresenceHome, TellsEachShardOnce) {
  HomeWorld world;
  for (FakeClient& watcher : world.watchers) {
    watcher.send(watch_prefix("bob"));
    watcher.send(watch_prefix("", 2));
    watcher.read();
  }
  const uint64_t before = world.posted(0);
  FakeClient bob(world.broker, world.broker.name_on(0, "bob"));
  EXPECT_EQ(world.posted(0), before + 1);
  for (FakeClient& watcher : world.watchers) {
    Picture one;
    Picture all(2);
    const std::vector<v1::Frame> frames = watcher.read();
    one.take(frames);
    all.take(frames);
    EXPECT_EQ(one.there.size(), 1u);
    EXPECT_EQ(all.there.size(), 1u);
  }
}

TEST(PresenceHome, OneNameIsKnownAtItsHomeOnly) {
  HomeWorld world;
  const uint64_t before = world.posted(1);
  world.watchers[9].send(watch_name(world.broker.name_on(1, "bob")));
  EXPECT_EQ(world.posted(1), before) << "its home is the watcher's";
  world.watchers[9].send(watch_name(world.broker.name_on(0, "bob"), 2));
  EXPECT_GT(world.posted(1), before);
}

// A snapshot is pulled: while the watcher takes nothing, its shard asks for no more than one portion.
TEST(PresenceHome, IsAskedForNoMoreThanTheWatcherTakes) {
  HomeWorld world;
  std::vector<FakeClient> clients;
  for (int i = 0; i < 1'000; ++i) clients.emplace_back(world.broker, "device/" + std::to_string(i));
  FakeClient& watcher = world.watchers[9];
  watcher.read();
  watcher.stop_reading();
  const uint64_t before = world.broker.counters(1).state_bytes + world.broker.counters(1).queued_bytes;
  watcher.send(watch_prefix("device/"));
  const uint64_t held = world.broker.counters(1).state_bytes + world.broker.counters(1).queued_bytes - before;
  EXPECT_LT(held, 2 * PresenceHome::kPortionNames * 120 + 2'000);
  Picture picture;
  size_t reads = 0;
  for (; !picture.complete && reads < 1'000; ++reads) {
    watcher.take(4'000);
    world.broker.settle();
    if (reads % 5 == 4) watcher.take();
    if (reads % 5 == 4) picture.take(watcher.read());
    if (!picture.complete) watcher.stop_reading();
  }
  EXPECT_TRUE(picture.complete);
  EXPECT_EQ(picture.there.size(), clients.size());
}

// A shard with very many places looks at some of them in each flush, and other clients are served in between.
TEST(PresenceHome, ATurnIsBounded) {
  HomeWorld world;
  std::vector<FakeClient> clients;
  for (int i = 0; i < 3'000; ++i) clients.emplace_back(world.broker, "device/" + std::to_string(i));
  const uint64_t before = world.broker.flushes;
  world.watchers[0].send(watch_prefix("nobody"));
  EXPECT_TRUE(world.watchers[0].read_one().presence().complete());
  EXPECT_GT(world.broker.flushes, before + 3'000 / PresenceHome::kPortionPlaces);
}

TEST(PresenceHome, AStaleAskHarmsNobody) {
  HomeWorld world;
  FakeClient bob(world.broker, world.broker.name_on(0, "bob"));
  FakeClient dave(world.broker, world.broker.name_on(0, "dave"));
  FakeClient& watcher = world.watchers[9];
  world.broker.held_parcels = {{0, 1}};
  watcher.send(watch_prefix("bob"));
  watcher.send(stop_watch());
  watcher.send(watch_prefix("dave"));
  world.broker.held_parcels = {};
  world.broker.settle();
  Picture picture;
  picture.take(watcher.read());
  EXPECT_TRUE(picture.complete);
  EXPECT_EQ(picture.names(), std::vector<std::string>{dave.connected().name()});
  // The session ends while a portion is on its way.
  world.broker.held_parcels = {{0, 1}};
  watcher.send(watch_prefix("bob", 2));
  watcher.send(goodbye_frame(v1::CODE_NORMAL));
  FakeClient next(world.broker, watcher_frame(watcher.connected().name()));
  next.send(watch_prefix("dave", 2));
  world.broker.held_parcels = {};
  world.broker.settle();
  Picture again(2);
  again.take(next.read());
  EXPECT_TRUE(again.complete);
  EXPECT_EQ(again.names(), std::vector<std::string>{dave.connected().name()});
}

}  // namespace
}  // namespace onehop::core::test
