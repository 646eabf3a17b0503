// What becomes of the messages of a client engine when connections break: resumed sessions, sessions that are gone,
// sessions of an earlier process; holds and gates through all of it.
#include <gtest/gtest.h>

#include <memory>

#include "engine_rig.h"

namespace onehop::client {
namespace {

constexpr Confirm kDelivered = Confirm::kDelivered;

v1::Frame queue_full(uint64_t seq, uint64_t first, uint64_t last) {
  v1::Frame frame = refusal_frame(first, last, v1::REASON_QUEUE_FULL, 500);
  frame.mutable_receipts()->set_seq(seq);
  return frame;
}

struct Repeat : testing::Test {
  void open(ClientOptions options = {}) {
    rig = std::make_unique<Rig>(std::move(options));
    rig->open(lasting_frame());
  }
  void cut() { rig->engine.on_link_down("cut", rig->now); }
  void resume(uint64_t last_id) { rig->reopen(resumed_frame(last_id)); }
  void send(const char* to, const char* payload, Confirm confirm = kDelivered) {
    ASSERT_EQ(rig->send(to, payload, confirm), SendStatus::kAccepted);
  }
  Words written() { return rig->written(); }
  const Words& outcomes() const { return rig->events.outcomes; }
  void give_delivered(uint64_t seq, uint64_t first, uint64_t last) {
    rig->give(receipts_frame(seq, first, last, v1::OUTCOME_DELIVERED));
  }

  std::unique_ptr<Rig> rig;
};

TEST_F(Repeat, WhatTheBrokerHasNotGotIsWrittenAgainWithItsIds) {
  open();
  for (const char* payload : {"a", "b", "c"}) send("bob", payload);
  written();
  send("carol", "d");  // Not written before the cut.
  cut();
  send("bob", "e");  // While away.
  EXPECT_TRUE(outcomes().empty());
  resume(2);
  EXPECT_EQ(written(), (Words{"bob:3=c", "carol:4=d", "bob:5=e"}));
  send("bob", "f");
  EXPECT_EQ(written(), Words{"bob:6=f"});
  give_delivered(1, 1, 6);
  EXPECT_EQ(outcomes().size(), 6U);
  EXPECT_EQ(rig->engine.unsettled(), 0U);
  EXPECT_EQ(rig->engine.counts().resumes, 1U);
}

TEST_F(Repeat, ReceiptsThatWereHandledAreNotHandledAgain) {
  open();
  for (const char* payload : {"a", "b"}) send("bob", payload);
  written();
  give_delivered(1, 1, 1);
  cut();
  resume(2);
  EXPECT_TRUE(written().empty()) << "Connect said that they had arrived";
  // This broker tells them all the same.
  give_delivered(1, 1, 2);
  EXPECT_EQ(outcomes(), Words{"1 DELIVERED"});
  give_delivered(2, 2, 2);
  EXPECT_EQ(outcomes(), (Words{"1 DELIVERED", "2 DELIVERED"}));
  EXPECT_EQ(written(), Words{"ack receipts 2"});
}

TEST_F(Repeat, AResumeThatIsCutAgainChangesNothing) {
  open();
  for (const char* payload : {"a", "b"}) send("bob", payload);
  written();
  for (int i = 0; i < 3; ++i) {
    cut();
    rig->wait(rig->events.retry_in);
    rig->engine.on_link_up(rig->now);
    EXPECT_EQ(written(), Words{"connect"});
  }
  rig->give(resumed_frame(1));
  EXPECT_EQ(written(), Words{"bob:2=b"});
  cut();
  resume(1);
  EXPECT_EQ(written(), Words{"bob:2=b"});
  EXPECT_TRUE(outcomes().empty());
}

TEST_F(Repeat, MessagesHalfWrittenAreWrittenAgainAsAWhole) {
  open();
  for (const char* payload : {"aaaaaaaa", "bbbbbbbb"}) send("bob", payload);
  std::array<std::string_view, 4> pieces;
  ASSERT_EQ(rig->engine.output(pieces, rig->now), 1U);
  rig->engine.on_written(pieces[0].size() - 3, rig->now);
  cut();
  resume(1);
  EXPECT_EQ(written(), Words{"bob:2=bbbbbbbb"});
}

TEST_F(Repeat, UnconfirmedMessagesWithoutAPongAreUnknown) {
  open();
  send("bob", "a", Confirm::kRefusals);
  send("bob", "b", Confirm::kDelivered);
  send("bob", "c", Confirm::kRefusals);
  send("bob", "d", Confirm::kRefusals);
  written();
  cut();
  EXPECT_TRUE(outcomes().empty());
  resume(3);
  EXPECT_EQ(outcomes(), (Words{"1 UNKNOWN", "3 UNKNOWN"}));
  EXPECT_EQ(written(), (Words{"bob:4=d", "ping"}));
  rig->pong();
  give_delivered(1, 2, 2);
  EXPECT_EQ(outcomes(), (Words{"1 UNKNOWN", "3 UNKNOWN", "4 ADMITTED", "2 DELIVERED"}));
}

TEST_F(Repeat, UnconfirmedMessagesAreRepeatedOnRequestBeforeWhatFollowsThem) {
  open({.repeat_unknown = true});
  send("bob", "a", Confirm::kRefusals);
  send("bob", "b", Confirm::kDelivered);
  send("carol", "c", Confirm::kDelivered);
  written();
  cut();
  resume(1);
  // Whether a was refused is known by the barrier; b must not pass it.
  EXPECT_EQ(written(), (Words{"carol:3=c", "ping"}));
  rig->pong();
  EXPECT_EQ(written(), (Words{"bob:4=a again", "bob:5=b", "ping"}));
}

TEST_F(Repeat, OfASessionThatIsGoneIsUnknown) {
  open();
  for (const char* payload : {"a", "b"}) send("bob", payload);
  written();
  send("bob", "c");  // Not written.
  cut();
  send("bob", "d");
  rig->reopen(lasting_frame(8));
  EXPECT_EQ(outcomes(), (Words{"1 UNKNOWN", "2 UNKNOWN"}));
  EXPECT_EQ(written(), (Words{"bob:1=c", "ping"}));
  rig->pong();
  EXPECT_EQ(written(), Words{"bob:2=d"});
  // Receipts are numbered anew.
  give_delivered(1, 1, 2);
  EXPECT_EQ(outcomes(), (Words{"1 UNKNOWN", "2 UNKNOWN", "3 DELIVERED", "4 DELIVERED"}));
}

TEST_F(Repeat, OfASessionThatIsGoneIsRepeatedInOrderOnRequest) {
  open({.repeat_unknown = true});
  send("bob", "a");
  send("bob", "b");
  send("bob", "c");
  written();
  give_delivered(1, 1, 1);
  rig->give(queue_full(2, 3, 3));
  send("bob", "d");
  for (const uint64_t session : {8U, 9U}) {
    cut();
    rig->reopen(lasting_frame(session));
    // c was refused, so that it has not arrived before; once written anew, it may have.
    const char* c = session == 8 ? "bob:2=c" : "bob:2=c again";
    const char* d = session == 8 ? "bob:3=d" : "bob:3=d again";
    EXPECT_EQ(written(), (Words{"bob:1=b again", "ping"}));
    rig->pong();
    EXPECT_EQ(written(), (Words{c, d}));
  }
  EXPECT_EQ(outcomes(), Words{"1 DELIVERED"});
}

TEST_F(Repeat, WhatAResumeLeftUnknownComesBeforeWhatALostSessionBringsBack) {
  open({.repeat_unknown = true, .unsent_bytes_max = 20});
  send("bob", "a", Confirm::kRefusals);
  written();
  send("bob", "b", Confirm::kDelivered);
  written();
  cut();
  resume(2);
  EXPECT_EQ(written(), Words{"ping"});
  send("carol", "a long one that fills what may be unsent");
  rig->pong();  // a may be repeated, but there is no room yet; b is open.
  cut();
  rig->reopen(lasting_frame(8));
  Words bobs;
  for (int i = 0; i < 3; ++i) {
    for (const std::string& word : written()) {
      if (word.starts_with("bob")) bobs.push_back(word.substr(6));
    }
    rig->pong();
  }
  EXPECT_EQ(bobs, (Words{"a again", "b again"}));
}

TEST_F(Repeat, ASessionOfAnEarlierProcessGoesOnAboveItsIds) {
  rig = std::make_unique<Rig>(
      ClientOptions{.resume = SavedSession{.name = "alice", .session = 7, .token = "ticket", .attempt = 3}});
  rig->open(resumed_frame(41));
  send("bob", "a");
  EXPECT_EQ(written(), Words{"bob:42=a"});
  // Of messages of the process before: nobody here waits for them, but the broker wants to be rid of them.
  give_delivered(9, 30, 41);
  EXPECT_TRUE(outcomes().empty());
  EXPECT_EQ(written(), Words{"ack receipts 9"});
  give_delivered(10, 42, 42);
  EXPECT_EQ(outcomes(), Words{"1 DELIVERED"});
}

TEST_F(Repeat, TheWindowIsKeptThroughAResume) {
  v1::Frame narrow = lasting_frame();
  narrow.mutable_connected()->set_send_window(2);
  rig = std::make_unique<Rig>();
  rig->open(narrow);
  send("bob", "a");
  send("bob", "b");
  written();
  give_delivered(1, 1, 1);  // Not acknowledged.
  cut();
  send("bob", "c");
  send("bob", "d");
  v1::Frame resumed = resumed_frame(1);
  resumed.mutable_connected()->set_send_window(2);
  rig->reopen(resumed);
  // Connect acknowledged a's; b is open.
  EXPECT_EQ(written(), (Words{"bob:2=b", "bob:3=c"}));
  give_delivered(2, 2, 3);
  EXPECT_EQ(written(), (Words{"ack receipts 2", "bob:4=d"}));
}

TEST_F(Repeat, AGateIsOpenedBehindABarrierOfTheNewConnection) {
  open();
  for (const char* payload : {"a", "b", "c"}) send("bob", payload);
  written();
  rig->give(queue_full(1, 1, 2));
  EXPECT_EQ(written(), (Words{"ack receipts 1", "ping"}));
  const uint64_t old_ping = rig->last_ping;
  rig->give(flow_frame("bob", v1::STATE_RESUME));
  cut();
  send("bob", "d");
  resume(3);
  EXPECT_EQ(written(), Words{"ping"});
  rig->give(pong_frame(old_ping));
  EXPECT_TRUE(written().empty()) << "a pong of the connection before";
  rig->give(queue_full(2, 3, 3));
  rig->pong();
  EXPECT_EQ(written(), (Words{"ack receipts 2", "ping"}));
  rig->pong();
  EXPECT_EQ(written(), (Words{"resume bob", "bob:4=a", "bob:5=b", "bob:6=c", "bob:7=d"}));
}

TEST_F(Repeat, AGateWhoseOpeningWasLostIsOpenedAgain) {
  open();
  for (const char* payload : {"a", "b"}) send("bob", payload);
  written();
  rig->give(queue_full(1, 1, 2));
  rig->give(flow_frame("bob", v1::STATE_RESUME));
  written();
  rig->pong();
  EXPECT_EQ(written(), (Words{"resume bob", "bob:3=a", "bob:4=b"}));
  cut();  // The broker read nothing of that.
  resume(2);
  EXPECT_EQ(written(), (Words{"bob:3=a", "bob:4=b"}));
  rig->give(queue_full(2, 3, 4));
  EXPECT_EQ(written(), (Words{"ack receipts 2", "ping"}));
  rig->pong();
  EXPECT_EQ(written(), (Words{"resume bob", "bob:5=a", "ping"}));
  rig->pong();
  EXPECT_EQ(written(), Words{"bob:6=b"});
}

TEST_F(Repeat, AnOpenedGateIsNotUsedByTheNextConnectionWithoutABarrier) {
  open({.unsent_bytes_max = 20});
  for (const char* payload : {"a", "b"}) send("bob", payload);
  written();
  rig->give(queue_full(1, 1, 2));
  rig->give(flow_frame("bob", v1::STATE_RESUME));
  written();
  send("carol", "a long one that fills what may be unsent");
  rig->pong();  // bob's may go, but there is no room yet.
  cut();
  resume(2);
  EXPECT_EQ(written(), (Words{"carol:3=a long one that fills what may be unsent", "ping"}));
  rig->pong();
  EXPECT_EQ(written(), (Words{"resume bob", "bob:4=a", "bob:5=b"}));
}

TEST_F(Repeat, AProbeIsAnsweredByABarrierOfTheNewConnection) {
  open();
  rig->give(flow_frame("bob", v1::STATE_PAUSE, 500));
  for (const char* payload : {"a", "b"}) send("bob", payload);
  rig->wait(500);
  EXPECT_EQ(written(), (Words{"bob:1=a", "ping"}));
  const uint64_t old_ping = rig->last_ping;
  cut();
  resume(1);
  EXPECT_EQ(written(), Words{"ping"});
  rig->give(pong_frame(old_ping));
  EXPECT_TRUE(written().empty());
  rig->pong();
  EXPECT_EQ(written(), Words{"bob:2=b"});
}

TEST_F(Repeat, APauseGoesOn) {
  open();
  rig->give(flow_frame("bob", v1::STATE_PAUSE, 60'000));
  send("bob", "a");
  cut();
  resume(0);
  EXPECT_TRUE(written().empty());
  rig->give(flow_frame("bob", v1::STATE_RESUME));
  EXPECT_EQ(written(), Words{"bob:1=a"});
}

TEST_F(Repeat, TheEndWhileAwayLeavesNothingWithoutAnOutcome) {
  open();
  send("bob", "a");
  send("bob", "b");
  written();
  rig->give(queue_full(1, 2, 2));
  cut();
  send("bob", "c");
  rig->engine.abort({}, rig->now);
  EXPECT_EQ(outcomes(), (Words{"1 UNKNOWN", "2 NOT_SENT QUEUE_FULL", "3 NOT_SENT"}));
}

}  // namespace
}  // namespace onehop::client
