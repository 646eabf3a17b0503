// Tests when a threshold can no longer be kept, and when it still can.
#include "loadgen/run/early_end.h"

#include <gtest/gtest.h>

#include "loadgen/measure/quantity.h"

namespace onehop::loadgen {
namespace {

// A run of 10 s at 100 messages a second. It has 1,000 messages, and at most one more for the rounding of its thread.
class Judged {
 public:
  explicit Judged(std::initializer_list<const char*> thresholds) {
    settings_.rate = 100;
    settings_.duration_ns = 10 * kSecondNs;
    settings_.scenario.abort_on_fail = true;
    for (const char* text : thresholds) {
      std::string error;
      settings_.thresholds.push_back(*Threshold::parse(text, error));
    }
    figures_.resize(1);
  }

  // Passes a second in which `due` messages were due, and others arrived in time or late.
  void pass(uint64_t due, uint64_t in_time, uint64_t late) {
    ++seconds_;
    figures_[0].due += due;
    figures_[0].timed += due;
    figures_[0].latency.record(1 * kMs, in_time);
    figures_[0].latency.record(50 * kMs, late);
    figures_[0].delivered += in_time + late;
    figures_[0].arrivals += in_time + late;
    sent_ += due;
    delivered_ += in_time + late;
    const Live live{
        .at_s = seconds_, .sent = sent_, .delivered = delivered_, .last = last_, .counts = counts, .stages = figures_};
    why_ = early_end_.judge(live);
  }
  bool is_over() const { return why_.has_value(); }
  const std::string& why() const { return *why_; }

  LiveCounts counts;
  Settings settings_;

 private:
  EarlyEnd early_end_{settings_};
  std::vector<StageFigures> figures_;
  Second last_;
  double seconds_ = 0;
  uint64_t sent_ = 0, delivered_ = 0;
  std::optional<std::string> why_;
};

TEST(EarlyEnd, APercentileIsLostWhenMoreAreLateThanItLetsBeOfAll) {
  Judged run({"p99<10ms"});
  run.pass(100, 90, 10);  // This is 1 % of all planned messages.
  EXPECT_FALSE(run.is_over());
  run.pass(100, 99, 1);  // As far as anybody knows, 1,001 messages may be sent.
  EXPECT_TRUE(run.is_over());
  EXPECT_EQ(run.why(), "p99<10ms can no longer be kept");
}

TEST(EarlyEnd, AMaximumIsLostWithOne) {
  Judged run({"max<=10ms", "p99<10s"});
  run.pass(100, 100, 0);
  EXPECT_FALSE(run.is_over());
  run.pass(100, 99, 1);
  EXPECT_TRUE(run.is_over());
}

TEST(EarlyEnd, WhatIsOverdueIsLateAlthoughItHasNotCome) {
  Judged run({"max<2500ms"});
  for (int second = 0; second < 2; ++second) run.pass(100, 100, 0);
  run.pass(100, 0, 0);
  run.pass(100, 0, 0);
  run.pass(100, 0, 0);  // Messages of the third second are 2 to 3 s old.
  EXPECT_FALSE(run.is_over());
  run.pass(100, 0, 0);  // Now all of them are older than 3 s.
  EXPECT_TRUE(run.is_over());
}

TEST(EarlyEnd, WhatArrivesLaterIsNotTakenForEarlierOnes) {
  Judged run({"p50<500ms"});
  for (int second = 0; second < 9; ++second) {
    run.pass(100, 90, 0);  // 10 % are always under way.
    EXPECT_FALSE(run.is_over()) << second;
  }
}

TEST(EarlyEnd, CountsAreLostWhenTheyAreOver) {
  Judged run({"rejected<1%", "lost==0", "duplicates<=2", "sent>=5", "delivered>=900"});
  run.counts.rejected = 10;  // Of 1,001.
  run.counts.duplicates = 2;
  run.pass(100, 100, 0);
  EXPECT_FALSE(run.is_over());
  run.counts.duplicates = 3;
  run.pass(100, 100, 0);
  EXPECT_TRUE(run.is_over());
  EXPECT_EQ(run.why(), "duplicates<=2 can no longer be kept");
  run.counts.duplicates = 0;
  run.counts.lost = 1;
  run.pass(100, 100, 0);
  EXPECT_EQ(run.why(), "lost==0 can no longer be kept");
  run.counts.lost = 0;
  run.counts.rejected = 11;
  run.pass(100, 100, 0);
  EXPECT_EQ(run.why(), "rejected<1% can no longer be kept");
}

// The generator gave these up without sending them. They are errors like all others that were planned and not
// delivered.
TEST(EarlyEnd, WhatCouldNotBeSentIsAnError) {
  for (const char* text : {"errors==0", "undelivered==0", "not_sent==0", "errors<1%"}) {
    Judged run({text});
    run.counts.not_sent = 0;
    run.pass(100, 100, 0);
    EXPECT_FALSE(run.is_over()) << text;
    run.counts.not_sent = 11;  // Of 1,001.
    run.pass(100, 89, 0);
    ASSERT_TRUE(run.is_over()) << text;
    EXPECT_EQ(run.why(), std::string(text) + " can no longer be kept");
  }
}

TEST(EarlyEnd, ARateIsLostWhenTooManyAre) {
  Judged run({"rate>=90"});
  run.counts.lost = 101;
  run.pass(100, 0, 0);
  EXPECT_FALSE(run.is_over());
  run.counts.lost = 102;
  run.pass(100, 0, 0);
  EXPECT_TRUE(run.is_over());
}

TEST(EarlyEnd, WhatOnlyTheEndShowsIsNotJudged) {
  Judged run({"mean<1us", "min<1us", "confirm.p50<1us", "lag.max<1us", "p50>=1s", "unexplained==0"});
  for (int second = 0; second < 9; ++second) run.pass(100, 100, 0);
  EXPECT_FALSE(run.is_over());
}

TEST(EarlyEnd, OnlyIfItIsAskedFor) {
  Judged run({"max<1ms"});
  run.settings_.scenario.abort_on_fail = false;
  run.pass(100, 0, 100);
  EXPECT_FALSE(run.is_over());
}

TEST(EarlyEnd, ACountInAClosedLoopEndsWithASilentTarget) {
  Judged run({});
  run.settings_.scenario.count = 1'000'000;
  run.settings_.window = 4;
  run.settings_.drain_ns = 3 * kSecondNs;
  run.pass(100, 96, 0);
  run.pass(0, 0, 0);
  run.pass(0, 1, 0);  // A sign of life.
  for (int second = 0; second < 2; ++second) run.pass(0, 0, 0);
  EXPECT_FALSE(run.is_over());
  run.pass(0, 0, 0);
  EXPECT_TRUE(run.is_over());
}

}  // namespace
}  // namespace onehop::loadgen
