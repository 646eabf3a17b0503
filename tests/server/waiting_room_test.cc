// Guests go at their own deadlines, whoever else comes or goes. The test turns the loop itself, so that it knows when a
// deadline has been looked at.
#include "server/waiting_room.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "reactor/loop.h"

namespace onehop::server {
namespace {

struct Guest {
  std::string name;
  core::Instant deadline;
};

class WaitingRoomTest : public testing::Test {
 protected:
  WaitingRoom<Guest>::Place enter(const std::string& name, uint64_t after_ms) {
    return room_.enter({name, {start_ms_ + after_ms}});
  }
  // Turns the loop until it has been past this time in many turns: a deadline before it has been met by then.
  void pass(uint64_t after_ms) {
    for (int turns = 0; turns < 100;) {
      loop_.turn();
      std::this_thread::yield();
      // The timers of a loop may be a millisecond late.
      if (loop_.now_ms() > start_ms_ + after_ms + 1) ++turns;
    }
  }

  reactor::Loop loop_;
  const uint64_t start_ms_ = loop_.now_ms();
  std::vector<std::string> overdue_;
  WaitingRoom<Guest> room_{loop_, [this](Guest& guest) {
                             EXPECT_GE(loop_.now_ms(), guest.deadline.ms);
                             overdue_.push_back(guest.name);
                           }};
};

using Names = std::vector<std::string>;

TEST_F(WaitingRoomTest, EachGoesAtItsOwnDeadline) {
  enter("first", 20);
  enter("second", 40);
  pass(20);
  pass(40);
  EXPECT_EQ((Names{"first", "second"}), overdue_);
  EXPECT_EQ(0u, room_.size());
  // The room serves on.
  enter("third", 60);
  pass(60);
  EXPECT_EQ((Names{"first", "second", "third"}), overdue_);
}

TEST_F(WaitingRoomTest, TheOrderOfComingDoesNotMatter) {
  enter("second", 40);
  enter("third", 60);
  enter("first", 20);
  pass(20);
  EXPECT_EQ("first", overdue_.at(0));
  pass(60);
  EXPECT_EQ((Names{"first", "second", "third"}), overdue_);
}

TEST_F(WaitingRoomTest, WhoeverIsTakenOutIsNotOverdue) {
  const auto first = enter("first", 20);
  enter("second", 40);
  EXPECT_EQ("first", room_.take(first).name);
  pass(40);
  EXPECT_EQ(Names{"second"}, overdue_);
  enter("third", 60);
  room_.clear();
  pass(60);
  EXPECT_EQ(Names{"second"}, overdue_);
}

// As an arrival whose place is free again lets in the next.
TEST_F(WaitingRoomTest, WhoIsToldMayLetOthersIn) {
  WaitingRoom<Guest> room(loop_, [&](Guest& guest) {
    overdue_.push_back(guest.name);
    if (guest.name == "first") room.enter({"next", {start_ms_ + 30}});
  });
  room.enter({"first", {start_ms_ + 20}});
  pass(30);
  EXPECT_EQ((Names{"first", "next"}), overdue_);
}

}  // namespace
}  // namespace onehop::server
