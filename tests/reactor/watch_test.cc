// Watching a descriptor that belongs to somebody else, and letting go of it at any moment.
#include "reactor/watch.h"

#include <gtest/gtest.h>

#include <cerrno>

#include "connections.h"

namespace onehop::reactor {
namespace {

TEST(Watch, CallsAsLongAsTheDescriptorIsReady) {
  Loop loop;
  const Ends ends = unix_ends();
  int calls = 0;
  Watch watch;
  ASSERT_EQ(0, watch.start(loop, ends.ours.get(), UV_READABLE, [&] { ++calls; }));
  EXPECT_TRUE(would_sleep(loop));
  write_all(ends.theirs, "x");
  turn_until(loop, [&] { return calls == 3; });
  watch.stop();
  EXPECT_FALSE(watch.started());
  EXPECT_TRUE(would_sleep(loop));
  EXPECT_EQ(3, calls);
}

TEST(Watch, GoesOnCallingWhenTheConnectionBreaks) {
  Loop loop;
  Ends ends = tcp_ends(loop);
  int calls = 0;
  Watch watch;
  ASSERT_EQ(0, watch.start(loop, ends.ours.get(), UV_READABLE, [&] { ++calls; }));
  EXPECT_TRUE(would_sleep(loop));
  const linger reset{1, 0};
  ::setsockopt(ends.theirs.get(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  ends.theirs.reset();
  turn_until(loop, [&] { return calls == 3; });
}

TEST(Watch, MayBeStoppedStartedAgainOrDestroyedByItsOwnCallback) {
  Loop loop;
  const Ends ends = unix_ends();
  write_all(ends.theirs, "x");
  auto watch = std::make_unique<Watch>();
  int first = 0, second = 0;
  ASSERT_EQ(0, watch->start(loop, ends.ours.get(), UV_READABLE, [&] {
    ++first;
    watch->stop();
    ASSERT_EQ(0, watch->start(loop, ends.ours.get(), UV_READABLE, [&] {
      ++second;
      watch.reset();
    }));
  }));
  turn_until(loop, [&] { return watch == nullptr; });
  for (int i = 0; i < 5; ++i) loop.turn();
  EXPECT_EQ(1, first);
  EXPECT_EQ(1, second);
}

TEST(Watch, MovesWithItsOwner) {
  Loop loop;
  const Ends ends = unix_ends();
  int calls = 0;
  Watch one;
  ASSERT_EQ(0, one.start(loop, ends.ours.get(), UV_READABLE, [&] { ++calls; }));
  Watch two = std::move(one);
  EXPECT_FALSE(one.started());  // NOLINT(bugprone-use-after-move): what a moved watch is, is asked here.
  write_all(ends.theirs, "x");
  turn_until(loop, [&] { return calls == 1; });
  two = Watch();
  EXPECT_TRUE(would_sleep(loop));
}

TEST(Watch, SaysWhyItCannotWatch) {
  Loop loop;
  const Fd file(::open("/dev/null", O_RDWR | O_CLOEXEC));
  Watch watch;
  EXPECT_EQ(EPERM, watch.start(loop, file.get(), UV_READABLE, [] {}));
  EXPECT_FALSE(watch.started());
}

}  // namespace
}  // namespace onehop::reactor
