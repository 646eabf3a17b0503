// The steps towards a shard's end, in their order.
#include "server/ending.h"

#include <gtest/gtest.h>

namespace onehop::server {
namespace {

using Step = Ending::Step;

core::Instant at(uint64_t ms) {
  return {ms};
}

TEST(Ending, WithoutAnyNothingIsDue) {
  Ending ending;
  EXPECT_EQ(ending.next(at(5), false, true), Step::kNone);
  EXPECT_EQ(ending.due(), core::Instant::never());
}

TEST(Ending, AnnouncesAfterTheDelayAndSettlesWhenAllHaveEnded) {
  Ending ending;
  ending.drain(at(0), at(100), at(10'000), 0);
  EXPECT_EQ(ending.next(at(99), true, false), Step::kNone);
  EXPECT_EQ(ending.due(), at(100));
  EXPECT_EQ(ending.next(at(100), true, false), Step::kAnnounce);
  EXPECT_EQ(ending.next(at(100), true, false), Step::kNone);
  EXPECT_EQ(ending.grace_ms(at(100)), 8'900u);
  EXPECT_EQ(ending.next(at(200), false, false), Step::kSettle);
  EXPECT_EQ(ending.next(at(200), false, true), Step::kNone);  // stop() may still come.
  ending.stop(at(300), at(400), 0);
  EXPECT_EQ(ending.next(at(300), false, true), Step::kLeave);
}

TEST(Ending, ADrainThatIsTakenBackNeverWas) {
  Ending ending;
  ending.drain(at(0), at(100), at(10'000), 0);
  ending.take_back();
  EXPECT_EQ(ending.due(), core::Instant::never());
  EXPECT_EQ(ending.next(at(20'000), true, false), Step::kNone);
  ending.drain(at(20'000), at(20'050), at(30'000), 0);
  EXPECT_EQ(ending.due(), at(20'050));
  EXPECT_EQ(ending.next(at(20'050), true, false), Step::kAnnounce);
}

TEST(Ending, AStopIsNotTakenBack) {
  Ending ending;
  ending.stop(at(0), at(10'000), 0);
  ending.take_back();
  EXPECT_EQ(ending.next(at(0), true, false), Step::kAnnounce);
}

TEST(Ending, SettlesAMomentBeforeTheDeadlineAndIsCutAtIt) {
  Ending ending;
  ending.drain(at(0), at(0), at(10'000), 0);
  ending.stop(at(0), at(10'000), 0);
  EXPECT_EQ(ending.next(at(0), true, false), Step::kAnnounce);
  EXPECT_EQ(ending.due(), at(9'000));
  EXPECT_EQ(ending.next(at(9'000), true, false), Step::kSettle);
  EXPECT_EQ(ending.next(at(9'999), true, false), Step::kNone);
  EXPECT_EQ(ending.next(at(10'000), true, false), Step::kCut);
}

TEST(Ending, WithoutTimeItSettlesAndIsCutAtOnce) {
  Ending ending;
  ending.stop(at(7), at(7), 0);
  EXPECT_EQ(ending.next(at(7), true, false), Step::kSettle);
  EXPECT_EQ(ending.next(at(7), true, false), Step::kCut);
}

TEST(Ending, ASecondStopCutsShortAndNeverExtends) {
  Ending ending;
  ending.stop(at(0), at(10'000), 0);
  EXPECT_EQ(ending.next(at(0), true, false), Step::kAnnounce);
  ending.stop(at(5), at(50'000), 0);
  EXPECT_EQ(ending.due(), at(9'000));
  ending.stop(at(6), at(6), 0);
  EXPECT_EQ(ending.next(at(6), true, false), Step::kSettle);
  EXPECT_EQ(ending.next(at(6), true, false), Step::kCut);
}

}  // namespace
}  // namespace onehop::server
