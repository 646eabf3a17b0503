// What a client engine says and hears of services, and of requests and their replies.
#include <gtest/gtest.h>

#include "core/base/limits.h"
#include "engine_rig.h"
#include "message/message_codec.h"
#include "onehop/request.h"

namespace onehop::client {
namespace {

v1::Frame with_services(v1::Frame frame) {
  frame.mutable_connected()->set_features(core::kFeatureOrderedRefusals | core::kFeatureTopics | core::kFeatureReplies);
  return frame;
}

constexpr SendOptions kToService{.destination = Destination::kService};
constexpr SendOptions kRequest{.destination = Destination::kService, .wants_reply = true};

// With an open session, number 7, that outlives its connections.
struct ServiceRig : Rig {
  explicit ServiceRig(ClientOptions options = {}) : Rig(std::move(options)) {
    open(with_services(lasting_frame()));
    events.log.clear();
  }

  // What is written now; what it asks for last gets the next answer.
  Words asked() {
    Words words;
    for (const v1::Frame& frame : frames()) {
      words.push_back(in_words(frame));
      if (frame.has_subscribe()) ref = frame.subscribe().ref();
      if (frame.has_unsubscribe()) ref = frame.unsubscribe().ref();
    }
    return words;
  }
  void answer(v1::Reason reason = v1::REASON_UNSPECIFIED) {
    v1::Frame frame;
    frame.mutable_subscribed()->set_ref(ref);
    frame.mutable_subscribed()->set_reason(reason);
    give(frame);
  }
  void hold(std::string_view service) {
    EXPECT_EQ(engine.serve(service), SendStatus::kAccepted);
    asked();
    answer();
    events.log.clear();
  }
  void cut() { engine.on_link_down("cut", now); }
  void reopen_with(const v1::Frame& connected) {
    reopen(with_services(connected));
    events.log.clear();
  }
  void request(std::string_view payload) {
    EXPECT_EQ(engine.send("adder", payload, kRequest, &last_ticket), SendStatus::kAccepted);
  }
  void reply(uint64_t id, const std::string& payload, uint64_t session = kSession) {
    v1::Frame frame = delivery_frame(++last_tag, payload);
    frame.mutable_message()->set_in_reply_to(id);
    frame.mutable_message()->set_in_reply_to_session(session);
    give(frame);
  }
  void tell(uint64_t id, v1::Outcome outcome) { give(receipts_frame(++last_seq, id, id, outcome)); }

  uint64_t ref = 0;
  uint64_t last_tag = 0;
  uint64_t last_seq = 0;
};

TEST(EngineServices, NamesTheFeature) {
  Rig rig;
  rig.engine.start(rig.now);
  rig.engine.on_link_up(rig.now);
  EXPECT_NE(rig.frames().at(0).connect().features() & core::kFeatureReplies, 0U);
}

TEST(EngineServices, ServesAndTellsTheAnswer) {
  ServiceRig rig;
  EXPECT_EQ(rig.engine.serve("adder"), SendStatus::kAccepted);
  EXPECT_EQ(rig.asked(), Words{"serve adder"});
  rig.answer();
  EXPECT_EQ(rig.engine.unserve("adder"), SendStatus::kAccepted);
  EXPECT_EQ(rig.asked(), Words{"unserve adder"});
  rig.answer();
  EXPECT_EQ(rig.engine.serve("root"), SendStatus::kAccepted);
  rig.asked();
  rig.answer(v1::REASON_NOT_AUTHORIZED);
  EXPECT_EQ(rig.events.log, (Words{"serving adder", "unserved adder", "serving root NOT_AUTHORIZED"}));
}

TEST(EngineServices, RefusesWhatIsNoName) {
  ServiceRig rig;
  for (const std::string_view service : {"", "a b", "a+", "#", "$x", "~x"}) {
    EXPECT_EQ(rig.engine.serve(service), SendStatus::kInvalid) << service;
    EXPECT_EQ(rig.engine.unserve(service), SendStatus::kInvalid) << service;
  }
  EXPECT_TRUE(rig.written().empty());
  rig.engine.close();
  EXPECT_EQ(rig.engine.serve("a"), SendStatus::kClosed);
}

TEST(EngineServices, ATopicOfTheSameNameIsAnotherWish) {
  ServiceRig rig;
  rig.hold("news");
  EXPECT_EQ(rig.engine.subscribe("news"), SendStatus::kAccepted);
  EXPECT_EQ(rig.asked(), Words{"subscribe news"});
  rig.answer();
  EXPECT_EQ(rig.engine.unserve("news"), SendStatus::kAccepted);
  EXPECT_EQ(rig.asked(), Words{"unserve news"});
  rig.answer();
  EXPECT_EQ(rig.events.log, (Words{"subscribed news", "unserved news"}));
}

TEST(EngineServices, AResumeRepeatsWhatWasNotAnsweredAndANewSessionRestoresAll) {
  ServiceRig rig;
  rig.hold("a");
  EXPECT_EQ(rig.engine.serve("b"), SendStatus::kAccepted);
  rig.asked();
  rig.cut();
  rig.reopen_with(resumed_frame());
  EXPECT_EQ(rig.asked(), Words{"serve b"}) << "a holds, and was answered";
  rig.answer();
  rig.cut();
  rig.reopen_with(lasting_frame(8));
  EXPECT_EQ(rig.asked(), (Words{"serve a", "serve b"}));
  rig.answer();
  EXPECT_EQ(rig.events.log, Words{"serving b"});
}

TEST(EngineServices, AMessageTellsItsServiceAndThatAReplyIsWanted) {
  ServiceRig rig;
  v1::Frame frame = delivery_frame(1);
  frame.mutable_message()->set_service("adder");
  rig.give(frame);
  EXPECT_EQ(rig.events.log, Words{"message bob x for adder"});
  frame.mutable_message()->set_wants_reply(true);
  frame.mutable_message()->set_id(5);
  frame.mutable_message()->set_from_session(9);
  const std::string body = frame.message().SerializeAsString();
  std::vector<Header> headers;
  Message message;
  ASSERT_TRUE(read_message(body, headers, message));
  EXPECT_TRUE(message.wants_reply);
  const OwnedMessage copy(message);
  EXPECT_EQ(copy->service, "adder");
  EXPECT_NE(copy->service.data(), message.service.data());
  const SendOptions options = reply_to(copy);
  EXPECT_EQ(options.in_reply_to, 5U);
  EXPECT_EQ(options.in_reply_to_session, 9U);
  EXPECT_EQ(options.confirm, Confirm::kDelivered);
}

TEST(EngineServices, WritesWhatTheOptionsSay) {
  ServiceRig rig;
  SendOptions options = kRequest;
  options.retry_attempted = true;
  options.ttl_ms = 500;
  rig.engine.send("adder", "1 2", options);
  rig.engine.send_encoded(ClientEngine::encode("adder", "1 2", kToService));
  const auto frames = rig.frames();
  ASSERT_EQ(frames.size(), 2U);
  const v1::Message& first = frames[0].message();
  EXPECT_EQ(first.service(), "adder");
  EXPECT_EQ(first.confirm(), v1::CONFIRM_DELIVERED);
  EXPECT_TRUE(first.wants_reply());
  EXPECT_TRUE(first.retry_attempted());
  EXPECT_EQ(first.ttl_ms(), 500U);
  EXPECT_EQ(first.payload(), "1 2");
  EXPECT_FALSE(frames[1].message().wants_reply());
  EXPECT_FALSE(frames[1].message().retry_attempted());
  EXPECT_EQ(frames[1].message().service(), "adder");
}

// The payload may look like the field that makes a request.
TEST(EngineServices, KnowsARequestByItsBody) {
  EXPECT_TRUE(is_request(ClientEngine::encode("a", "", kRequest)));
  EXPECT_TRUE(is_request(ClientEngine::encode("a", "x", {.wants_reply = true})));
  EXPECT_FALSE(is_request(ClientEngine::encode("a", "\x90\x01\x01", kToService)));
  EXPECT_FALSE(is_request(ClientEngine::encode("a", "", {})));
  EXPECT_FALSE(is_request(ClientEngine::encode("a", "x", {.confirm = Confirm::kRefusals, .wants_reply = true})));
}

TEST(EngineServices, APausedServiceDoesNotHoldUpTheClientOfThatName) {
  ServiceRig rig;
  rig.give(service_flow_frame("adder", v1::STATE_PAUSE, 10'000));
  rig.engine.send("adder", "to the service", kToService);
  rig.engine.send("adder", "to the client", {});
  EXPECT_EQ(rig.written(), Words{"adder:1=to the client"});
  rig.give(service_flow_frame("adder", v1::STATE_RESUME));
  EXPECT_EQ(rig.written(), Words{"service adder:2=to the service"});
  rig.give(flow_frame("adder", v1::STATE_PAUSE, 10'000));
  rig.engine.send("adder", "again", kToService);
  EXPECT_EQ(rig.written(), Words{"service adder:3=again"});
}

// A service has no gate: the client may not say RESUME.
TEST(EngineServices, AFullServiceIsTriedAgainAfterTheTimeItSays) {
  for (const v1::Reason reason : {v1::REASON_QUEUE_FULL, v1::REASON_BROKER_BUSY}) {
    ServiceRig rig;
    rig.engine.send("adder", "one", kToService);
    rig.engine.send("adder", "two", kToService);
    rig.written();
    rig.give(refusal_frame(1, 1, reason, 200));
    EXPECT_EQ(rig.written(), Words{"ping"});
    rig.pong();
    rig.wait(199);
    EXPECT_TRUE(rig.written().empty());
    rig.wait(1);
    EXPECT_EQ(rig.written(), (Words{"service adder:3=one", "ping"}));
    rig.give(receipts_frame(1, 2, 3, v1::OUTCOME_DELIVERED));
    EXPECT_EQ(rig.events.outcomes, (Words{"2 DELIVERED", "1 DELIVERED"}));
  }
}

TEST(EngineServices, NobodyThereIsFinal) {
  ServiceRig rig({.names_may_come_ms = 10'000});
  rig.engine.send("adder", "x", kToService);
  rig.engine.send("adder", "y", kToService);
  EXPECT_EQ(rig.written(), (Words{"service adder:1=x", "service adder:2=y"})) << "no name is proven";
  rig.give(refusal_frame(1, 2, v1::REASON_NOBODY_THERE));
  EXPECT_EQ(rig.events.outcomes, (Words{"1 REJECTED NOBODY_THERE", "2 REJECTED NOBODY_THERE"}));
}

TEST(EngineServices, OutcomesOfRequests) {
  ServiceRig rig;
  for (int i = 0; i < 3; ++i) rig.request("x");
  rig.written();
  rig.tell(1, v1::OUTCOME_REPLIED);
  rig.tell(2, v1::OUTCOME_RESPONDER_LOST);
  rig.tell(3, v1::OUTCOME_EXPIRED);
  EXPECT_EQ(rig.events.outcomes, (Words{"1 REPLIED", "2 RESPONDER_LOST", "3 EXPIRED"}));
}

TEST(EngineServices, AReplyMayComeBeforeTheOutcomeAndAfterIt) {
  ServiceRig rig;
  rig.request("one");
  rig.request("two");
  EXPECT_EQ(rig.written(), (Words{"service adder:1=one?", "service adder:2=two?"}));
  rig.reply(2, "2");
  rig.tell(2, v1::OUTCOME_REPLIED);
  rig.tell(1, v1::OUTCOME_REPLIED);
  rig.reply(1, "1");
  EXPECT_EQ(rig.events.outcomes, (Words{"2 REPLIED", "1 REPLIED"}));
  EXPECT_EQ(rig.events.log, (Words{"reply to 2 2", "reply to 1 1"}));
  EXPECT_EQ(rig.written(), Words{"ack to 2 receipts 2"});
}

TEST(EngineServices, WhatIsNoReplyToAnOpenRequestIsAMessage) {
  ServiceRig rig;
  rig.request("one");
  rig.engine.send("bob", "no request", {});
  rig.written();
  rig.reply(2, "a");
  rig.reply(3, "b");
  rig.reply(1, "c", kSession + 1);
  rig.reply(1, "d");
  rig.reply(1, "e");
  rig.tell(1, v1::OUTCOME_REPLIED);
  rig.reply(1, "f");
  EXPECT_EQ(rig.events.log, (Words{"message bob a", "message bob b", "message bob c", "reply to 1 d", "message bob e",
                                   "message bob f"}));
}

TEST(EngineServices, ARepeatedRequestGetsTheReplyToItsNewId) {
  ServiceRig rig;
  rig.request("one");
  rig.written();
  rig.give(refusal_frame(1, 1, v1::REASON_QUEUE_FULL, 200));
  rig.written();
  rig.pong();
  rig.wait(200);
  EXPECT_EQ(rig.written(), (Words{"service adder:2=one?", "ping"}));
  rig.events.log.clear();
  rig.reply(1, "to nobody");
  rig.tell(2, v1::OUTCOME_REPLIED);
  rig.reply(2, "2");
  EXPECT_EQ(rig.events.outcomes, Words{"1 REPLIED"});
  EXPECT_EQ(rig.events.log, (Words{"message bob to nobody", "reply to 1 2"}));
}

TEST(EngineServices, ARequestSurvivesABrokenConnection) {
  ServiceRig rig;
  rig.request("one");
  rig.request("two");
  rig.written();
  rig.cut();
  rig.reopen_with(resumed_frame(1));
  EXPECT_EQ(rig.written(), Words{"service adder:2=two?"});
  rig.reply(1, "1");
  rig.tell(1, v1::OUTCOME_REPLIED);
  rig.tell(2, v1::OUTCOME_REPLIED);
  rig.cut();
  rig.reopen_with(resumed_frame(2));
  rig.reply(2, "2");
  EXPECT_EQ(rig.events.log, Words{"reply to 2 2"});
  EXPECT_EQ(rig.events.outcomes, (Words{"1 REPLIED", "2 REPLIED"}));
}

TEST(EngineServices, ARequestThatIsRepeatedInANewSessionGetsItsReply) {
  ServiceRig rig({.repeat_unknown = true});
  rig.engine.send("bob", "before", {.confirm = Confirm::kRefusals});
  rig.request("one");
  rig.written();
  rig.pong();
  rig.cut();
  rig.reopen_with(lasting_frame(8));
  EXPECT_EQ(rig.written(), Words{"service adder:1=one? again"});
  rig.reply(1, "1", 8);
  rig.tell(1, v1::OUTCOME_REPLIED);
  EXPECT_EQ(rig.events.log, Words{"reply to 2 1"});
}

TEST(EngineServices, TellsThatAReplyDoesNotComeAnyMore) {
  ServiceRig rig;
  for (int i = 0; i < 2; ++i) rig.request("x");
  rig.written();
  rig.tell(1, v1::OUTCOME_REPLIED);
  rig.cut();
  rig.reopen(with_services(lasting_frame(8)));
  EXPECT_EQ(rig.events.log, (Words{"down", "no reply to 1", "open alice"}));
  EXPECT_EQ(rig.events.outcomes, (Words{"1 REPLIED", "2 UNKNOWN"}));
  rig.events.log.clear();
  rig.reply(1, "late");
  EXPECT_EQ(rig.events.log, Words{"message bob late"});
}

TEST(EngineServices, AReplyComesWithinTheLongestTtlOrNotAtAll) {
  v1::Frame connected = with_services(lasting_frame());
  connected.mutable_connected()->set_ttl_ms_max(5'000);
  ServiceRig rig;
  rig.cut();
  rig.reopen_with(connected);
  rig.request("x");
  rig.written();
  rig.tell(1, v1::OUTCOME_REPLIED);
  rig.wait(4'999);
  EXPECT_TRUE(rig.events.log.empty());
  EXPECT_EQ(rig.engine.deadline(), rig.now + 1);
  rig.wait(1);
  EXPECT_EQ(rig.events.log, Words{"no reply to 1"});
}

TEST(EngineServices, ClosingWaitsForAReplyThatIsOnItsWay) {
  ServiceRig rig;
  rig.request("x");
  rig.written();
  rig.tell(1, v1::OUTCOME_REPLIED);
  rig.engine.close();
  EXPECT_EQ(rig.written(), Words{"ack receipts 1"});
  rig.reply(1, "1");
  EXPECT_EQ(rig.written(), (Words{"ack to 1", "goodbye"}));
  EXPECT_EQ(rig.events.log, Words{"reply to 1 1"});
}

TEST(EngineServices, AClientThatEndsTellsThatRepliesDoNotCome) {
  ServiceRig rig;
  rig.request("x");
  rig.written();
  rig.tell(1, v1::OUTCOME_REPLIED);
  rig.engine.abort({}, rig.now);
  EXPECT_EQ(rig.events.log, (Words{"no reply to 1", "ended"}));
}

}  // namespace
}  // namespace onehop::client
