// How a client engine leaves, with or without its session, and how another goes on with it.
#include <gtest/gtest.h>

#include "engine_rig.h"

namespace onehop::client {
namespace {

TEST(EngineSaved, IsResumedByTheFirstConnect) {
  Rig rig({.name = "ignored", .resume = SavedSession{"carol", 9, "hers", 4}});
  rig.engine.start(rig.now);
  rig.engine.on_link_up(rig.now);
  rig.send("bob", "mine");
  const auto frames = rig.frames();
  ASSERT_EQ(frames.size(), 1U);
  const v1::Connect& connect = frames[0].connect();
  EXPECT_EQ(connect.name(), "carol");
  EXPECT_EQ(connect.resume_token(), "hers");
  EXPECT_EQ(connect.attempt(), 5U);
  EXPECT_EQ(connect.received_up_to(), 0U);
  EXPECT_EQ(connect.receipts_up_to(), 0U);
  EXPECT_FALSE(connect.has_ack());
  rig.give(resumed_frame(30, 9));
  // Above everything that the earlier process sent.
  EXPECT_EQ(rig.written(), (Words{"bob:31=mine", "ping"}));
  rig.give(delivery_frame(12));
  EXPECT_EQ(rig.written(), (Words{"ack to 12"}));
  EXPECT_EQ(rig.engine.saved_session()->attempt, 5U);
}

TEST(EngineSaved, ThatIsGoneBeginsAnewUnderItsName) {
  Rig rig({.resume = SavedSession{"carol", 9, "hers", 4}});
  rig.engine.start(rig.now);
  rig.engine.on_link_up(rig.now);
  rig.written();
  v1::Frame connected = connected_frame();
  connected.mutable_connected()->set_name("carol");
  rig.give(connected);
  EXPECT_EQ(rig.events.log, Words{"open carol"});
  rig.engine.on_link_down("cut", rig.now);
  rig.wait(rig.events.retry_in);
  rig.engine.on_link_up(rig.now);
  const auto frames = rig.frames();
  ASSERT_EQ(frames.size(), 1U);
  EXPECT_EQ(frames[0].connect().name(), "carol");
  EXPECT_EQ(frames[0].connect().resume_token(), "");
}

TEST(EngineDetach, LeavesWithoutAGoodbye) {
  ResumeRig rig({.ack = AckMode::kManual});
  for (uint64_t tag = 1; tag <= 3; ++tag) rig.give(delivery_frame(tag));
  rig.send("bob", "written", Confirm::kDelivered);
  rig.written();
  rig.take(1);
  rig.take(3);
  rig.engine.detach();
  EXPECT_EQ(rig.send("bob", "late"), SendStatus::kClosed);
  EXPECT_EQ(rig.written(), (Words{"ack taken 3-3 to 1"}));
  EXPECT_EQ(rig.engine.link(), Link::kFinishing);
  // What comes now is for the next process; outcomes are still good.
  rig.give(delivery_frame(4, "for the next"));
  EXPECT_EQ(rig.events.log.back(), "message bob x");
  rig.engine.on_link_down("the broker closed it", rig.now);
  EXPECT_EQ(rig.events.outcomes, (Words{"1 UNKNOWN"}));
  EXPECT_EQ(rig.events.log.back(), "ended");
  EXPECT_EQ(rig.events.endings.back().cause, Ending::Cause::kClosed);
  const auto saved = rig.engine.saved_session();
  ASSERT_TRUE(saved);
  EXPECT_EQ(saved->name, "alice");
  EXPECT_EQ(saved->session, 7U);
  EXPECT_EQ(saved->token, "ticket");
  EXPECT_EQ(saved->attempt, 0U);
}

TEST(EngineDetach, DoesNotWaitForeverForTheEndOfTheStream) {
  ResumeRig rig;
  rig.engine.detach();
  EXPECT_TRUE(rig.written().empty());
  rig.wait(5'000);
  EXPECT_EQ(rig.events.log.back(), "ended");
  EXPECT_TRUE(rig.engine.saved_session());
}

TEST(EngineDetach, EndsAtOnceWhereThereIsNoConnection) {
  ResumeRig rig;
  rig.send("bob", "written", Confirm::kDelivered);
  rig.written();
  rig.cut();
  rig.send("bob", "not written", Confirm::kDelivered);
  rig.connect();
  rig.engine.detach();
  EXPECT_LE(rig.engine.deadline(), rig.now);
  rig.wait(0);
  EXPECT_EQ(rig.events.log.back(), "ended");
  EXPECT_EQ(rig.events.outcomes, (Words{"1 UNKNOWN", "2 NOT_SENT"}));
  EXPECT_EQ(rig.engine.saved_session()->attempt, 1U);
}

TEST(EngineClose, ComesBackFirstForTheOutcomesThatAreOpen) {
  ResumeRig rig;
  rig.send("bob", "written", Confirm::kDelivered);
  rig.written();
  rig.cut();
  rig.engine.close();
  rig.connect();
  rig.give(resumed_frame(1));
  EXPECT_TRUE(rig.written().empty());
  rig.give(receipts_frame(1, 1, 1, v1::OUTCOME_DELIVERED));
  EXPECT_EQ(rig.events.outcomes, (Words{"1 DELIVERED"}));
  EXPECT_EQ(rig.written().back(), "goodbye");
}

TEST(EngineClose, EndsAtOnceIfNothingIsOpen) {
  ResumeRig rig;
  rig.cut();
  rig.engine.close();
  EXPECT_LE(rig.engine.deadline(), rig.now);
  rig.wait(0);
  EXPECT_EQ(rig.events.log.back(), "ended");
}

}  // namespace
}  // namespace onehop::client
