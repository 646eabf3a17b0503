// Wishes about topics, while answers come in any order, are lost, or say that the broker is busy: in the end the broker
// has what the program wants, and the program knows.
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/base/limits.h"
#include "engine_rig.h"
#include "seeded_random.h"

namespace onehop::client {
namespace {

constexpr uint64_t kFilters = 5;

class SubscriptionModel : public Rig {
 public:
  explicit SubscriptionModel(uint64_t seed) : random_(seed) {
    open(session_frame(false));
    events.log.clear();
  }

  void step() {
    switch (random_.below(8)) {
      case 0:
      case 1:
      case 2:
        return wish();
      case 3:
        return take_frames();
      case 4:
      case 5:
        return answer_one(random_.one_in(4));
      case 6:
        return wait(random_.below(200));
      default:
        if (random_.one_in(4)) lose_connection();
    }
  }

  // The broker answers everything, and is not busy any more.
  void settle() {
    for (int i = 0; i < 20; ++i) {
      wait(500);
      take_frames();
      while (!frames_.empty()) answer_one(false);
    }
  }
  void expect_agreement() const {
    for (const auto& [filter, wanted] : wanted_) {
      EXPECT_EQ(held_.contains(filter), wanted) << filter;
      EXPECT_EQ(last_told(filter), (wanted ? "subscribed " : "unsubscribed ") + filter);
    }
  }

 private:
  v1::Frame session_frame(bool resumed) {
    v1::Frame frame = resumed ? resumed_frame(0, session_) : lasting_frame(session_);
    frame.mutable_connected()->set_features(core::kFeatureTopics);
    return frame;
  }
  void wish() {
    const std::string filter = "t/" + std::to_string(random_.below(kFilters));
    const bool wanted = random_.one_in(2);
    wanted_[filter] = wanted;
    EXPECT_EQ(wanted ? engine.subscribe(filter) : engine.unsubscribe(filter), SendStatus::kAccepted);
  }
  // The broker does what the frames say in their order; its answers come later.
  void take_frames() {
    for (const v1::Frame& frame : frames()) {
      if (frame.has_subscribe()) frames_.emplace_back(frame.subscribe().ref(), change(frame.subscribe().topic(), true));
      if (frame.has_unsubscribe()) {
        frames_.emplace_back(frame.unsubscribe().ref(), change(frame.unsubscribe().topic(), false));
      }
    }
  }
  // True: it is done; false: the broker was busy.
  bool change(const std::string& filter, bool wanted) {
    if (busy_ && random_.one_in(4)) return false;
    if (wanted) {
      held_.insert(filter);
    } else {
      held_.erase(filter);
    }
    return true;
  }
  void answer_one(bool busy) {
    busy_ = busy;
    if (frames_.empty()) return;
    const size_t which = random_.below(frames_.size());
    const auto [ref, done] = frames_[which];
    frames_.erase(frames_.begin() + static_cast<ptrdiff_t>(which));
    v1::Frame frame;
    frame.mutable_subscribed()->set_ref(ref);
    if (!done) {
      frame.mutable_subscribed()->set_reason(v1::REASON_BROKER_BUSY);
      frame.mutable_subscribed()->set_retry_after_ms(100);
    }
    give(frame);
  }
  // The broker may have read what was written, and its answers are lost.
  void lose_connection() {
    if (random_.one_in(2)) take_frames();
    frames_.clear();
    engine.on_link_down("cut", now);
    if (random_.one_in(2)) wish();
    const bool resumed = random_.one_in(2);
    if (!resumed) {
      ++session_;
      held_.clear();
    }
    reopen(session_frame(resumed));
  }
  std::string last_told(const std::string& filter) const {
    for (auto line = events.log.rbegin(); line != events.log.rend(); ++line) {
      if (line->ends_with(" " + filter)) return *line;
    }
    return "nothing";
  }

  Random random_;
  uint64_t session_ = 7;
  bool busy_ = false;
  std::map<std::string, bool> wanted_;
  std::set<std::string> held_;
  std::vector<std::pair<uint64_t, bool>> frames_;
};

TEST(SubscriptionsModel, TheBrokerHasWhatIsWantedInTheEnd) {
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    SubscriptionModel model(seed);
    for (int i = 0; i < 300; ++i) model.step();
    model.settle();
    model.expect_agreement();
    ASSERT_FALSE(testing::Test::HasFailure()) << "with seed " << seed;
  }
}

}  // namespace
}  // namespace onehop::client
