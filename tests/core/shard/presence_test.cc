// Presence as watchers see it: snapshots, changes, what is merged and what begins anew; on one shard, two and four.
#include <gtest/gtest.h>

#include "presence.h"

namespace onehop::core::test {
namespace {

using NamesThere = std::vector<std::string>;

// Wendy watches. Her home is the last shard; those whom she watches live on all of them.
struct WatchWorld {
  explicit WatchWorld(ShardIndex shards, const Limits& limits = {})
      : broker(shards, limits),
        wendy(broker, watcher_frame(broker.name_on(static_cast<ShardIndex>(shards - 1), "wendy"), 60'000)) {}

  // Its home is one after the other of the shards.
  std::string name(size_t number, const std::string& beginning = "device/") {
    return broker.name_on(static_cast<ShardIndex>(number % broker.shards()), beginning + std::to_string(number) + "/");
  }
  void read() { picture.take(wendy.read()); }
  v1::Change last(const std::string& of) { return picture.last[of]; }
  uint64_t sum(uint64_t Counters::*counter) {
    uint64_t all = 0;
    for (ShardIndex shard = 0; shard < broker.shards(); ++shard) all += broker.counters(shard).*counter;
    return all;
  }
  void resume_wendy() {
    const v1::Connected elder = wendy.connected();
    wendy = FakeClient(broker);
    v1::Frame connect = resume_frame(elder, ++attempt);
    picture.take(wendy.connect(connect));
  }

  FakeBroker broker;
  FakeClient wendy;
  Picture picture;
  uint32_t attempt = 0;
};

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

TEST_P(PresenceOn, NoMoreWatchesThanTheLimit) {
  WatchWorld world(GetParam());
  for (uint64_t ref = 1; ref <= kWatchesMax; ++ref) world.wendy.send(watch_prefix("p" + std::to_string(ref), ref));
  for (const v1::Frame& frame : world.wendy.read()) EXPECT_TRUE(frame.presence().complete());
  world.wendy.send(watch_prefix("one more", 1'000));
  v1::Frame answer = world.wendy.read_one();
  EXPECT_EQ(answer.presence().ref(), 1'000u);
  EXPECT_EQ(answer.presence().reason(), v1::REASON_BROKER_BUSY);
  EXPECT_FALSE(answer.presence().complete());
  world.wendy.send(watch_prefix("another", 7));
  EXPECT_TRUE(world.wendy.read().back().presence().complete()) << "one in use may be replaced";
  world.wendy.send(stop_watch(8));
  world.wendy.read();
  world.wendy.send(watch_prefix("one more", 1'000));
  EXPECT_TRUE(world.wendy.read_one().presence().complete());
}

TEST_P(PresenceOn, AnswersAreBounded) {
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
TEST_P(PresenceOn, ASnapshotIsRightHoweverManyComeAndGoMeanwhile) {
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
  NamesThere there;
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
TEST_P(PresenceOn, ThousandsThatComeAndGoHarmNoWatcherThatDoesNotRead) {
  WatchWorld world(GetParam());
  FakeClient walter(world.broker, watcher_frame("walter"));
  world.wendy.send(watch_prefix("device/"));
  world.wendy.send(watch_prefix("", 2));
  walter.send(watch_prefix("device/"));
  world.read();
  const uint64_t before = world.sum(&Counters::state_bytes);
  world.wendy.stop_reading();
  Picture walters;
  std::vector<FakeClient> clients;
  uint64_t most = 0;
  const size_t count = 3'000;
  for (size_t i = 0; i < count; ++i) {
    clients.emplace_back(world.broker, "device/" + std::to_string(i));
    clients.back().link().write_capacity = 0;
    most = std::max(most, world.sum(&Counters::state_bytes) - before + world.sum(&Counters::queued_bytes));
    if (i % 500 == 0) walters.take(walter.read());
  }
  EXPECT_LT(most, 2 * PresenceFeed::kBytesMax + (64 << 10));
  EXPECT_GT(world.sum(&Counters::presence_restarts), 0u);
  walters.take(walter.read());
  EXPECT_EQ(walters.there.size(), count);
  EXPECT_EQ(walters.restarts, 0) << "nobody else is harmed";
  world.wendy.take();
  world.read();
  EXPECT_GE(world.picture.restarts, 1);
  EXPECT_TRUE(world.picture.complete);
  EXPECT_EQ(world.picture.there.size(), count);
}

TEST_P(PresenceOn, WhileMemoryIsShortNobodyWatchesMore) {
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
