// Requests: the one outcome of a message that wants a reply, whatever happens to its responder.
#include <gtest/gtest.h>

#include "services.h"

namespace onehop::core::test {
namespace {

v1::Frame request_frame(const std::string& client, uint64_t id, uint32_t ttl_ms = 0) {
  return wanting_reply(confirmed_frame(client, id), ttl_ms);
}

// The parameter is the home of alice, who asks bob.
class RequestTest : public testing::TestWithParam<ShardIndex> {
 protected:
  RequestTest() : shop(GetParam()), bob(shop.bob.connected().name()) {}
  // Bob has it.
  v1::Message ask(uint64_t id, uint32_t ttl_ms = 0) {
    shop.alice.send(request_frame(bob, id, ttl_ms));
    return Workshop::message_of(shop.bob);
  }
  void acknowledge(const v1::Message& request) {
    shop.bob.send(ack_taken(request.delivery_tag(), request.delivery_tag()));
  }

  Workshop shop;
  std::string bob;
};

INSTANTIATE_TEST_SUITE_P(Requests, RequestTest, testing::Values(0, 1), [](const auto& home) {
  return home.param == 0 ? std::string("BobsShard") : std::string("AnotherShard");
});

const std::vector<Told> kReplied{{.id = 1, .outcome = v1::OUTCOME_REPLIED}};

TEST_P(RequestTest, TheReplyIsTheOutcome) {
  const v1::Message request = ask(1);
  EXPECT_TRUE(request.wants_reply());
  acknowledge(request);
  EXPECT_TRUE(shop.alice.read().empty()) << "the ack is not the outcome";
  shop.bob.send(reply_frame(request, 1));
  const std::vector<v1::Frame> frames = shop.alice.read();
  EXPECT_EQ(payloads(frames), std::vector<std::string>{"reply"});
  EXPECT_EQ(outcomes(frames), kReplied);
  shop.bob.send(reply_frame(request, 2));
  EXPECT_TRUE(outcomes(shop.alice.read()).empty()) << "it has its one outcome";
}

TEST_P(RequestTest, TheReplyMayComeBeforeTheAck) {
  const v1::Message request = ask(1);
  shop.bob.send(reply_frame(request, 1, v1::CONFIRM_DELIVERED));
  const std::vector<v1::Frame> frames = shop.alice.read();
  EXPECT_EQ(outcomes(frames), kReplied);
  acknowledge(request);
  shop.alice.send(ack_up_to(tags(frames).at(0)));
  EXPECT_EQ(outcomes(shop.bob.read()), (std::vector<Told>{{.id = 1}})) << "the reply's own outcome";
  EXPECT_TRUE(outcomes(shop.alice.read()).empty());
  EXPECT_EQ(shop.sum(&Counters::open_bytes), 0u);
}

TEST_P(RequestTest, TheAckFreesTheWindow) {
  v1::Frame narrow = serving_frame(shop.broker.name_on(0, "narrow"));
  narrow.mutable_connect()->set_receive_window(1);
  FakeClient dave(shop.broker, narrow);
  shop.alice.send(request_frame(dave.connected().name(), 1));
  shop.alice.send(request_frame(dave.connected().name(), 2));
  EXPECT_EQ(ids(dave.read()), std::vector<uint64_t>{1});
  dave.send(ack_up_to(1));
  EXPECT_EQ(ids(dave.read()), std::vector<uint64_t>{2});
}

TEST_P(RequestTest, ItIsLostBeforeTheAckAndItsResponderBehindIt) {
  ask(1);
  acknowledge(ask(2));
  shop.bob.send(goodbye_frame(v1::CODE_NORMAL));
  std::vector<Told> told = outcomes(shop.alice.read());
  std::sort(told.begin(), told.end(), [](const Told& a, const Told& b) { return a.id < b.id; });
  EXPECT_EQ(told, (std::vector<Told>{{1, v1::OUTCOME_LOST, v1::REASON_CONNECTION_LOST, true},
                                     {2, v1::OUTCOME_RESPONDER_LOST, v1::REASON_CONNECTION_LOST, true}}));
}

TEST_P(RequestTest, AResponderThatIsAwayMayComeBackAndReply) {
  const v1::Message request = ask(1);
  acknowledge(request);
  shop.bob.reset();
  shop.broker.advance(10'000);
  EXPECT_TRUE(outcomes(shop.alice.read()).empty());
  FakeClient back(shop.broker);
  v1::Frame resume = resume_frame(shop.bob.connected(), 1, request.delivery_tag());
  EXPECT_TRUE(back.connect(resume).empty());
  back.send(reply_frame(request, 1));
  EXPECT_EQ(outcomes(shop.alice.read()), kReplied);
}

TEST_P(RequestTest, ItExpires) {
  acknowledge(ask(1, 2'000));
  ask(2, 3'000);
  shop.broker.advance(1'999);
  EXPECT_TRUE(outcomes(shop.alice.read()).empty());
  shop.broker.advance(1);
  EXPECT_EQ(outcomes(shop.alice.read()), same_for(1, 1, v1::OUTCOME_EXPIRED)) << "the ttl covers the reply";
  shop.broker.advance(1'100);
  EXPECT_EQ(outcomes(shop.alice.read()), same_for(2, 2, v1::OUTCOME_EXPIRED));
}

TEST_P(RequestTest, ALateReplyIsAnOrdinaryMessage) {
  const v1::Message request = ask(1, 1'000);
  acknowledge(request);
  shop.broker.advance(1'000);
  EXPECT_EQ(outcomes(shop.alice.read()).size(), 1u);
  shop.bob.send(reply_frame(request, 1));
  const std::vector<v1::Frame> frames = shop.alice.read();
  EXPECT_EQ(payloads(frames).size(), 1u);
  EXPECT_TRUE(outcomes(frames).empty());
}

TEST_P(RequestTest, OnlyItsResponderReplies) {
  const v1::Message request = ask(1);
  shop.carol.send(reply_frame(request, 1));
  const std::vector<v1::Frame> frames = shop.alice.read();
  EXPECT_EQ(payloads(frames).size(), 1u);
  EXPECT_TRUE(outcomes(frames).empty());
  v1::Message other = request;
  other.set_id(77);
  shop.bob.send(reply_frame(other, 1));
  EXPECT_TRUE(outcomes(shop.alice.read()).empty());
  shop.bob.send(reply_frame(request, 2));
  EXPECT_EQ(outcomes(shop.alice.read()), kReplied);
}

TEST_P(RequestTest, ARefusedReplyLeavesItOpen) {
  const v1::Message request = ask(1);
  v1::Frame too_large = reply_frame(request, 1);
  v1::Message elsewhere = request;
  elsewhere.set_from(shop.carol.connected().name());
  shop.bob.send(reply_frame(elsewhere, 1));
  EXPECT_EQ(refused_ids(shop.bob.read(), v1::REASON_STALE_SESSION), std::vector<uint64_t>{1});
  shop.bob.send(reply_frame(request, 2));
  EXPECT_EQ(outcomes(shop.alice.read()), kReplied);
}

TEST_P(RequestTest, TheResponderRefuses) {
  const v1::Message request = ask(1);
  shop.bob.send(ack_refused(request.delivery_tag(), "no", 5));
  EXPECT_EQ(outcomes(shop.alice.read()), same_for(1, 1, v1::OUTCOME_REJECTED, v1::REASON_REFUSED_BY_RECIPIENT));
  shop.bob.send(reply_frame(request, 1));
  EXPECT_TRUE(outcomes(shop.alice.read()).empty());
}

TEST_P(RequestTest, NobodyIsThere) {
  shop.alice.send(request_frame("nobody", 1));
  shop.alice.send(wanting_reply(job_frame("nothing", 2)));
  EXPECT_EQ(outcomes(shop.alice.read()),
            (std::vector<Told>{{1, v1::OUTCOME_REJECTED, v1::REASON_UNKNOWN_CLIENT, false},
                               {2, v1::OUTCOME_REJECTED, v1::REASON_NOBODY_THERE, false}}));
}

TEST_P(RequestTest, TheHighestIdIsAnIdLikeOthers) {
  acknowledge(ask(uint64_t{1} << 62));
  shop.alice.send(request_frame("nobody", UINT64_MAX));
  const std::vector<v1::Frame> frames = frames_of(shop.alice.read(), v1::Frame::kReceipts);
  ASSERT_EQ(frames.size(), 1u);
  ASSERT_EQ(frames[0].receipts().items_size(), 1);
  EXPECT_EQ(frames[0].receipts().items(0).first_id(), UINT64_MAX);
  EXPECT_EQ(frames[0].receipts().items(0).reason(), v1::REASON_UNKNOWN_CLIENT);
}

TEST_P(RequestTest, AResponderThatIsAwayDoesNotMakePlaceForANewcomer) {
  Limits limits;
  limits.sessions_max = 3;
  Workshop small(0, 1, limits);
  small.alice.send(request_frame(small.bob.connected().name(), 1));
  small.bob.send(ack_up_to(1));
  small.bob.reset();
  FakeClient newcomer(small.broker);
  newcomer.send(serving_frame("newcomer"));
  EXPECT_EQ(newcomer.read_one().goodbye().code(), v1::CODE_SERVER_BUSY);
  EXPECT_TRUE(outcomes(small.alice.read()).empty());
}

TEST_P(RequestTest, WhatIsNotServed) {
  shop.alice.send(wanting_reply(message_frame(bob, 1, "unconfirmed")));
  v1::Frame to_topic = wanting_reply(publish_frame("a/topic", 2));
  to_topic.mutable_message()->set_confirm(v1::CONFIRM_DELIVERED);
  shop.alice.send(to_topic);
  const std::vector<v1::Frame> frames = shop.alice.read();
  EXPECT_EQ(refused_ids(frames, v1::REASON_UNSUPPORTED).size(), 2u);
  EXPECT_TRUE(shop.bob.read().empty());
}

TEST_P(RequestTest, WithoutTheFeatureTheFieldIsCarried) {
  FakeClient plain(shop.broker, lasting_frame(shop.broker.name_on(GetParam(), "plain")));
  plain.send(request_frame(bob, 1));
  const v1::Message request = Workshop::message_of(shop.bob);
  EXPECT_TRUE(request.wants_reply());
  acknowledge(request);
  EXPECT_EQ(outcomes(plain.read()), (std::vector<Told>{{.id = 1}}));
}

TEST_P(RequestTest, ItCountsInTheSendWindowUntilItsOutcome) {
  Limits limits;
  limits.send_window = 2;
  Workshop small(GetParam(), 2, limits);
  const std::string name = small.bob.connected().name();
  small.alice.send(request_frame(name, 1));
  small.alice.send(request_frame(name, 2));
  small.bob.send(ack_up_to(2));
  small.alice.read();
  small.alice.send(request_frame(name, 3));
  EXPECT_EQ(small.alice.read_one().goodbye().code(), v1::CODE_QUOTA_EXCEEDED);
}

TEST_P(RequestTest, TheRequesterHasGone) {
  const v1::Message request = ask(1);
  acknowledge(request);
  shop.alice.send(goodbye_frame(v1::CODE_NORMAL));
  FakeClient other(shop.broker, serving_frame(request.from()));
  shop.bob.send(reply_frame(request, 1));
  EXPECT_EQ(refused_ids(shop.bob.read(), v1::REASON_STALE_SESSION), std::vector<uint64_t>{1});
  other.send(request_frame(bob, 1));
  shop.bob.send(goodbye_frame(v1::CODE_NORMAL));
  EXPECT_EQ(outcomes(other.read()), same_for(1, 1, v1::OUTCOME_LOST, v1::REASON_CONNECTION_LOST))
      << "and nothing of the session before";
}

TEST_P(RequestTest, ADrainingBrokerStillTakesTheReply) {
  const v1::Message request = ask(1);
  const v1::Message second = ask(2);
  acknowledge(request);
  for (ShardIndex shard = 0; shard < 2; ++shard) shop.broker.shard(shard).drain({.grace_ms = 5'000}, shop.broker.now);
  shop.broker.settle();
  shop.bob.send(message_frame(request.from(), 5, "not a reply"));
  EXPECT_EQ(refused_ids(shop.bob.read(), v1::REASON_SHUTTING_DOWN), std::vector<uint64_t>{5});
  shop.bob.send(reply_frame(request, 6));
  shop.bob.send(reply_frame(second, 7));
  const std::vector<v1::Frame> frames = shop.alice.read();
  EXPECT_EQ(payloads(frames).size(), 2u);
  EXPECT_EQ(outcomes(frames), same_for(1, 2, v1::OUTCOME_REPLIED));
}

TEST_P(RequestTest, AStoppingBrokerTellsThatThereWillBeNoReply) {
  acknowledge(ask(1));
  ask(2);
  shop.broker.stop();
  std::vector<Told> told = outcomes(shop.alice.read());
  std::sort(told.begin(), told.end(), [](const Told& a, const Told& b) { return a.id < b.id; });
  EXPECT_EQ(told, (std::vector<Told>{{1, v1::OUTCOME_RESPONDER_LOST, v1::REASON_SHUTTING_DOWN, true},
                                     {2, v1::OUTCOME_LOST, v1::REASON_SHUTTING_DOWN, true}}));
}

TEST_P(RequestTest, ToAServiceItMovesUntilItIsAcknowledged) {
  Workshop::serve(shop.bob);
  shop.alice.send(wanting_reply(retried(job_frame("work", 1))));
  shop.alice.send(wanting_reply(retried(job_frame("work", 2))));
  shop.alice.send(wanting_reply(retried(job_frame("work", 3))));
  const std::vector<v1::Frame> jobs = frames_of(shop.bob.read(), v1::Frame::kMessage);
  ASSERT_EQ(jobs.size(), 3u);
  shop.bob.send(ack_taken(1, 1));
  shop.bob.send(reply_frame(jobs[2].message(), 1));
  EXPECT_EQ(outcomes(shop.alice.read()), same_for(3, 3, v1::OUTCOME_REPLIED));
  Workshop::serve(shop.carol);
  shop.bob.send(goodbye_frame(v1::CODE_NORMAL));
  EXPECT_EQ(outcomes(shop.alice.read()), same_for(1, 1, v1::OUTCOME_RESPONDER_LOST, v1::REASON_CONNECTION_LOST));
  const v1::Message moved = Workshop::message_of(shop.carol);
  EXPECT_EQ(moved.id(), 2u) << "neither what was acknowledged, nor what was replied to";
  EXPECT_TRUE(moved.redelivered());
  shop.carol.send(reply_frame(moved, 1));
  EXPECT_EQ(outcomes(shop.alice.read()), same_for(2, 2, v1::OUTCOME_REPLIED));
}

}  // namespace
}  // namespace onehop::core::test
