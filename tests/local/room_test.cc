// When a client whose message was not taken may try again.
#include "local/room.h"

#include <gtest/gtest.h>

namespace onehop::local {
namespace {

TEST(Room, OpensOnceForWhatWasWaitedFor) {
  Room room;
  const SendWindow closed;
  EXPECT_FALSE(room.opens(true, closed)) << "nobody waits";
  room.wait();
  EXPECT_FALSE(room.opens(false, closed));
  EXPECT_TRUE(room.opens(true, closed)) << "it does not wait for the window";
  EXPECT_FALSE(room.opens(true, closed));
}

TEST(Room, OpensWhenTheSmallestFitsIntoTheWindow) {
  Room room;
  SendWindow window;
  window.set_windows(10, 100);
  window.add(1, 60);
  room.wait_for_window(80);
  room.wait_for_window(50);
  room.wait_for_window(70);
  EXPECT_FALSE(room.opens(true, window));
  window.settle(1, 1, [](uint64_t) {});
  window.add(2, 50);
  EXPECT_TRUE(room.opens(true, window));
}

TEST(Room, OpensWhenAPauseThatWasMetEnds) {
  Room room;
  const SendWindow window;
  room.pause_ended();
  EXPECT_FALSE(room.opens(true, window)) << "nobody has met it";
  room.wait_for_resume();
  EXPECT_FALSE(room.opens(true, window));
  room.pause_ended();
  EXPECT_TRUE(room.opens(false, window));
}

}  // namespace
}  // namespace onehop::local
