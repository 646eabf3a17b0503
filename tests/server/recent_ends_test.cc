// The ring of recent ends: its order, what is found in it, what makes room.
#include "server/recent_ends.h"

#include <gtest/gtest.h>

#include <string>

namespace onehop::server {
namespace {

RecentEnds::End end_of(std::string_view name) {
  return {EndHow::kSessionTakenOver, name, 7, 1, "tcp://127.0.0.1:9", Code::kNormal, "why"};
}

TEST(RecentEnds, NewestFirstUpToTheLimitByPartOfTheName) {
  RecentEnds ends;
  for (const char* name : {"alice", "bob", "alicia"}) ends.note(end_of(name));
  const auto found = ends.find(10, "ali");
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].name, "alicia");
  EXPECT_EQ(found[1].name, "alice");
  EXPECT_EQ(found[1].how, EndHow::kSessionTakenOver);
  EXPECT_EQ(found[1].session, 7u);
  EXPECT_EQ(found[1].shard, 1u);
  EXPECT_EQ(found[1].peer, "tcp://127.0.0.1:9");
  EXPECT_EQ(found[1].code, Code::kNormal);
  EXPECT_EQ(found[1].text, "why");
  EXPECT_GT(found[1].unix_ms, 0u);
  EXPECT_EQ(ends.find(1, "").size(), 1u);
  EXPECT_EQ(ends.find(0, "").size(), 0u);
}

TEST(RecentEnds, TheOldestMakesRoom) {
  RecentEnds ends;
  for (size_t i = 0; i <= RecentEnds::kKept; ++i) ends.note(end_of("client-" + std::to_string(i)));
  const auto found = ends.find(SIZE_MAX, "");
  ASSERT_EQ(found.size(), RecentEnds::kKept);
  EXPECT_EQ(found.front().name, "client-" + std::to_string(RecentEnds::kKept));
  EXPECT_EQ(found.back().name, "client-1");
  RecentEnd last;
  EXPECT_FALSE(ends.last_of("client-0", last));
  EXPECT_TRUE(ends.last_of("client-2", last));
  EXPECT_EQ(last.name, "client-2");
}

}  // namespace
}  // namespace onehop::server
