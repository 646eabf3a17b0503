// Services: who gets a message, what its sender hears, and where it goes when an instance goes.
#include <gtest/gtest.h>

#include "services.h"

namespace onehop::core::test {
namespace {

// The parameter is the home of alice, who sends.
class ServiceTest : public testing::TestWithParam<ShardIndex> {};

INSTANTIATE_TEST_SUITE_P(Services, ServiceTest, testing::Values(0, 1), [](const auto& home) {
  return home.param == 0 ? std::string("BobsShard") : std::string("CarolsShard");
});

TEST_P(ServiceTest, AMessageGoesToAnInstance) {
  Workshop shop(GetParam());
  Workshop::serve(shop.bob);
  shop.alice.send(job_frame("work", 1));
  const v1::Message job = Workshop::message_of(shop.bob);
  EXPECT_EQ(job.service(), "work");
  EXPECT_EQ(job.from(), shop.alice.connected().name());
  shop.bob.send(ack_up_to(job.delivery_tag()));
  EXPECT_EQ(outcomes(shop.alice.read()), (std::vector<Told>{{.id = 1}}));
}

TEST_P(ServiceTest, NobodyServes) {
  Workshop shop(GetParam());
  shop.alice.send(job_frame("work", 1));
  shop.alice.send(job_frame("a name with spaces", 2));
  shop.alice.send(job_frame("work", 3, v1::CONFIRM_REFUSALS));
  const std::vector<v1::Frame> frames = shop.alice.read();
  EXPECT_EQ(outcomes(frames), same_for(1, 2, v1::OUTCOME_REJECTED, v1::REASON_NOBODY_THERE, false));
  EXPECT_EQ(refused_ids(frames, v1::REASON_NOBODY_THERE).back(), 3u);
}

TEST_P(ServiceTest, WhoHasLessToDoGetsTheNextOne) {
  Workshop shop(GetParam());
  Workshop::serve(shop.bob);
  Workshop::serve(shop.carol);
  std::vector<uint64_t> bobs, carols;
  for (uint64_t id = 1; id <= 10; ++id) {
    shop.alice.send(job_frame("work", id));
    for (const v1::Frame& frame : frames_of(shop.carol.read(), v1::Frame::kMessage)) {
      carols.push_back(id);
      shop.carol.send(ack_up_to(frame.message().delivery_tag()));
    }
    if (!frames_of(shop.bob.read(), v1::Frame::kMessage).empty()) bobs.push_back(id);
  }
  EXPECT_LE(bobs.size(), 1u) << "bob never acknowledges";
  EXPECT_EQ(bobs.size() + carols.size(), 10u);
}

TEST_P(ServiceTest, ManyMessagesAreSpreadEvenly) {
  Workshop shop(GetParam());
  Workshop::serve(shop.bob);
  Workshop::serve(shop.carol);
  std::string bytes;
  for (uint64_t id = 1; id <= 100; ++id) bytes += wire(job_frame("work", id));
  shop.alice.send_bytes(bytes);
  const size_t bobs = frames_of(shop.bob.read(), v1::Frame::kMessage).size();
  const size_t carols = frames_of(shop.carol.read(), v1::Frame::kMessage).size();
  EXPECT_EQ(bobs + carols, 100u);
  EXPECT_NEAR(static_cast<double>(bobs), 50, 1);
}

TEST_P(ServiceTest, WhoDoesNotServeAnyMoreGetsNothing) {
  Workshop shop(GetParam());
  Workshop::serve(shop.bob);
  shop.alice.send(job_frame("work", 1));
  EXPECT_EQ(ids(shop.bob.read()), up_to(1));
  shop.bob.send(leave_frame("work", 3));
  EXPECT_EQ(answered(shop.bob.read()), std::vector<uint64_t>{3});
  shop.alice.send(job_frame("work", 2));
  EXPECT_EQ(outcomes(shop.alice.read()), same_for(2, 2, v1::OUTCOME_REJECTED, v1::REASON_NOBODY_THERE, false));
  shop.bob.send(ack_up_to(1));
  EXPECT_EQ(outcomes(shop.alice.read()), (std::vector<Told>{{.id = 1}})) << "what he has he may still acknowledge";
}

TEST_P(ServiceTest, FullInstancesPauseTheirSenders) {
  Limits limits;
  limits.queue_bytes_max = 64 << 10;
  Workshop shop(GetParam(), 2, limits);
  Workshop::serve(shop.bob);
  shop.bob.stop_reading();
  const std::string payload(10'000, 'x');
  std::vector<v1::Frame> heard;
  for (uint64_t id = 1; id <= 10; ++id) {
    shop.alice.send(job_frame("work", id, v1::CONFIRM_REFUSALS, payload));
    for (const v1::Frame& frame : shop.alice.read()) heard.push_back(frame);
  }
  const std::vector<v1::Frame> flows = frames_of(heard, v1::Frame::kFlow);
  ASSERT_EQ(flows.size(), 1u);
  EXPECT_EQ(flows[0].flow().service(), "work");
  EXPECT_EQ(flows[0].flow().state(), v1::STATE_PAUSE);
  EXPECT_NE(flows[0].flow().retry_after_ms(), 0u);
  EXPECT_FALSE(refused_ids(heard, v1::REASON_QUEUE_FULL).empty());
  shop.bob.take();
  const std::vector<v1::Frame> resumes = frames_of(shop.alice.read(), v1::Frame::kFlow);
  ASSERT_EQ(resumes.size(), 1u);
  EXPECT_EQ(resumes[0].flow().service(), "work");
  EXPECT_EQ(resumes[0].flow().state(), v1::STATE_RESUME);
  shop.alice.send(job_frame("work", 100, v1::CONFIRM_REFUSALS));
  EXPECT_TRUE(shop.alice.read().empty()) << "a service has no gate";
}

TEST_P(ServiceTest, FullInstancesAreLeftOutWhileOthersAreThere) {
  Limits limits;
  limits.queue_bytes_max = 64 << 10;
  Workshop shop(GetParam(), 2, limits);
  Workshop::serve(shop.bob);
  shop.bob.stop_reading();
  const std::string payload(10'000, 'x');
  for (uint64_t id = 1; id <= 6; ++id) shop.alice.send(job_frame("work", id, v1::CONFIRM_REFUSALS, payload));
  Workshop::serve(shop.carol);
  for (uint64_t id = 7; id <= 30; ++id) shop.alice.send(job_frame("work", id, v1::CONFIRM_REFUSALS));
  EXPECT_EQ(frames_of(shop.carol.read(), v1::Frame::kMessage).size(), 24u);
  EXPECT_TRUE(refused_ids(shop.alice.read(), v1::REASON_QUEUE_FULL).empty());
}

TEST_P(ServiceTest, WhoIsThereIsTakenBeforeWhoIsAway) {
  Limits limits;
  limits.queue_bytes_max = 64 << 10;
  Workshop shop(GetParam(), 2, limits);
  Workshop::serve(shop.bob);
  shop.bob.stop_reading();
  for (uint64_t id = 1; id <= 6; ++id)
    shop.alice.send(job_frame("work", id, v1::CONFIRM_REFUSALS, std::string(10'000, 'x')));
  Workshop::serve(shop.carol);
  shop.carol.reset();
  for (uint64_t id = 7; id <= 20; ++id) shop.alice.send(job_frame("work", id));
  const std::vector<v1::Frame> flows = frames_of(shop.alice.read(), v1::Frame::kFlow);
  ASSERT_FALSE(flows.empty());
  EXPECT_EQ(flows.back().flow().state(), v1::STATE_PAUSE) << "all that are connected are full";
  FakeClient back(shop.broker);
  EXPECT_TRUE(ids(back.connect(resume_of(shop.carol))).empty());
}

TEST_P(ServiceTest, UnconfirmedMessagesOneByOneAreSpread) {
  Workshop shop(GetParam());
  Workshop::serve(shop.bob);
  Workshop::serve(shop.carol);
  for (uint64_t id = 1; id <= 100; ++id) {
    shop.alice.send(job_frame("work", id, v1::CONFIRM_REFUSALS));
    shop.broker.advance(20);
  }
  EXPECT_GT(ids(shop.bob.read()).size(), 20u);
  EXPECT_GT(ids(shop.carol.read()).size(), 20u);
}

TEST_P(ServiceTest, AnInstanceThatComesBackGoesOn) {
  Workshop shop(GetParam());
  Workshop::serve(shop.bob);
  shop.bob.reset();
  shop.alice.send(job_frame("work", 1));
  FakeClient again(shop.broker);
  EXPECT_EQ(ids(again.connect(resume_of(shop.bob))), up_to(1));
  shop.alice.send(job_frame("work", 2));
  EXPECT_EQ(ids(again.read()), std::vector<uint64_t>{2});
}

TEST_P(ServiceTest, WhatBreaksTheRules) {
  Workshop shop(GetParam());
  for (const std::string& service : {std::string(), std::string("a b"), std::string(256, 'x'), std::string("a/#")}) {
    FakeClient client(shop.broker, serving_frame(shop.broker.name_on(0, "bad"), 0));
    client.send(serve_frame(service));
    EXPECT_EQ(client.read_one().goodbye().code(), v1::CODE_PROTOCOL_ERROR) << service;
  }
  v1::Frame resume;
  resume.mutable_flow()->set_service("work");
  resume.mutable_flow()->set_state(v1::STATE_RESUME);
  shop.alice.send(resume);
  EXPECT_EQ(shop.alice.read_one().goodbye().code(), v1::CODE_PROTOCOL_ERROR);
}

TEST_P(ServiceTest, TopicsAndServicesOfASessionAreBoundedTogether) {
  Workshop shop(GetParam());
  std::string bytes;
  for (uint64_t i = 0; i < kSubscriptionsMax; ++i) {
    const std::string name = "name" + std::to_string(i);
    bytes += wire(i % 2 == 0 ? serve_frame(name, i) : subscribe_frame(name, i));
  }
  shop.bob.send_bytes(bytes);
  EXPECT_EQ(answered(shop.bob.read()).size(), kSubscriptionsMax);
  shop.bob.send_bytes(wire(serve_frame("another", 1)) + wire(subscribe_frame("another", 2)) +
                      wire(serve_frame("name0", 3)));
  const std::vector<v1::Frame> frames = shop.bob.read();
  EXPECT_EQ(answered(frames, v1::REASON_BROKER_BUSY), (std::vector<uint64_t>{1, 2}));
  EXPECT_EQ(answered(frames), std::vector<uint64_t>{3}) << "it has that one already";
}

TEST(Services, OnFourShardsAllInstancesGetTheirShare) {
  FakeBroker broker(4);
  FakeClient alice(broker, serving_frame(broker.name_on(3, "alice")));
  std::vector<FakeClient> instances;
  for (ShardIndex shard = 0; shard < 4; ++shard) {
    for (int i = 0; i < 5; ++i) {
      instances.emplace_back(broker, serving_frame(broker.name_on(shard, "i" + std::to_string(i))));
      Workshop::serve(instances.back());
    }
  }
  std::string bytes;
  for (uint64_t id = 1; id <= 2'000; ++id) bytes += wire(job_frame("work", id));
  alice.send_bytes(bytes);
  size_t all = 0;
  for (FakeClient& instance : instances) {
    const size_t count = frames_of(instance.read(), v1::Frame::kMessage).size();
    EXPECT_NEAR(static_cast<double>(count), 100, 10);
    all += count;
  }
  EXPECT_EQ(all, 2'000u);
}

}  // namespace
}  // namespace onehop::core::test
