// Stopping a broker: everybody is told, what was under way arrives, and the end does not wait for those who do not
// listen.
#include <gtest/gtest.h>

#include <atomic>
#include <deque>
#include <future>
#include <set>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "server_test/broker_rig.h"
#include "server_test/raw_client.h"

namespace onehop::test {
namespace {

TEST(Stop, TellsEveryClientWhenToComeBack) {
  for (const unsigned shards : {1u, 4u}) {
    BrokerRig broker(test_options(shards));
    std::deque<RawClient> clients;
    for (int i = 0; i < 40; ++i) clients.emplace_back(broker.address()).connect("client-" + std::to_string(i));
    std::future<Broker::Stopped> stopped = std::async(std::launch::async, [&] { return broker->stop(60'000); });
    std::set<uint32_t> retries;
    for (RawClient& client : clients) {
      const v1::Goodbye goodbye = client.read_announcement();
      EXPECT_EQ(v1::CODE_SERVER_SHUTTING_DOWN, goodbye.code());
      EXPECT_EQ("the broker is going down", goodbye.text());
      retries.insert(goodbye.retry_after_ms());
      client.say_goodbye();
      EXPECT_EQ(RawClient::End::kOrderly, client.end());
    }
    EXPECT_LE(*retries.rbegin(), 5'000u);
    EXPECT_GE(retries.size(), 10u) << "they would all come back together";
    clients.clear();
    EXPECT_EQ(Broker::Stopped::kAllEnded, stopped.get());
  }
}

TEST(Stop, TellsAConnectionThatHasNoNameYet) {
  BrokerRig broker;
  RawClient unnamed(broker.address());
  RawClient named(broker.address());
  named.connect("a");  // Accepted in order: the other one is there too.
  std::future<Broker::Stopped> stopped = std::async(std::launch::async, [&] { return broker->stop(60'000); });
  EXPECT_EQ(v1::CODE_SERVER_SHUTTING_DOWN, unnamed.read_goodbye().code());
  EXPECT_EQ(v1::CODE_SERVER_SHUTTING_DOWN, named.read_announcement().code());
  named.say_goodbye();
  unnamed.close();
  named.close();
  EXPECT_EQ(Broker::Stopped::kAllEnded, stopped.get());
}

TEST(Stop, WhatWasDecidedBeforeComesBeforeTheGoodbye) {
  BrokerRig broker;
  RawClient a(broker.address());
  RawClient b(broker.address());
  a.connect("a");
  b.connect("b");
  for (uint64_t id = 1; id <= 1'000; ++id) {
    a.send(message_frame(id % 2 == 0 ? "b" : "nobody", id, std::to_string(id)));
  }
  const std::vector<v1::Frame> told = a.read_to_pong();  // All are admitted or refused.
  EXPECT_EQ(500u, refused_ids(told, v1::REASON_UNKNOWN_CLIENT).size());
  std::future<Broker::Stopped> stopped = std::async(std::launch::async, [&] { return broker->stop(60'000); });
  std::vector<v1::Frame> frames;
  do {
    frames.push_back(b.read().value());
  } while (!frames.back().has_goodbye());
  EXPECT_EQ(501u, frames.size());
  EXPECT_EQ(500u, payloads(frames).size());
  EXPECT_EQ(v1::CODE_SERVER_SHUTTING_DOWN, frames.back().goodbye().code());
  EXPECT_EQ(v1::CODE_NORMAL, b.say_goodbye().back().goodbye().code());
  a.read_announcement();
  a.say_goodbye();
  a.close();
  b.close();
  EXPECT_EQ(Broker::Stopped::kAllEnded, stopped.get());
}

TEST(Stop, AfterwardsNobodyIsLetIn) {
  BrokerRig broker(test_options(2));
  const std::string address = broker.address();
  EXPECT_EQ(Broker::Stopped::kAllEnded, broker->stop(30'000));
  EXPECT_THROW(RawClient{address}, std::system_error);
  EXPECT_EQ(0u, broker->counters().connections);  // Of no further use, and no crash either.
  EXPECT_EQ(Broker::Stopped::kAllEnded, broker->stop(30'000));
  broker->stop_now();
}

TEST(Stop, APeerThatDoesNotCloseIsCutOffAtTheDeadline) {
  BrokerRig broker(test_options(2));
  RawClient a(broker.address());
  a.connect("a");
  EXPECT_EQ(Broker::Stopped::kCutOff, broker->stop(50));
  // It was told all the same.
  EXPECT_EQ(v1::CODE_SERVER_SHUTTING_DOWN, a.read_goodbye().code());
}

TEST(Stop, StopNowCutsTheWaitingShort) {
  BrokerRig broker(test_options(2));
  RawClient a(broker.address());
  a.connect("a");
  std::future<Broker::Stopped> stopped = std::async(std::launch::async, [&] { return broker->stop(3'600'000); });
  EXPECT_EQ(v1::CODE_SERVER_SHUTTING_DOWN, a.read_announcement().code());
  broker->stop_now();  // `a` never says goodbye.
  stopped.get();
}

TEST(Stop, WhileEverybodySendsToEverybody) {
  BrokerRig broker(test_options(4));
  std::vector<std::thread> senders;
  std::atomic<int> told{0};
  std::atomic<int> connected{0};
  for (int i = 0; i < 8; ++i) {
    senders.emplace_back([&, i] {
      RawClient client(broker.address());
      client.connect("client-" + std::to_string(i));
      ++connected;
      for (uint64_t id = 1; client.end() == RawClient::End::kNot; ++id) {
        client.send(message_frame("client-" + std::to_string(id % 8), id, "x"));
        client.gather();
      }
      const std::vector<v1::Frame> frames = client.read_to_end();
      if (!frames.empty() && frames.back().goodbye().code() == v1::CODE_SERVER_SHUTTING_DOWN) ++told;
    });
  }
  while (connected < 8) std::this_thread::yield();
  broker->stop(2'000);
  for (std::thread& sender : senders) sender.join();
  EXPECT_EQ(8, told);
}

}  // namespace
}  // namespace onehop::test
