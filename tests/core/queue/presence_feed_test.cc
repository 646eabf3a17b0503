// What a watcher is to be told: merged by name, in the order of each watch, in frames that every client takes, bounded.
#include "core/queue/presence_feed.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "read_back.h"

namespace onehop::core {
namespace {

// As test::read_back() wants it.
struct Teller {
  size_t encode(OutputQueue& queue, SegmentPool& pool, v1::Frame& frame) {
    return feed.encode(queue, pool, frame, Instant{5'000});
  }
  PresenceFeed& feed;
};

std::vector<v1::Frame> read(PresenceFeed& feed) {
  Teller teller{feed};
  return test::read_back(teller);
}

// The name is a view, as it is in the change.
PresenceChange change(Bytes name, v1::PresenceState state, uint64_t session = 7) {
  PresenceChange change;
  change.name = name;
  change.name_hash = std::hash<Bytes>()(name);
  change.state = state;
  change.session = session;
  change.since_unix_ms = 1'700'000'000'000;
  change.heard = {4'000};
  return change;
}

TEST(PresenceFeed, TellsAChangeWithItsEvidence) {
  PresenceFeed feed;
  EXPECT_TRUE(feed.empty());
  EXPECT_TRUE(feed.add(3, change("bob", v1::PRESENCE_STATE_AWAY, 9)));
  PresenceChange down = change("carol", v1::PRESENCE_STATE_DOWN);
  down.reason = v1::REASON_SHUTTING_DOWN;
  EXPECT_TRUE(feed.add(3, down));
  const std::vector<v1::Frame> frames = read(feed);
  ASSERT_EQ(frames.size(), 1u);
  const v1::Presence& presence = frames[0].presence();
  EXPECT_EQ(presence.ref(), 3u);
  EXPECT_FALSE(presence.complete());
  EXPECT_FALSE(presence.restarted());
  ASSERT_EQ(presence.changes_size(), 2);
  EXPECT_EQ(presence.changes(0).name(), "bob");
  EXPECT_EQ(presence.changes(0).state(), v1::PRESENCE_STATE_AWAY);
  EXPECT_EQ(presence.changes(0).session(), 9u);
  EXPECT_EQ(presence.changes(0).since_unix_ms(), 1'700'000'000'000u);
  EXPECT_EQ(presence.changes(0).last_heard_ms(), 1'000u);
  EXPECT_EQ(presence.changes(0).reason(), v1::REASON_UNSPECIFIED);
  EXPECT_EQ(presence.changes(1).last_heard_ms(), 0u);
  EXPECT_EQ(presence.changes(1).reason(), v1::REASON_SHUTTING_DOWN);
  EXPECT_TRUE(feed.empty());
  EXPECT_EQ(feed.held_bytes(), 0u);
  EXPECT_TRUE(read(feed).empty());
}

TEST(PresenceFeed, TheLatestOfANameCounts) {
  PresenceFeed feed;
  for (int i = 0; i < 5'000; ++i) {
    EXPECT_TRUE(feed.add(1, change("bob", v1::PRESENCE_STATE_UP, 7)));
    EXPECT_TRUE(feed.add(1, change("bob", v1::PRESENCE_STATE_DOWN, 7)));
    EXPECT_TRUE(feed.add(2, change("bob", v1::PRESENCE_STATE_AWAY, 8)));
  }
  EXPECT_EQ(feed.names(), 2u);
  EXPECT_TRUE(feed.add(1, change("bob", v1::PRESENCE_STATE_UP, 9)));
  const std::vector<v1::Frame> frames = read(feed);
  ASSERT_EQ(frames.size(), 2u);
  ASSERT_EQ(frames[0].presence().changes_size(), 1);
  EXPECT_EQ(frames[0].presence().changes(0).session(), 9u);
  ASSERT_EQ(frames[1].presence().changes_size(), 1);
  EXPECT_EQ(frames[1].presence().changes(0).state(), v1::PRESENCE_STATE_AWAY);
}

TEST(PresenceFeed, ASnapshotBeginsAndEndsInItsPlace) {
  PresenceFeed feed;
  feed.add_restarted(1);
  feed.add(1, change("a", v1::PRESENCE_STATE_UP));
  feed.add(2, change("x", v1::PRESENCE_STATE_UP));
  feed.add(1, change("b", v1::PRESENCE_STATE_UP));
  feed.add_complete(1);
  feed.add(1, change("c", v1::PRESENCE_STATE_UP));
  const std::vector<v1::Frame> frames = read(feed);
  ASSERT_EQ(frames.size(), 3u);
  EXPECT_TRUE(frames[0].presence().restarted());
  EXPECT_TRUE(frames[0].presence().complete());
  EXPECT_EQ(frames[0].presence().changes_size(), 2);
  EXPECT_FALSE(frames[1].presence().restarted());
  EXPECT_FALSE(frames[1].presence().complete());
  EXPECT_EQ(frames[1].presence().changes(0).name(), "c");
  EXPECT_EQ(frames[2].presence().ref(), 2u);
}

TEST(PresenceFeed, TakesNoMoreThanItsBounds) {
  for (const size_t name_bytes : {5u, 255u}) {
    PresenceFeed feed;
    size_t added = 0;
    const auto name = [name_bytes](size_t i) {
      std::string text = std::to_string(i);
      text.resize(name_bytes, 'n');
      return text;
    };
    while (feed.add(1, change(name(added), v1::PRESENCE_STATE_UP))) ++added;
    EXPECT_LE(feed.held_bytes(), PresenceFeed::kBytesMax);
    EXPECT_GT(added, 150u);
    EXPECT_TRUE(feed.add(1, change(name(0), v1::PRESENCE_STATE_DOWN))) << "what waits already is changed";
    size_t told = 0;
    for (const v1::Frame& frame : read(feed)) told += static_cast<size_t>(frame.presence().changes_size());
    EXPECT_EQ(told, added);
  }
}

TEST(PresenceFeed, DropsWhatOneWatchWaitsFor) {
  PresenceFeed feed;
  feed.add_restarted(1);
  feed.add(1, change("a", v1::PRESENCE_STATE_UP));
  feed.add(2, change("a", v1::PRESENCE_STATE_UP));
  feed.add(1, change("b", v1::PRESENCE_STATE_UP));
  feed.drop(1);
  feed.add(2, change("a", v1::PRESENCE_STATE_DOWN));
  feed.add(1, change("a", v1::PRESENCE_STATE_AWAY));
  const std::vector<v1::Frame> frames = read(feed);
  ASSERT_EQ(frames.size(), 2u);
  EXPECT_FALSE(frames[0].presence().restarted());
  EXPECT_EQ(frames[0].presence().changes(0).state(), v1::PRESENCE_STATE_AWAY);
  EXPECT_EQ(frames[1].presence().changes(0).state(), v1::PRESENCE_STATE_DOWN);
  feed.add(2, change("a", v1::PRESENCE_STATE_UP));
  feed.drop(2);
  EXPECT_TRUE(feed.empty());
  EXPECT_EQ(feed.held_bytes(), 0u);
}

}  // namespace
}  // namespace onehop::core
