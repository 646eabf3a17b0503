// Who may stay when the policy changes: every session is asked about, a bounded number in each turn.
#include "core/shard/revocation.h"

#include <gtest/gtest.h>

#include <deque>
#include <set>
#include <string>
#include <vector>

#include "confirmed.h"
#include "pair.h"

namespace onehop::core::test {
namespace {

const Answer kMayNot{false, 0, 0, {}, 0};
const Answer kCannotSay{false, 0, v1::CODE_SERVER_BUSY, {}, 0};

struct JudgingBroker {
  JudgingBroker() : broker(1, {}, false, true), bob(broker, "bob"), alice(broker, lasting_frame("alice")) {}

  void change_policy() {
    broker.shard().on_policy_changed(broker.now);
    broker.settle();
  }

  FakeBroker broker;
  FakeClient bob;
  FakeClient alice;
};

TEST(Revocation, ASessionThatIsNotCoveredAnyMoreEnds) {
  JudgingBroker world;
  world.bob.send(confirmed_frame("alice", 1, "one"));
  ASSERT_EQ(payloads(world.alice.read()).size(), 1u);
  world.broker.may_not_stay["alice"] = kMayNot;
  EXPECT_TRUE(world.broker.asked_to_stay.empty());
  world.change_policy();
  expect_ended(world.broker, world.alice, v1::CODE_NOT_AUTHORIZED);
  EXPECT_EQ(world.broker.counters().sessions_revoked, 1u);
  EXPECT_EQ(outcomes(world.bob.read()), same_for(1, 1, v1::OUTCOME_LOST, v1::REASON_CONNECTION_LOST));
  EXPECT_FALSE(world.bob.closed());
  FakeClient again(world.broker);
  again.connect(resume_frame(world.alice.connected(), 1));
  EXPECT_FALSE(again.connected().resumed()) << "the session has ended";
}

TEST(Revocation, ASessionThatIsAwayIsAskedAboutToo) {
  JudgingBroker world;
  world.alice.reset();
  ASSERT_EQ(world.broker.counters().sessions, 2u);
  world.broker.may_not_stay["alice"] = kMayNot;
  world.change_policy();
  EXPECT_EQ(world.broker.counters().sessions, 1u);
  EXPECT_EQ(world.broker.counters().sessions_revoked, 1u);
}

TEST(Revocation, WithoutTheWishNobodyIsAskedAbout) {
  FakeBroker broker;
  FakeClient alice(broker, "alice");
  broker.may_not_stay["alice"] = kMayNot;
  broker.shard().on_policy_changed(broker.now);
  broker.settle();
  EXPECT_TRUE(broker.asked_to_stay.empty());
  EXPECT_FALSE(alice.closed());
}

TEST(Revocation, AHostThatCannotSayCostsTheConnectionOnly) {
  JudgingBroker world;
  FakeClient carol(world.broker, lasting_frame("carol"));
  carol.reset();
  world.broker.may_not_stay["alice"] = kCannotSay;
  world.broker.may_not_stay["carol"] = kCannotSay;
  world.change_policy();
  expect_ended(world.broker, world.alice, v1::CODE_SERVER_BUSY);
  EXPECT_EQ(world.broker.counters().sessions, 3u);
  EXPECT_EQ(world.broker.counters().sessions_revoked, 0u);
  FakeClient again(world.broker);
  again.connect(resume_frame(world.alice.connected(), 1));
  EXPECT_TRUE(again.connected().resumed());
}

// The answer about the Connect is of the policy from before, and comes when the turns are over.
TEST(Revocation, WhoIsLetInByAnOldAnswerIsAskedAboutAnew) {
  JudgingBroker world;
  world.broker.answer_later = true;
  FakeClient carol(world.broker);
  carol.send(connect_frame("carol"));
  world.broker.may_not_stay["carol"] = kMayNot;
  world.change_policy();
  world.broker.answer(world.broker.asked.back(), world.broker.verdict);
  EXPECT_EQ(carol.read_one().goodbye().code(), v1::CODE_NOT_AUTHORIZED);
  EXPECT_EQ(world.broker.counters().sessions, 2u);
  FakeClient dave(world.broker);
  dave.send(connect_frame("dave"));
  const size_t asked_before = world.broker.asked_to_stay.size();
  world.broker.answer(world.broker.asked.back(), world.broker.verdict);
  EXPECT_TRUE(dave.read_one().has_connected());
  EXPECT_EQ(world.broker.asked_to_stay.size(), asked_before) << "this answer is of the new policy";
}

TEST(Revocation, WhoIsRenewedByAnOldAnswerIsAskedAboutAnew) {
  JudgingBroker world;
  FakeClient carol(world.broker);
  v1::Frame frame = connect_frame("carol");
  frame.mutable_connect()->set_features(2);
  carol.connect(frame);
  world.broker.answer_to_renew_later = true;
  carol.send(renew_frame("of a key that is removed"));
  world.change_policy();
  ASSERT_FALSE(carol.closed());
  // Its first credentials were good under the new policy, those of the renewal are not.
  world.broker.may_not_stay["carol"] = kMayNot;
  world.broker.answer(world.broker.asked_to_renew.back(), world.broker.verdict);
  EXPECT_EQ(world.broker.counters().sessions_revoked, 1u);
  expect_ended(world.broker, carol, v1::CODE_NOT_AUTHORIZED);
}

// Many sessions, and ticks without anything between them.
struct Crowd {
  explicit Crowd(size_t size) : broker(1, {}, false, true) {
    for (size_t i = 0; i < size; ++i) clients.emplace_back(broker, "client" + std::to_string(i));
  }
  // How many ticks are needed until nothing is due at once.
  size_t ticks() {
    size_t count = 0;
    for (;; ++count) {
      const size_t asked_before = broker.asked_to_stay.size();
      const Instant next = broker.shard().on_tick(broker.now);
      EXPECT_LE(broker.asked_to_stay.size() - asked_before, Revocation::kPlacesInTurn);
      if (next > broker.now + 1) return count + 1;
    }
  }
  std::set<std::string> asked_about() const {
    std::set<std::string> names;
    for (const Asked& asked : broker.asked_to_stay) names.insert(asked.name);
    return names;
  }

  FakeBroker broker;
  std::deque<FakeClient> clients;
};

TEST(Revocation, ATurnAsksAboutABoundedNumber) {
  constexpr size_t kSize = 1'200;
  Crowd crowd(kSize);
  crowd.broker.shard().on_policy_changed(crowd.broker.now);
  // Ten thousand sessions take 20 turns, which are a millisecond apart.
  EXPECT_EQ(crowd.ticks(), (kSize + Revocation::kPlacesInTurn - 1) / Revocation::kPlacesInTurn);
  EXPECT_EQ(crowd.broker.asked_to_stay.size(), kSize);
  EXPECT_EQ(crowd.asked_about().size(), kSize);
}

TEST(Revocation, APolicyThatChangesAllTheTimeHidesNobody) {
  constexpr size_t kSize = 1'200;
  Crowd crowd(kSize);
  for (int i = 0; i < 3; ++i) {
    crowd.broker.shard().on_policy_changed(crowd.broker.now);
    crowd.broker.shard().on_tick(crowd.broker.now);
  }
  EXPECT_EQ(crowd.asked_about().size(), kSize);
  crowd.broker.asked_to_stay.clear();
  crowd.broker.shard().on_policy_changed(crowd.broker.now);
  crowd.ticks();
  EXPECT_EQ(crowd.asked_about().size(), kSize) << "the last change is asked about in full";
}

}  // namespace
}  // namespace onehop::core::test
