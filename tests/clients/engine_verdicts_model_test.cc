// The receiving half of the engine against a small model of a recipient's session in the broker: verdicts in any order,
// connections cut anywhere, also between a connect and its answer. Whatever is lost, the broker must end up with the
// verdict that the program gave first, for every delivery. Seeded; a failure prints its seed.
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <map>
#include <set>

#include "core/base/limits.h"
#include "engine_rig.h"
#include "seeded_random.h"

namespace onehop::client {
namespace {

// Of each tag, in words: "taken", or "refused" with the text.
using Verdicts = std::map<uint64_t, std::string>;

// The session as the broker has it.
class Model {
 public:
  explicit Model(const Verdicts& given) : given_(given) {}

  // The next delivery's tag.
  uint64_t deliver(uint64_t step) {
    highest_ += step;
    open_.push_back(highest_);
    return highest_;
  }
  size_t open() const { return open_.size(); }
  const Verdicts& verdicts() const { return verdicts_; }

  void handle(const v1::Ack& ack) {
    ASSERT_EQ(ack.session(), kSession);
    for (const v1::Refusal& refusal : ack.refused()) settle(refusal.delivery_tag(), "refused " + refusal.text());
    for (const v1::Range& range : ack.taken()) {
      ASSERT_LE(range.first(), range.last());
      settle_all(range.first(), range.last());
    }
    settle_all(0, ack.up_to());
  }
  // Returns what is to be sent again.
  std::vector<uint64_t> resume(const v1::Connect& connect) {
    EXPECT_EQ(connect.resume_token(), "ticket");
    EXPECT_GT(connect.attempt(), attempt_);
    EXPECT_LE(connect.received_up_to(), highest_);
    EXPECT_LE(connect.ByteSizeLong(), core::kControlFrameBytesMax);
    attempt_ = connect.attempt();
    if (connect.has_ack()) handle(connect.ack());
    std::vector<uint64_t> again;
    for (const uint64_t tag : open_) {
      if (tag > connect.received_up_to()) again.push_back(tag);
    }
    return again;
  }

 private:
  void settle_all(uint64_t first, uint64_t last) {
    ASSERT_LE(last, highest_) << "a tag that was never given";
    std::vector<uint64_t> found;
    std::copy_if(open_.begin(), open_.end(), std::back_inserter(found),
                 [&](uint64_t tag) { return tag >= first && tag <= last; });
    for (const uint64_t tag : found) settle(tag, "taken");
  }
  void settle(uint64_t tag, const std::string& verdict) {
    const auto place = std::find(open_.begin(), open_.end(), tag);
    if (place == open_.end()) return;
    open_.erase(place);
    const auto given = given_.find(tag);
    ASSERT_NE(given, given_.end()) << tag << " has no verdict, and was " << verdict;
    ASSERT_EQ(given->second, verdict) << tag;
    verdicts_[tag] = verdict;
  }

  const Verdicts& given_;
  std::vector<uint64_t> open_;
  Verdicts verdicts_;
  uint64_t highest_ = 0;
  uint32_t attempt_ = 0;
};

class World {
 public:
  World(uint64_t seed, size_t window)
      : random_(seed), window_(window), rig_({.ack = AckMode::kManual, .backoff_ms_max = 100}), model_(given_) {
    rig_.open(lasting_frame(kSession));
  }

  void step() {
    switch (random_.below(8)) {
      case 0:
      case 1:
        for (uint64_t n = random_.below(window_); n != 0 && model_.open() < window_; --n) {
          down_.push_back(delivery_frame(model_.deliver(1 + random_.below(3))));
        }
        return;
      case 2:
        for (uint64_t n = random_.below(window_); n != 0; --n) give_verdict();
        return;
      case 3:
        return write();
      case 4:
        return let_broker_read(random_.below(4));
      case 5:
      case 6:
        return let_client_read(random_.below(2 * window_));
      default:
        if (random_.one_in(4)) cut();
    }
  }

  // Gives every delivery its verdict, and lets everything arrive.
  void finish() {
    for (int round = 0; round < 3; ++round) {
      let_client_read(down_.size());
      for (const DeliveryTag& tag : rig_.events.tags) {
        rig_.engine.acknowledge(tag);
        given_.try_emplace(tag.tag, "taken");
      }
      write();
      let_broker_read(up_.size());
    }
    EXPECT_EQ(model_.open(), 0U);
    EXPECT_EQ(model_.verdicts(), given_);
    EXPECT_EQ(rig_.events.tags.size(), given_.size()) << "something was handed out twice";
  }
  int cuts() const { return cuts_; }

 private:
  void give_verdict() {
    const auto& tags = rig_.events.tags;
    for (; seen_ != tags.size(); ++seen_) waiting_.insert(tags[seen_].tag);
    if (tags.empty()) return;
    // Mostly one of the latest, sometimes one that has its verdict.
    const DeliveryTag tag = tags[tags.size() - 1 - random_.below(std::min<size_t>(tags.size(), window_))];
    const uint64_t kind = random_.below(200);
    if (kind == 0) {
      rig_.engine.acknowledge_up_to(tag);
      while (!waiting_.empty() && *waiting_.begin() <= tag.tag) note(*waiting_.begin(), "taken");
    } else if (kind < 60) {
      const std::string text(100 + random_.below(157), 'x');
      rig_.engine.refuse(tag, {.text = text});
      note(tag.tag, "refused " + text);
    } else {
      rig_.engine.acknowledge(tag);
      note(tag.tag, "taken");
    }
  }
  void note(uint64_t tag, const std::string& verdict) {
    if (waiting_.erase(tag) != 0) given_.emplace(tag, verdict);
  }

  void write() {
    for (v1::Frame& frame : rig_.frames()) {
      EXPECT_LE(frame.ByteSizeLong(), core::kControlFrameBytesMax);
      up_.push_back(std::move(frame));
    }
  }
  void let_broker_read(size_t count) {
    for (; count != 0 && !up_.empty(); --count) {
      if (up_.front().has_ack()) model_.handle(up_.front().ack());
      if (up_.front().has_ping()) down_.push_back(pong_frame(up_.front().ping().nonce()));
      up_.pop_front();
    }
  }
  void let_client_read(size_t count) {
    for (; count != 0 && !down_.empty(); --count) {
      rig_.give(down_.front());
      down_.pop_front();
    }
  }

  // Loses what is under way, then comes back, perhaps not at the first attempt.
  void cut() {
    ++cuts_;
    let_broker_read(random_.below(up_.size() + 1));
    let_client_read(random_.below(down_.size() + 1));
    for (bool lost = true; lost;) {
      up_.clear();
      down_.clear();
      rig_.engine.on_link_down("cut", rig_.now);
      for (uint64_t n = random_.below(4); n != 0; --n) give_verdict();
      rig_.wait(rig_.events.retry_in);
      rig_.engine.on_link_up(rig_.now);
      const auto frames = rig_.frames();
      ASSERT_EQ(frames.size(), 1U);
      lost = random_.one_in(3);
      // Lost on the way there, or the answer on the way back.
      if (lost && random_.one_in(2)) continue;
      for (const uint64_t tag : model_.resume(frames[0].connect())) down_.push_back(delivery_frame(tag));
      for (uint64_t n = random_.below(4); n != 0; --n) give_verdict();
    }
    rig_.give(resumed_frame(0, kSession));
    if (random_.one_in(2)) return;
    // Nothing that was given before is missing now.
    write();
    let_broker_read(up_.size());
    EXPECT_EQ(model_.verdicts(), given_);
  }

  Random random_;
  const size_t window_;
  Verdicts given_;
  // Those of the first `seen_` deliveries that have no verdict.
  std::set<uint64_t> waiting_;
  size_t seen_ = 0;
  Rig rig_;
  Model model_;
  std::deque<v1::Frame> up_;
  std::deque<v1::Frame> down_;
  int cuts_ = 0;
};

TEST(EngineVerdictsModel, EveryDeliveryEndsWithTheFirstVerdictGiven) {
  int cuts = 0;
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    // Large windows hold more verdicts than one frame does.
    World world(seed, seed % 4 == 0 ? 300 : 20);
    for (int i = 0; i < 400 && !testing::Test::HasFailure(); ++i) world.step();
    world.finish();
    cuts += world.cuts();
    if (testing::Test::HasFailure()) return;
  }
  EXPECT_GT(cuts, 500);
}

}  // namespace
}  // namespace onehop::client
