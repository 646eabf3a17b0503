// What a client engine says and hears of topics.
#include <gtest/gtest.h>

#include "core/base/limits.h"
#include "core/rooms/topic_filter.h"
#include "engine_rig.h"
#include "onehop/owned_message.h"
#include "seeded_random.h"

namespace onehop::client {
namespace {

v1::Frame with_topics(v1::Frame frame) {
  frame.mutable_connected()->set_features(core::kFeatureOrderedRefusals | core::kFeatureTopics);
  return frame;
}

// With an open session that outlives its connections, at a broker that serves topics.
struct TopicRig : Rig {
  TopicRig() { open(with_topics(lasting_frame())); }

  // What is written now. Its last frame is one of the two, and gets the next answer.
  Words asked() {
    Words words;
    for (const v1::Frame& frame : frames()) {
      words.push_back(in_words(frame));
      if (frame.has_subscribe()) ref = frame.subscribe().ref();
      if (frame.has_unsubscribe()) ref = frame.unsubscribe().ref();
    }
    return words;
  }
  void answer(v1::Reason reason = v1::REASON_UNSPECIFIED, uint32_t retry_after_ms = 0) {
    v1::Frame frame;
    frame.mutable_subscribed()->set_ref(ref);
    frame.mutable_subscribed()->set_reason(reason);
    frame.mutable_subscribed()->set_retry_after_ms(retry_after_ms);
    give(frame);
  }
  void subscribe(std::string_view filter, const SubscribeOptions& options = {}) {
    EXPECT_EQ(engine.subscribe(filter, options), SendStatus::kAccepted);
  }
  void unsubscribe(std::string_view filter) { EXPECT_EQ(engine.unsubscribe(filter), SendStatus::kAccepted); }
  // Subscribed, and answered.
  void hold(std::string_view filter) {
    subscribe(filter);
    asked();
    answer();
    events.log.clear();
  }
  void cut() { engine.on_link_down("cut", now); }
  void reopen_with(const v1::Frame& connected) {
    reopen(with_topics(connected));
    events.log.clear();
  }

  uint64_t ref = 0;
};

TEST(EngineTopics, AClientThatDoesNotSubscribeSaysNothing) {
  TopicRig rig;
  EXPECT_TRUE(rig.written().empty());
  EXPECT_EQ(rig.events.log, Words{"open alice"});
}

TEST(EngineTopics, SubscribesAndTellsTheAnswer) {
  TopicRig rig;
  rig.subscribe("news/+", {.no_echo = true});
  EXPECT_EQ(rig.asked(), Words{"subscribe news/+ no echo"});
  rig.events.log.clear();
  rig.answer();
  rig.unsubscribe("news/+");
  EXPECT_EQ(rig.asked(), Words{"unsubscribe news/+"});
  rig.answer();
  EXPECT_EQ(rig.events.log, (Words{"subscribed news/+", "unsubscribed news/+"}));
}

TEST(EngineTopics, WhatIsWantedBeforeTheSessionIsOpenIsAskedForThen) {
  TopicRig rig;
  rig.cut();
  rig.subscribe("a");
  rig.subscribe("b");
  rig.unsubscribe("b");
  rig.reopen_with(lasting_frame(8));
  EXPECT_EQ(rig.asked(), Words{"subscribe a"});
  rig.answer();
  rig.wait(0);
  EXPECT_EQ(rig.events.log, (Words{"subscribed a", "unsubscribed b"}));
}

TEST(EngineTopics, AResumeRepeatsWhatWasNotAnswered) {
  TopicRig rig;
  rig.hold("a");
  rig.subscribe("b");
  rig.asked();
  rig.cut();
  rig.unsubscribe("a");
  rig.reopen_with(resumed_frame());
  EXPECT_EQ(rig.asked(), (Words{"unsubscribe a", "subscribe b"}));
  rig.answer();
  rig.cut();
  rig.reopen_with(resumed_frame());
  EXPECT_EQ(rig.asked(), Words{"unsubscribe a"}) << "b holds, and was answered";
}

TEST(EngineTopics, ANewSessionRestoresWhatIsWanted) {
  TopicRig rig;
  rig.hold("a");
  rig.hold("b");
  rig.unsubscribe("b");
  rig.cut();
  rig.reopen_with(lasting_frame(8));
  EXPECT_EQ(rig.asked(), Words{"subscribe a"});
  rig.answer();
  EXPECT_EQ(rig.events.log, Words{"subscribed a"});
  rig.wait(0);
  EXPECT_EQ(rig.events.log, (Words{"subscribed a", "unsubscribed b"})) << "it ended with the session";
}

TEST(EngineTopics, OnlyTheLatestWishIsAnswered) {
  TopicRig rig;
  rig.events.log.clear();
  rig.subscribe("a");
  rig.asked();
  const uint64_t first = rig.ref;
  rig.unsubscribe("a");
  rig.asked();
  const uint64_t second = std::exchange(rig.ref, first);
  rig.answer();
  EXPECT_TRUE(rig.events.log.empty());
  rig.ref = second;
  rig.answer();
  EXPECT_EQ(rig.events.log, Words{"unsubscribed a"});
}

TEST(EngineTopics, ABusyBrokerIsAskedAgain) {
  TopicRig rig;
  rig.events.log.clear();
  rig.subscribe("a");
  rig.asked();
  rig.answer(v1::REASON_BROKER_BUSY, 500);
  rig.wait(499);
  EXPECT_TRUE(rig.asked().empty());
  EXPECT_EQ(rig.engine.deadline(), rig.now + 1);
  rig.wait(1);
  EXPECT_EQ(rig.asked(), Words{"subscribe a"});
  rig.answer();
  EXPECT_EQ(rig.events.log, Words{"subscribed a"});
}

TEST(EngineTopics, ARefusedOneIsForgottenUnlessItHasHeld) {
  TopicRig rig;
  rig.hold("held");
  rig.subscribe("new");
  rig.asked();
  rig.answer(v1::REASON_NOT_AUTHORIZED);
  EXPECT_EQ(rig.events.log, Words{"subscribed new NOT_AUTHORIZED"});
  for (const uint64_t session : {8U, 9U}) {
    rig.cut();
    rig.reopen_with(lasting_frame(session));
    EXPECT_EQ(rig.asked(), Words{"subscribe held"});
    rig.answer(v1::REASON_NOT_AUTHORIZED);
    EXPECT_EQ(rig.events.log, Words{"subscribed held NOT_AUTHORIZED"});
  }
}

TEST(EngineTopics, ABrokerWithoutTopicsIsToldOfAtOnceButNotFromWithinTheCall) {
  Rig rig;
  rig.open();
  rig.events.log.clear();
  EXPECT_EQ(rig.engine.subscribe("a"), SendStatus::kAccepted);
  EXPECT_TRUE(rig.events.log.empty());
  EXPECT_EQ(rig.engine.deadline(), 0U);
  rig.wait(0);
  EXPECT_EQ(rig.events.log, Words{"subscribed a UNSUPPORTED"});
  EXPECT_TRUE(rig.written().empty());
  EXPECT_NE(rig.engine.deadline(), 0U);
}

TEST(EngineTopics, RefusesWhatIsNoFilterAndWhatComesTooLate) {
  TopicRig rig;
  for (const std::string_view filter : {"", "a/#/b", "a+", "$x", "a b"}) {
    EXPECT_EQ(rig.engine.subscribe(filter), SendStatus::kInvalid) << filter;
    EXPECT_EQ(rig.engine.unsubscribe(filter), SendStatus::kInvalid) << filter;
  }
  rig.engine.close();
  EXPECT_EQ(rig.engine.subscribe("a"), SendStatus::kClosed);
  EXPECT_EQ(rig.written(), Words{"goodbye"});
}

// The broker would end the connection for a filter that breaks its rules, and a client that thinks a good one wrong
// cannot subscribe to it.
TEST(EngineTopics, KnowsTheBrokersRules) {
  Random random(7);
  const std::string_view letters = "ab/+#$ *\x7f";
  for (int i = 0; i < 100'000; ++i) {
    std::string text;
    for (uint64_t size = random.below(6); size != 0; --size) text += letters[random.below(letters.size())];
    EXPECT_EQ(what_is_wrong_with_filter(text) == nullptr, !text.empty() && core::is_valid_filter(text)) << text;
    EXPECT_EQ(what_is_wrong_with_topic(text) == nullptr, core::is_valid_topic(text)) << text;
  }
  for (const size_t size : {255U, 256U}) {
    EXPECT_EQ(what_is_wrong_with_filter(std::string(size, 'a')) == nullptr, size == 255);
    EXPECT_EQ(what_is_wrong_with_filter(std::string(size - 2, 'a') + "/#") == nullptr, size == 255);
  }
}

TEST(EngineTopics, AMessageTellsItsTopicAndWhatWasMissed) {
  TopicRig rig;
  rig.events.log.clear();
  v1::Frame frame = delivery_frame(0);
  frame.mutable_message()->set_topic("news/de");
  rig.give(frame);
  frame.mutable_message()->set_skipped(300);
  rig.give(frame);
  EXPECT_EQ(rig.events.log, (Words{"message bob x in news/de", "message bob x in news/de after 300"}));
}

TEST(EngineTopics, ACopyOfAMessageKeepsTheTopic) {
  std::string topic = "news";
  Message message;
  message.topic = topic;
  message.payload = "x";
  const OwnedMessage copy(message);
  topic = "gone";
  EXPECT_EQ(copy->topic, "news");
}

constexpr SendOptions kToTopic{.destination = Destination::kTopic, .confirm = Confirm::kRefusals};

TEST(EngineTopics, SendsToATopic) {
  TopicRig rig;
  EXPECT_EQ(rig.engine.send("news", "one", kToTopic), SendStatus::kAccepted);
  EXPECT_EQ(rig.engine.send_encoded(ClientEngine::encode("news", "two", kToTopic)), SendStatus::kAccepted);
  EXPECT_EQ(rig.written(), (Words{"topic news:1=one", "topic news:2=two", "ping"}));
  rig.give(refusal_frame(1, 1, v1::REASON_NOBODY_THERE));
  rig.pong();
  EXPECT_EQ(rig.events.outcomes, (Words{"1 REJECTED NOBODY_THERE", "2 ADMITTED"}));
  EXPECT_EQ(rig.events.destinations, (Words{"news", "news"}));
}

TEST(EngineTopics, ATopicDoesNotWaitForAClientOfTheSameName) {
  TopicRig rig;
  rig.give(flow_frame("news", v1::STATE_PAUSE, 10'000));
  rig.send("news", "to the client");
  rig.engine.send("news", "to the topic", kToTopic);
  EXPECT_EQ(rig.written(), (Words{"topic news:1=to the topic", "ping"}));
  rig.give(flow_frame("news", v1::STATE_RESUME));
  EXPECT_EQ(rig.written(), Words{"news:2=to the client"});
}

TEST(EngineTopics, WhatWaitingCuresIsRepeatedInOrder) {
  TopicRig rig;
  rig.engine.send("news", "one", kToTopic);
  rig.written();
  rig.give(refusal_frame(1, 1, v1::REASON_RATE_LIMITED, 200));
  rig.engine.send("news", "two", kToTopic);
  rig.pong();
  EXPECT_EQ(rig.written(), Words{"ping"}) << "only what comes back behind it tells that nothing else was refused";
  rig.pong();
  rig.wait(200);
  EXPECT_EQ(rig.written(), (Words{"topic news:2=one", "ping"}));
  rig.pong();
  EXPECT_EQ(rig.written(), (Words{"topic news:3=two", "ping"}));
  rig.pong();
  EXPECT_EQ(rig.events.outcomes, (Words{"1 ADMITTED", "2 ADMITTED"}));
}

TEST(EngineTopics, SubscribersThatAreFullAreNotWaitedFor) {
  TopicRig rig;
  rig.engine.send("news", "x", {.destination = Destination::kTopic});
  rig.written();
  rig.give(refusal_frame(1, 1, v1::REASON_QUEUE_FULL, 200));
  EXPECT_EQ(rig.events.outcomes, Words{"1 REJECTED QUEUE_FULL"});
}

// What subscribers have missed is the end of a message, whatever the reason: some of them may have had it. Only what
// was refused before anybody was looked for is repeated.
TEST(EngineTopics, WhatSubscribersMissedIsNotRepeated) {
  for (const v1::Reason reason : {v1::REASON_BROKER_BUSY, v1::REASON_SHUTTING_DOWN, v1::REASON_QUEUE_FULL}) {
    for (const uint32_t missed : {0U, 2U}) {
      TopicRig rig;
      rig.engine.send("news", "x", {.destination = Destination::kTopic});
      rig.written();
      v1::Frame frame;
      frame.mutable_receipts()->set_seq(1);
      v1::Receipt& receipt = *frame.mutable_receipts()->add_items();
      receipt.set_first_id(1);
      receipt.set_last_id(1);
      receipt.set_outcome(v1::OUTCOME_REJECTED);
      receipt.set_reason(reason);
      receipt.set_missed(missed);
      rig.give(frame);
      const bool is_final = missed != 0 || reason == v1::REASON_QUEUE_FULL;
      EXPECT_EQ(rig.events.outcomes.size(), is_final ? 1U : 0U) << to_string(Reason(reason)) << missed;
    }
  }
}

TEST(EngineTopics, TellsHowManyWereReached) {
  TopicRig rig;
  rig.engine.send("news", "x", {.destination = Destination::kTopic});
  rig.written();
  v1::Frame frame;
  frame.mutable_receipts()->set_seq(1);
  v1::Receipt& receipt = *frame.mutable_receipts()->add_items();
  receipt.set_first_id(1);
  receipt.set_last_id(1);
  receipt.set_outcome(v1::OUTCOME_PARTIAL);
  receipt.set_reason(v1::REASON_QUEUE_FULL);
  receipt.set_reached(3);
  receipt.set_missed(1);
  rig.give(frame);
  EXPECT_EQ(rig.events.outcomes, Words{"1 PARTIAL QUEUE_FULL"});
  EXPECT_EQ(rig.events.results.back().reached, 3U);
  EXPECT_EQ(rig.events.results.back().missed, 1U);
}

// A message to a name that may still come goes alone at first.
TEST(EngineTopics, ATopicIsNotProven) {
  Rig rig({.names_may_come_ms = 10'000});
  rig.open();
  for (int i = 0; i < 2; ++i) rig.engine.send("news", "x", kToTopic);
  EXPECT_EQ(rig.written(), (Words{"topic news:1=x", "topic news:2=x", "ping"}));
  rig.give(refusal_frame(1, 1, v1::REASON_NOBODY_THERE));
  EXPECT_EQ(rig.events.outcomes, Words{"1 REJECTED NOBODY_THERE"});
}

}  // namespace
}  // namespace onehop::client
