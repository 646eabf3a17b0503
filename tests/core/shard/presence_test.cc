// Presence as watchers see it: snapshots, changes, what is merged and what begins anew; on one shard, two and four.
#include <gtest/gtest.h>

#include "presence.h"

namespace onehop::core::test {
namespace {

using NamesThere = std::vector<std::string>;

class PresenceOn : public testing::TestWithParam<ShardIndex> {};

INSTANTIATE_TEST_SUITE_P(Shards, PresenceOn, testing::Values(1, 2, 4),
                         [](const auto& shards) { return std::to_string(shards.param); });

TEST_P(PresenceOn, AWatcherOfANameHearsWhatBecomesOfIt) {
  for (size_t number = 0; number < 4; ++number) {
    WatchWorld world(GetParam());
    const std::string name = world.name(number);
    world.wendy.send(watch_name(name));
    world.read();
    EXPECT_TRUE(world.picture.complete);
    EXPECT_EQ(world.picture.changes, 0) << "nobody is there";
    world.broker.advance(1'000);
    const uint64_t zero_ms = 1'700'000'000'000;
    const Instant connected_at = world.broker.now;
    FakeClient bob(world.broker, lasting_frame(name, 10'000));
    world.read();
    EXPECT_EQ(world.last(name).state(), v1::PRESENCE_STATE_UP);
    EXPECT_EQ(world.last(name).session(), bob.connected().session());
    EXPECT_EQ(world.last(name).since_unix_ms(), zero_ms + connected_at.ms / 100 * 100);
    EXPECT_EQ(world.last(name).last_heard_ms(), 0u);
    world.broker.advance(3'000);
    bob.reset();
    world.read();
    EXPECT_EQ(world.last(name).state(), v1::PRESENCE_STATE_AWAY);
    EXPECT_EQ(world.last(name).session(), bob.connected().session());
    EXPECT_EQ(world.last(name).since_unix_ms(), zero_ms + world.broker.now.ms);
    EXPECT_EQ(world.last(name).last_heard_ms(), 3'000u);
    FakeClient again(world.broker);
    v1::Frame connect = resume_frame(bob.connected(), 1);
    connect.mutable_connect()->set_session_expiry_ms(5'000);
    again.connect(connect);
    world.read();
    EXPECT_EQ(world.last(name).state(), v1::PRESENCE_STATE_UP);
    EXPECT_EQ(world.last(name).session(), bob.connected().session());
    again.reset();
    world.broker.advance(5'100);
    world.read();
    EXPECT_EQ(world.last(name).state(), v1::PRESENCE_STATE_DOWN);
    EXPECT_EQ(world.last(name).reason(), v1::REASON_CONNECTION_LOST);
    EXPECT_EQ(world.last(name).session(), bob.connected().session());
    EXPECT_EQ(world.picture.restarts, 0);
  }
}

TEST_P(PresenceOn, ASnapshotTellsWhoIsThere) {
  WatchWorld world(GetParam());
  std::vector<FakeClient> clients;
  NamesThere there;
  for (size_t i = 0; i < 300; ++i) {
    there.push_back(world.name(i));
    clients.emplace_back(world.broker, lasting_frame(there.back()));
  }
  FakeClient stranger(world.broker, "stranger");
  clients[7].reset();
  clients[8].send(goodbye_frame(v1::CODE_NORMAL));
  there.erase(there.begin() + 8);
  std::sort(there.begin(), there.end());
  world.broker.advance(500);
  world.wendy.send(watch_prefix("device/"));
  world.read();
  EXPECT_TRUE(world.picture.complete);
  EXPECT_EQ(world.picture.restarts, 0);
  EXPECT_EQ(world.picture.names(), there);
  EXPECT_EQ(world.last(clients[7].connected().name()).state(), v1::PRESENCE_STATE_AWAY);
  EXPECT_EQ(world.last(clients[7].connected().name()).last_heard_ms(), 500u);
  EXPECT_EQ(world.last(clients[9].connected().name()).state(), v1::PRESENCE_STATE_UP);
  EXPECT_EQ(world.last(clients[9].connected().name()).session(), clients[9].connected().session());
  EXPECT_EQ(world.last(clients[9].connected().name()).last_heard_ms(), 500u);
  // The empty prefix stands for everybody, the watcher too.
  Picture all(2);
  world.wendy.send(watch_prefix("", 2));
  all.take(world.wendy.read());
  EXPECT_TRUE(all.complete);
  EXPECT_EQ(all.there.size(), there.size() + 2);
  EXPECT_TRUE(all.there.contains(world.wendy.connected().name()));
  EXPECT_TRUE(all.there.contains("stranger"));
  // And one name only for itself.
  Picture one(3);
  world.wendy.send(watch_name(there[0], 3));
  one.take(world.wendy.read());
  EXPECT_TRUE(one.complete);
  EXPECT_EQ(one.names(), NamesThere{there[0]});
}

TEST_P(PresenceOn, OnlyWhatIsWatchedIsTold) {
  WatchWorld world(GetParam());
  world.wendy.send(watch_prefix("device/1"));
  world.wendy.send(watch_name("bob", 2));
  for (const char* name : {"device/2", "device", "bob2", "bo", "device/1", "device/12", "bob"}) {
    FakeClient client(world.broker, std::string(name));
    client.send(goodbye_frame(v1::CODE_NORMAL));
  }
  Picture bob(2);
  const std::vector<v1::Frame> frames = world.wendy.read();
  world.picture.take(frames);
  bob.take(frames);
  EXPECT_TRUE(world.picture.there.empty());
  EXPECT_EQ(world.picture.last.size(), 2u);
  EXPECT_TRUE(world.picture.last.contains("device/1"));
  EXPECT_TRUE(world.picture.last.contains("device/12"));
  EXPECT_EQ(world.picture.last["device/1"].state(), v1::PRESENCE_STATE_DOWN);
  EXPECT_EQ(world.picture.last["device/1"].reason(), v1::REASON_UNSPECIFIED) << "it said goodbye";
  EXPECT_EQ(bob.last.size(), 1u);
}

TEST_P(PresenceOn, ATakeoverIsUpWithAnotherSession) {
  WatchWorld world(GetParam());
  const std::string name = world.name(1);
  world.wendy.send(watch_prefix("device/"));
  world.wendy.send(watch_name(name, 2));
  FakeClient bob(world.broker, name);
  world.read();
  FakeClient other(world.broker, take_over_frame(name));
  Picture exact(2);
  const std::vector<v1::Frame> frames = world.wendy.read();
  for (Picture* picture : {&world.picture, &exact}) {
    picture->changes = 0;
    picture->take(frames);
    EXPECT_EQ(picture->last[name].state(), v1::PRESENCE_STATE_UP);
    EXPECT_EQ(picture->last[name].session(), other.connected().session());
  }
}

TEST_P(PresenceOn, ChangesThatWaitAreMerged) {
  WatchWorld world(GetParam());
  world.wendy.send(watch_prefix("device/"));
  world.read();
  world.wendy.stop_reading();
  // The first change fills the queue; what comes behind it waits.
  const std::string name = world.name(1);
  uint64_t session = 0;
  for (int i = 0; i < 50; ++i) {
    FakeClient bob(world.broker, name);
    session = bob.connected().session();
    if (i != 49) bob.send(goodbye_frame(v1::CODE_NORMAL));
  }
  world.wendy.take();
  world.read();
  EXPECT_LE(world.picture.changes, 3);
  EXPECT_EQ(world.last(name).state(), v1::PRESENCE_STATE_UP);
  EXPECT_EQ(world.last(name).session(), session);
  EXPECT_EQ(world.picture.restarts, 0);
}

TEST_P(PresenceOn, WhoStopsIsToldNoMore) {
  WatchWorld world(GetParam());
  world.wendy.send(watch_prefix("device/"));
  world.wendy.send(watch_prefix("device/", 2));
  world.read();
  world.picture = Picture();
  world.wendy.send(stop_watch());
  FakeClient bob(world.broker, world.name(0));
  std::vector<v1::Frame> frames = world.wendy.read();
  EXPECT_EQ(world.picture.take(frames), 1);
  EXPECT_TRUE(world.picture.complete);
  EXPECT_EQ(world.picture.changes, 0);
  EXPECT_EQ(Picture(2).take(frames), 1);
  world.wendy.send(stop_watch(2));
  world.wendy.read();
  bob.send(goodbye_frame(v1::CODE_NORMAL));
  EXPECT_TRUE(world.wendy.read().empty());
  world.wendy.send(stop_watch(7));
  frames = world.wendy.read();
  ASSERT_EQ(frames.size(), 1u) << "a watch that does not exist is stopped, too";
  EXPECT_TRUE(frames[0].presence().complete());
  EXPECT_EQ(frames[0].presence().ref(), 7u);
}

TEST_P(PresenceOn, AWatchInUseIsReplaced) {
  WatchWorld world(GetParam());
  FakeClient bob(world.broker, world.name(1, "bob/"));
  FakeClient dave(world.broker, world.name(2, "dave/"));
  world.wendy.send(watch_prefix("bob"));
  world.read();
  EXPECT_EQ(world.picture.names(), NamesThere{bob.connected().name()});
  world.wendy.send(watch_name(dave.connected().name()));
  world.read();
  EXPECT_EQ(world.picture.restarts, 1) << "frames of the one before may be on their way";
  EXPECT_TRUE(world.picture.complete);
  EXPECT_EQ(world.picture.names(), NamesThere{dave.connected().name()});
  bob.send(goodbye_frame(v1::CODE_NORMAL));
  EXPECT_TRUE(world.wendy.read().empty());
  dave.send(goodbye_frame(v1::CODE_NORMAL));
  world.read();
  EXPECT_TRUE(world.picture.there.empty());
}

TEST_P(PresenceOn, AResumedSessionGetsNewSnapshots) {
  WatchWorld world(GetParam());
  const std::string names[] = {world.name(0), world.name(1), world.name(2)};
  FakeClient bob(world.broker, names[0]);
  FakeClient carol(world.broker, names[1]);
  world.wendy.send(watch_prefix("device/"));
  world.wendy.send(watch_name(names[2], 2));
  world.read();
  world.wendy.reset();
  bob.send(goodbye_frame(v1::CODE_NORMAL));
  FakeClient dave(world.broker, names[2]);
  world.resume_wendy();
  world.read();
  EXPECT_EQ(world.picture.restarts, 1);
  EXPECT_TRUE(world.picture.complete);
  EXPECT_EQ(world.picture.names(), (NamesThere{names[1], names[2]}));
  world.resume_wendy();  // While the elder connection is there.
  EXPECT_EQ(world.picture.restarts, 2);
  EXPECT_TRUE(world.picture.complete);
  world.picture.changes = 0;
  dave.send(goodbye_frame(v1::CODE_NORMAL));
  world.read();
  EXPECT_EQ(world.picture.changes, 1);
  EXPECT_EQ(world.picture.names(), NamesThere{names[1]});
}

TEST_P(PresenceOn, EndsWithTheSession) {
  WatchWorld world(GetParam());
  const uint64_t before = world.sum(&Counters::state_bytes);
  world.wendy.send(watch_prefix("device/"));
  world.wendy.send(watch_name("bob", 2));
  EXPECT_GT(world.sum(&Counters::state_bytes), before + 200);
  world.wendy.send(goodbye_frame(v1::CODE_NORMAL));
  EXPECT_EQ(world.sum(&Counters::state_bytes), before);
  FakeClient next(world.broker, watcher_frame(world.wendy.connected().name()));
  FakeClient bob(world.broker, "bob");
  EXPECT_TRUE(next.read().empty());
}

TEST_P(PresenceOn, NeedsTheFeature) {
  FakeBroker broker(GetParam());
  FakeClient bob(broker, "bob");
  bob.send(watch_prefix(""));
  expect_ended(broker, bob, v1::CODE_PROTOCOL_ERROR);
  FakeClient wendy(broker, watcher_frame("wendy"));
  EXPECT_EQ(wendy.connected().features(), kFeaturePresence);
}

TEST_P(PresenceOn, OfWhatBreaksTheRulesIsAProtocolError) {
  v1::Frame nobody;
  nobody.mutable_watch()->set_ref(1);
  for (const v1::Frame& bad : {watch_name(""), watch_name("$a"), watch_name("a*"), watch_name(std::string(256, 'a')),
                               watch_prefix(std::string(256, 'a')), nobody}) {
    WatchWorld world(GetParam());
    world.wendy.send(bad);
    expect_ended(world.broker, world.wendy, v1::CODE_PROTOCOL_ERROR);
  }
  WatchWorld world(GetParam());
  world.wendy.send_bytes(raw_frame(15, "\xff"));
  expect_ended(world.broker, world.wendy, v1::CODE_PROTOCOL_ERROR);
  WatchWorld longest(GetParam());
  longest.wendy.send(watch_prefix(std::string(255, 'a')));
  longest.wendy.send(watch_name(std::string(255, 'a')));
  EXPECT_FALSE(longest.wendy.closed());
}

TEST_P(PresenceOn, TellsWhyASessionHasEnded) {
  WatchWorld world(GetParam());
  world.wendy.send(watch_prefix("device/"));
  FakeClient bad(world.broker, world.name(0));
  FakeClient away(world.broker, lasting_frame(world.name(1)));
  bad.send_bytes(std::string(1, '\0'));
  away.reset();
  world.read();
  EXPECT_EQ(world.last(bad.connected().name()).reason(), v1::REASON_CONNECTION_LOST);
  for (ShardIndex shard = 0; shard < world.broker.shards(); ++shard) {
    world.broker.shard(shard).drain({1'000, 0}, world.broker.now);
  }
  world.broker.settle();
  world.read();
  EXPECT_EQ(world.last(away.connected().name()).state(), v1::PRESENCE_STATE_DOWN);
  EXPECT_EQ(world.last(away.connected().name()).reason(), v1::REASON_SHUTTING_DOWN);
  world.broker.stop();
  EXPECT_TRUE(world.wendy.closed());
}

}  // namespace
}  // namespace onehop::core::test
