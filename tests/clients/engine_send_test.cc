// Sending through a client engine: what is written, refusals, limits, the end of a session.
#include <gtest/gtest.h>

#include "engine_rig.h"

namespace onehop::client {
namespace {

const SendOptions kUnconfirmed{.confirm = Confirm::kRefusals};

TEST(EngineSend, WritesEverythingThatWasAsked) {
  Rig rig;
  rig.open();
  const Header headers[] = {{"traceparent", "00-1"}, {"binary", std::string_view("\0\xFF", 2)}};
  const SendOptions options{.headers = headers, .ttl_ms = 300, .in_reply_to = 5, .in_reply_to_session = 6};
  EXPECT_EQ(rig.engine.send("bob", "hello", options), SendStatus::kAccepted);
  const auto frames = rig.frames();
  ASSERT_EQ(frames.size(), 1U);
  const v1::Message& message = frames[0].message();
  EXPECT_EQ(message.confirm(), v1::CONFIRM_DELIVERED);
  EXPECT_EQ(message.client(), "bob");
  EXPECT_EQ(message.id(), 1U);
  EXPECT_EQ(message.ttl_ms(), 300U);
  EXPECT_EQ(message.in_reply_to(), 5U);
  EXPECT_EQ(message.in_reply_to_session(), 6U);
  EXPECT_EQ(message.payload(), "hello");
  ASSERT_EQ(message.headers_size(), 2);
  EXPECT_EQ(message.headers(0).key(), "traceparent");
  EXPECT_EQ(message.headers(1).value(), std::string("\0\xFF", 2));
}

TEST(EngineSend, RefusesWhatBreaksTheRules) {
  Rig rig;
  rig.open(connected_frame(16'384));
  EXPECT_EQ(rig.send("", "x"), SendStatus::kInvalid);
  EXPECT_EQ(rig.send("\xFF", "x"), SendStatus::kInvalid);
  std::vector<Header> headers(65, Header{"k", "v"});
  EXPECT_EQ(rig.engine.send("bob", "x", {.headers = headers}), SendStatus::kInvalid);
  headers.pop_back();
  EXPECT_EQ(rig.engine.send("bob", "x", {.headers = headers}), SendStatus::kAccepted);
  const std::string large(9'000, 'v');
  const Header one[] = {{"k", large}};
  EXPECT_EQ(rig.engine.send("bob", "x", {.headers = one}), SendStatus::kInvalid);
  const Header bad_key[] = {{"\xFF", "v"}};
  EXPECT_EQ(rig.engine.send("bob", "x", {.headers = bad_key}), SendStatus::kInvalid);
}

TEST(EngineSend, KnowsTheLargestFrameToTheByte) {
  constexpr uint32_t kMax = 16'384;
  Rig rig;
  rig.open(connected_frame(kMax));
  // The frame's tag and length 3; id 2, client 5, the payload's tag and length 3.
  const std::string fits(kMax - 3 - 2 - 5 - 3, 'x');
  EXPECT_EQ(rig.send("bob", fits + "x"), SendStatus::kTooLarge);
  EXPECT_EQ(rig.send("bob", fits), SendStatus::kAccepted);
  const auto frames = rig.frames();
  EXPECT_EQ(frames.at(0).ByteSizeLong(), kMax);
}

TEST(EngineSend, FoundTooLargeOnlyWhenTheSessionOpens) {
  Rig rig;
  rig.engine.start(rig.now);
  EXPECT_EQ(rig.send("bob", std::string(20'000, 'x')), SendStatus::kAccepted);
  EXPECT_EQ(rig.send("bob", "small"), SendStatus::kAccepted);
  rig.engine.on_link_up(rig.now);
  rig.written();
  rig.give(connected_frame(16'384));
  EXPECT_EQ(rig.written(), (Words{"bob:1=small", "ping"}));
  EXPECT_EQ(rig.events.outcomes, Words{"1 REJECTED TOO_LARGE"});
}

TEST(EngineSend, AdmissionIsKnownByThePong) {
  Rig rig;
  rig.open();
  rig.send("bob", "a");
  rig.send("carol", "b");
  EXPECT_EQ(rig.written(), (Words{"bob:1=a", "carol:2=b", "ping"}));
  rig.send("bob", "c");
  // One ping at a time: the next follows the pong.
  EXPECT_EQ(rig.written(), Words{"bob:3=c"});
  rig.pong();
  EXPECT_EQ(rig.events.outcomes, (Words{"1 ADMITTED", "2 ADMITTED"}));
  EXPECT_EQ(rig.events.destinations, (Words{"bob", "carol"}));
  EXPECT_EQ(rig.written(), Words{"ping"});
  rig.pong();
  EXPECT_EQ(rig.events.outcomes.back(), "3 ADMITTED");
  EXPECT_TRUE(rig.written().empty());
}

TEST(EngineSend, FlushIsDoneWhenAllBeforeItIsSettled) {
  Rig rig;
  rig.open();
  int done = 0;
  rig.engine.flush([&] { done += 1; });
  EXPECT_EQ(done, 1);
  rig.send("bob", "a");
  rig.engine.flush([&] { done += 10; });
  rig.written();
  rig.send("bob", "b");
  rig.engine.flush([&] { done += 100; });
  EXPECT_EQ(done, 1);
  rig.pong();
  EXPECT_EQ(done, 11);
  rig.written();
  rig.give(refusal_frame(2, 2, v1::REASON_UNKNOWN_CLIENT));
  EXPECT_EQ(done, 111);
}

// Reasons that waiting does not cure are told for each message.
TEST(EngineRefusal, IsToldWithItsReason) {
  Rig rig;
  rig.open();
  rig.send("nobody", "a");
  rig.send("bob", "b");
  rig.send("nobody", "c");
  rig.written();
  v1::Frame frame = refusal_frame(1, 1, v1::REASON_UNKNOWN_CLIENT);
  *frame.mutable_receipts()->add_items() = refusal_frame(3, 3, v1::REASON_STALE_SESSION, 900).receipts().items(0);
  rig.give(frame);
  EXPECT_EQ(rig.events.outcomes, (Words{"1 REJECTED UNKNOWN_CLIENT", "3 REJECTED STALE_SESSION"}));
  EXPECT_EQ(rig.events.results[1].id, 3U);
  EXPECT_EQ(rig.events.results[1].retry_after_ms, 900U);
  rig.pong();
  EXPECT_EQ(rig.events.outcomes.back(), "2 ADMITTED");
  EXPECT_EQ(rig.events.outcomes.size(), 3U);
}

TEST(EngineRefusal, TheSameIdTwiceIsToldOnce) {
  Rig rig;
  rig.open();
  rig.send("nobody", "a");
  rig.written();
  rig.give(refusal_frame(1, 1, v1::REASON_UNKNOWN_CLIENT));
  rig.give(refusal_frame(1, UINT64_MAX, v1::REASON_QUEUE_FULL));
  rig.give(refusal_frame(0, 0, v1::REASON_QUEUE_FULL));
  EXPECT_EQ(rig.events.outcomes, Words{"1 REJECTED UNKNOWN_CLIENT"});
  EXPECT_EQ(rig.engine.unsettled(), 0U);
}

TEST(EngineLimits, InFlightBlocksUntilThePong) {
  Rig rig({.in_flight_messages_max = 2});
  rig.open();
  EXPECT_EQ(rig.send("bob", "a"), SendStatus::kAccepted);
  EXPECT_EQ(rig.send("bob", "b"), SendStatus::kAccepted);
  EXPECT_EQ(rig.send("bob", "c"), SendStatus::kWouldBlock);
  rig.written();
  EXPECT_EQ(rig.send("carol", "c"), SendStatus::kWouldBlock);
  EXPECT_EQ(rig.events.log, Words{"open alice"});
  rig.pong();
  EXPECT_EQ(rig.events.log, (Words{"open alice", "pong 1", "room"}));
  EXPECT_EQ(rig.send("bob", "c"), SendStatus::kAccepted);
  EXPECT_EQ(rig.engine.unsettled(), 1U);
}

TEST(EngineLimits, UnsentBytesBlockUntilTheyAreWritten) {
  Rig rig({.unsent_bytes_max = 1'000});
  rig.open();
  EXPECT_EQ(rig.send("bob", std::string(1'000, 'x')), SendStatus::kAccepted);
  EXPECT_EQ(rig.send("bob", "y"), SendStatus::kWouldBlock);
  rig.written();
  EXPECT_EQ(rig.events.log.back(), "room");
}

TEST(EngineLimits, APausedDestinationBlocksItselfOnly) {
  Rig rig({.waiting_bytes_max = 300});
  rig.open();
  rig.give(flow_frame("bob", v1::STATE_PAUSE, 1'000));
  EXPECT_EQ(rig.send("bob", std::string(300, 'x')), SendStatus::kAccepted);
  EXPECT_EQ(rig.send("bob", "y"), SendStatus::kWouldBlock);
  EXPECT_EQ(rig.send("carol", "z"), SendStatus::kAccepted);
  rig.give(flow_frame("bob", v1::STATE_RESUME));
  EXPECT_EQ(rig.events.log.back(), "room");
  EXPECT_EQ(rig.send("bob", "y"), SendStatus::kAccepted);
}

TEST(EngineLimits, EncodedMessagesAreNeverBlocked) {
  Rig rig({.in_flight_messages_max = 1});
  rig.open();
  for (const char* payload : {"a", "b", "c"}) {
    EXPECT_EQ(rig.engine.send_encoded(ClientEngine::encode("bob", payload, kUnconfirmed)), SendStatus::kAccepted);
  }
  EXPECT_EQ(rig.written(), (Words{"bob:1=a", "ping"}));
  rig.pong();
  EXPECT_EQ(rig.written(), (Words{"bob:2=b", "ping"}));
  rig.pong();
  EXPECT_EQ(rig.written(), (Words{"bob:3=c", "ping"}));
}

TEST(EngineLoss, TellsWhatIsUnknownAndKeepsWhatIsNot) {
  Rig rig;
  rig.open();
  for (const char* payload : {"a", "b", "c"}) rig.send("bob", payload);
  rig.written();
  rig.give(refusal_frame(2, 2, v1::REASON_QUEUE_FULL, 1'000));
  rig.send("bob", "d");
  rig.send("carol", "e");  // Accepted, but not written before the cut.
  rig.engine.on_link_down("cut", rig.now);
  EXPECT_EQ(rig.events.outcomes, (Words{"1 UNKNOWN", "3 UNKNOWN"}));
  rig.send("bob", "f");
  rig.reopen();
  Words bobs;
  Words carols;
  for (int i = 0; i < 3; ++i) {
    for (const std::string& word : rig.written()) {
      if (word.starts_with("bob:")) bobs.push_back(word.substr(word.find('=') + 1));
      if (word.starts_with("carol:")) carols.push_back(word.substr(word.find('=') + 1));
    }
    rig.pong();
  }
  EXPECT_EQ(bobs, (Words{"b", "d", "f"}));
  EXPECT_EQ(carols, Words{"e"});
  EXPECT_EQ(rig.engine.unsettled(), 0U);
}

TEST(EngineLoss, RepeatsWhatIsUnknownOnRequest) {
  Rig rig({.repeat_unknown = true});
  rig.open();
  for (const char* payload : {"a", "b", "c"}) rig.send("bob", payload);
  rig.written();
  rig.give(refusal_frame(2, 2, v1::REASON_QUEUE_FULL, 1'000));
  rig.send("bob", "d");
  rig.engine.on_link_down("cut", rig.now);
  rig.reopen();
  EXPECT_EQ(rig.written(), (Words{"bob:1=a again", "ping"}));
  rig.pong();
  EXPECT_EQ(rig.written(), (Words{"bob:2=b", "bob:3=c again", "bob:4=d", "ping"}));
  rig.engine.on_link_down("cut", rig.now);
  rig.reopen();
  // Unknown for the second time: marked once.
  EXPECT_EQ(rig.written(), (Words{"bob:1=b again", "ping"}));
  rig.pong();
  EXPECT_EQ(rig.written(), (Words{"bob:2=c again", "bob:3=d again", "ping"}));
  rig.pong();
  EXPECT_EQ(rig.events.outcomes, (Words{"1 ADMITTED", "2 ADMITTED", "3 ADMITTED", "4 ADMITTED"}));
}

TEST(EngineLoss, TheEndLeavesNothingWithoutAnOutcome) {
  Rig rig({.reconnect = false});
  rig.open();
  rig.send("bob", "a");
  rig.send("bob", "b");
  rig.written();
  rig.give(refusal_frame(2, 2, v1::REASON_QUEUE_FULL, 1'000));
  rig.send("bob", "c");
  int done = 0;
  rig.engine.flush([&] { ++done; });
  rig.engine.on_link_down("cut", rig.now);
  EXPECT_EQ(rig.events.outcomes, (Words{"1 UNKNOWN", "2 NOT_SENT QUEUE_FULL", "3 NOT_SENT"}));
  EXPECT_EQ(done, 1);
  EXPECT_EQ(rig.events.log.back(), "ended");
}

// An application that answers each event with a send() must not disturb what is under way.
struct Replier : Recorder {
  void on_outcome(std::string_view to, const SendResult& result) override {
    Recorder::on_outcome(to, result);
    if (result.ticket < 50) engine->send(to, "again", kUnconfirmed);
  }
  void on_message(const Message& message) override { engine->send(message.from, "reply", kUnconfirmed); }
  ClientEngine* engine = nullptr;
};

TEST(EngineEvents, MaySendFromWithin) {
  Replier events;
  ClientEngine engine({.name = "alice", .in_flight_messages_max = 8}, events, 1);
  events.engine = &engine;
  engine.start(0);
  engine.on_link_up(0);
  engine.on_bytes(encode_frame(connected_frame()), 0);
  for (const char* to : {"bob", "carol", "bob"}) engine.send(to, "x", kUnconfirmed);
  std::array<std::string_view, 8> pieces;
  for (uint64_t nonce = 1; nonce < 200; ++nonce) {
    while (const size_t count = engine.output(pieces, 0)) {
      size_t size = 0;
      for (size_t i = 0; i < count; ++i) size += pieces[i].size();
      engine.on_written(size, 0);
    }
    if (nonce % 7 == 0) engine.on_bytes(encode_frame(refusal_frame(nonce, nonce, v1::REASON_UNKNOWN_CLIENT)), 0);
    engine.on_bytes(encode_frame(pong_frame(nonce)), 0);
  }
  EXPECT_EQ(engine.unsettled(), 0U);
  EXPECT_EQ(events.results.size(), 52U);
  engine.abort({}, 0);
}

}  // namespace
}  // namespace onehop::client
