// What an operator sees of a running broker, and does to it, over real sockets.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <deque>
#include <latch>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "server_test/broker_rig.h"
#include "server_test/raw_client.h"

namespace onehop::test {
namespace {

std::vector<std::string> names(const ClientPage& page) {
  std::vector<std::string> all;
  for (const ClientInfo& client : page.clients) all.push_back(client.name);
  return all;
}

uint64_t count_of(const BrokerCounters& counters, std::string_view outcome, std::string_view reason) {
  for (const OutcomeCount& counted : counters.outcomes) {
    if (to_string(counted.outcome) == outcome && name_of(counted.reason) == reason) return counted.count;
  }
  return 0;
}

uint64_t count_of_ends(const BrokerCounters& counters, std::string_view kind, std::string_view code) {
  for (const EndCount& counted : counters.ends) {
    if (to_string(counted.kind) == kind && name_of(counted.code) == code) return counted.count;
  }
  ADD_FAILURE() << "there is no count of " << kind << " " << code;
  return 0;
}

TEST(Inspection, CountsEndsByCodeAndHasCountedThemBefore) {
  BrokerRig broker(test_options(2));
  EXPECT_EQ(0u, count_of_ends(broker->counters(), "connect", "PROTOCOL_ERROR"));
  EXPECT_EQ(0u, count_of_ends(broker->counters(), "connection", "ADMINISTRATIVE"));
  EXPECT_EQ(0u, count_of_ends(broker->counters(), "session", ""));
  RawClient refused(broker.address());
  refused.send(connect_frame("no name"));
  EXPECT_EQ(v1::CODE_PROTOCOL_ERROR, refused.read_goodbye().code());
  RawClient alice(broker.address());
  alice.connect("alice");
  EXPECT_EQ(Broker::Kick::kEnded, broker->kick("alice", "enough"));
  EXPECT_EQ(v1::CODE_ADMINISTRATIVE, alice.read_goodbye().code());
  alice.close();
  RawClient(broker.address()).connect("bob");  // Gone without a goodbye.
  for (const std::string name : {"alice", "bob"}) {
    broker.wait_for([&](const SeenEvent& e) { return e.kind == BrokerEvent::Kind::kSessionEnded && e.name == name; });
  }
  const BrokerCounters counters = broker->counters();
  EXPECT_EQ(1u, count_of_ends(counters, "connect", "PROTOCOL_ERROR"));
  EXPECT_EQ(1u, count_of_ends(counters, "connection", "ADMINISTRATIVE"));
  EXPECT_EQ(1u, count_of_ends(counters, "session", "ADMINISTRATIVE"));
  EXPECT_EQ(1u, count_of_ends(counters, "session", ""));
}

TEST(Inspection, AKickCanKeepANameOutForATime) {
  BrokerRig broker(test_options(2));
  RawClient alice(broker.address());
  alice.connect("alice");
  EXPECT_EQ(Broker::Kick::kEnded, broker->kick("alice", "enough", 3'600'000));
  EXPECT_EQ(v1::CODE_ADMINISTRATIVE, alice.read_goodbye().code());
  RawClient again(broker.address());
  again.send(connect_frame("alice"));
  const v1::Goodbye goodbye = again.read_goodbye();
  EXPECT_EQ(v1::CODE_ADMINISTRATIVE, goodbye.code());
  EXPECT_EQ("an operator keeps this name out for a while", goodbye.text());
  EXPECT_GT(goodbye.retry_after_ms(), 0u);
  EXPECT_LE(goodbye.retry_after_ms(), 3'600'000u);
  EXPECT_EQ("bob", RawClient(broker.address()).connect("bob").name());
  // A kick without a time lets the name in again, although there is nobody to end.
  EXPECT_EQ(Broker::Kick::kNoSuchClient, broker->kick("alice", ""));
  EXPECT_EQ("alice", RawClient(broker.address()).connect("alice").name());
}

// An alert that asks how much a number has risen would miss the first event otherwise.
TEST(Inspection, OutcomesThatCanOccurAreThereBeforeTheyDo) {
  BrokerRig broker;
  const BrokerCounters counters = broker->counters();
  const auto is_there = [&](std::string_view outcome, std::string_view reason) {
    return std::any_of(counters.outcomes.begin(), counters.outcomes.end(), [&](const OutcomeCount& one) {
      return to_string(one.outcome) == outcome && name_of(one.reason) == reason && one.count == 0;
    });
  };
  EXPECT_TRUE(is_there("DELIVERED", ""));
  EXPECT_TRUE(is_there("EXPIRED", ""));
  EXPECT_TRUE(is_there("LOST", "CONNECTION_LOST"));
  EXPECT_TRUE(is_there("LOST", "SHUTTING_DOWN"));
  EXPECT_TRUE(is_there("REJECTED", "QUEUE_FULL"));
  EXPECT_TRUE(is_there("PARTIAL", ""));
  EXPECT_TRUE(is_there("REPLIED", ""));
  EXPECT_TRUE(is_there("RESPONDER_LOST", ""));
  EXPECT_FALSE(is_there("LOST", "QUEUE_FULL"));
}

TEST(Inspection, PagesThroughTheClientsOfAllShards) {
  BrokerRig broker(test_options(3));
  std::deque<RawClient> clients;
  for (int i = 10; i < 40; ++i) clients.emplace_back(broker.address()).connect("client-" + std::to_string(i));
  std::vector<std::string> all;
  for (size_t offset = 0; offset < 30; offset += 7) {
    const ClientPage page = broker->clients({"client-", ClientOrder::kName, offset, 7});
    EXPECT_EQ(30u, page.found);
    for (const std::string& name : names(page)) all.push_back(name);
  }
  EXPECT_EQ(30u, all.size());
  EXPECT_TRUE(std::is_sorted(all.begin(), all.end()));
  EXPECT_EQ(10u, broker->clients({"client-2", ClientOrder::kName, 0, 100}).found);
  EXPECT_TRUE(broker->clients({"", ClientOrder::kName, 30, 100}).clients.empty());
}

TEST(Inspection, TellsWhoAClientIsAndWhatItHolds) {
  BrokerRig broker(test_options(2));
  RawClient alice(broker.address());
  RawClient bob(broker.address());
  alice.connect("alice");
  const uint64_t session = bob.connect("bob").session();
  for (uint64_t id = 1; id <= 3; ++id) alice.send(confirmed_frame("bob", id));
  alice.read_to_pong();
  const ClientPage page = broker->clients({"bob", ClientOrder::kName, 0, 1});
  ASSERT_EQ(1u, page.clients.size());
  const ClientInfo& info = page.clients.front();
  EXPECT_EQ("bob", info.name);
  EXPECT_EQ(session, info.session);
  EXPECT_EQ(broker.home_of("bob"), info.shard);
  EXPECT_TRUE(info.connected);
  EXPECT_EQ(bob.local_address(), info.peer);
  EXPECT_EQ(3u, info.unacknowledged);
  EXPECT_EQ(3u, info.messages_received);
  EXPECT_EQ(3u, broker->clients({"alice", ClientOrder::kName, 0, 1}).clients.at(0).open_sent);
}

TEST(Inspection, CountsOutcomesByReason) {
  BrokerRig broker(test_options(2));
  RawClient alice(broker.address());
  RawClient bob(broker.address());
  alice.connect("alice");
  bob.connect("bob");
  alice.send(confirmed_frame("nobody", 1));
  alice.send(confirmed_frame("bob", 2));
  alice.send(confirmed_frame("bob", 3));
  bob.read_kind(v1::Frame::kMessage);
  v1::Frame ack;
  ack.mutable_ack()->set_up_to(1);
  bob.send(ack);
  bob.read_to_pong();
  bob.close();
  broker.wait_for([](const SeenEvent& e) { return e.kind == BrokerEvent::Kind::kSessionEnded && e.name == "bob"; });
  const BrokerCounters counters = broker->counters();
  EXPECT_EQ(1u, count_of(counters, "REJECTED", "UNKNOWN_CLIENT"));
  EXPECT_EQ(1u, count_of(counters, "DELIVERED", ""));
  EXPECT_EQ(1u, count_of(counters, "LOST", "CONNECTION_LOST"));
  EXPECT_EQ(2u, counters.shards.size());
  EXPECT_EQ(1u, counters.connections);
  EXPECT_EQ(1u, counters.shards[0].sessions + counters.shards[1].sessions);
}

TEST(Inspection, SamplesHowLongMessagesAreInTheBroker) {
  BrokerRig broker;
  RawClient alice(broker.address());
  alice.connect("alice");
  for (uint64_t id = 1; id <= 64; ++id) {
    alice.send(message_frame("alice", id, "x"));
    alice.read_to_pong(id);
  }
  const RouteLatency latency = broker->counters().route_latency;
  uint64_t samples = 0;
  for (const uint64_t count : latency.counts) samples += count;
  EXPECT_GE(samples, 2u);
  EXPECT_LE(samples, 64u);
}

TEST(Inspection, AKickedClientIsToldAndGone) {
  BrokerRig broker(test_options(2));
  RawClient alice(broker.address());
  alice.connect("alice");
  EXPECT_EQ(Broker::Kick::kNoSuchClient, broker->kick("nobody", ""));
  EXPECT_EQ(Broker::Kick::kEnded, broker->kick("alice", "maintenance"));
  const v1::Goodbye goodbye = alice.read_goodbye();
  EXPECT_EQ(v1::CODE_ADMINISTRATIVE, goodbye.code());
  EXPECT_EQ("maintenance", goodbye.text());
  EXPECT_EQ(0u, broker->clients({"alice", ClientOrder::kName, 0, 1}).found);
  const SeenEvent kicked = broker.wait_for([](const SeenEvent& e) { return e.kind == BrokerEvent::Kind::kKicked; });
  EXPECT_EQ("alice", kicked.name);
  EXPECT_EQ("maintenance", kicked.text);
  const auto ends = broker->recent_ends(10, "alice");
  ASSERT_EQ(1u, ends.size());
  EXPECT_EQ(EndHow::kSessionEnded, ends[0].how);
  EXPECT_EQ(Code::kAdministrative, ends[0].code);
  EXPECT_EQ("maintenance", ends[0].text);
  EXPECT_EQ(alice.local_address(), ends[0].peer);
}

TEST(Inspection, ABareConnectLeavesNoTrace) {
  BrokerRig broker;
  { const RawClient probe(broker.address()); }
  RawClient rude(broker.address());
  rude.reset();
  RawClient last(broker.address());
  last.connect("last");  // Accepted in order: the others have been seen, and their ends with them or before the next.
  last.read_to_pong();
  EXPECT_TRUE(broker->recent_ends(10, "").empty());
  for (const SeenEvent& event : broker.events()) EXPECT_EQ(BrokerEvent::Kind::kSessionOpened, event.kind);
}

TEST(Inspection, TracesTheWayOfAMessage) {
  BrokerRig broker(test_options(2));
  RawClient alice(broker.address());
  RawClient bob(broker.address());
  alice.connect("alice");
  bob.connect("bob", [](v1::Connect& connect) { connect.set_session_expiry_ms(60'000); });
  Trace trace = broker->trace("alice", "bob");
  EXPECT_TRUE(trace.would_arrive);
  EXPECT_EQ("nothing stands in the way", trace.why);
  ASSERT_TRUE(trace.from && trace.to);
  EXPECT_EQ(broker.home_of("alice"), trace.from_shard);
  EXPECT_EQ(broker.home_of("bob"), trace.to_shard);
  EXPECT_EQ(Reason::kUnknownClient, broker->trace("alice", "carol").reason);
  bob.close();
  broker.wait_for([](const SeenEvent& e) { return e.kind == BrokerEvent::Kind::kSessionDetached; });
  trace = broker->trace("nobody", "bob");
  EXPECT_TRUE(trace.would_arrive);
  EXPECT_FALSE(trace.from);
  EXPECT_FALSE(trace.to->connected);
  ASSERT_TRUE(trace.last_end);
  EXPECT_EQ(EndHow::kSessionDetached, trace.last_end->how);
  broker->drain(60'000);
  alice.read_announcement();
  trace = broker->trace("alice", "alice");
  EXPECT_FALSE(trace.would_arrive);
  EXPECT_EQ(Reason::kShuttingDown, trace.reason);
}

// A broker of two shards. From hang() to go_on() one of them does nothing: it is told that "blocker" has connected.
class HangingBroker {
 public:
  HangingBroker() {
    BrokerOptions options = test_options(2);
    options.on_event = [this](const BrokerEvent& e) {
      if (e.name == "blocker") release_.wait();
    };
    std::string error;
    broker_ = Broker::start(options, error);
    if (broker_ == nullptr) throw std::runtime_error(error);
  }

  RawClient hang() {
    RawClient blocker(broker_->addresses()[0]);
    blocker.send(connect_frame("blocker"));
    while (broker_->alive(100)) continue;
    return blocker;
  }
  void go_on() { release_.count_down(); }

  Broker* operator->() { return broker_.get(); }

 private:
  std::latch release_{1};
  std::unique_ptr<Broker> broker_;
};

// A sum that went back would look like a restart to who takes its rate; and what was given up is not done later.
TEST(Inspection, AShardThatDoesNotAnswerInTimeKeepsWhatItHasCountedAndDoesNothingLater) {
  HangingBroker broker;
  std::deque<RawClient> clients;
  for (int i = 0; i < 8; ++i) clients.emplace_back(broker->addresses()[0]).connect("client-" + std::to_string(i));
  EXPECT_EQ(8u, broker->counters().sessions_opened);
  RawClient blocker = broker.hang();
  const BrokerCounters counters = broker->counters();
  EXPECT_GE(counters.sessions_opened, 8u);
  EXPECT_EQ(2u, counters.shards.size());
  EXPECT_EQ(Broker::Kick::kNoAnswer, broker->kick("blocker", ""));
  broker.go_on();
  blocker.read_kind(v1::Frame::kConnected);
  while (!broker->alive(1'000)) continue;
  EXPECT_EQ(1u, broker->clients({"blocker", ClientOrder::kName, 0, 1}).found);
}

TEST(Inspection, AKickThatFoundNoAnswerKeepsNobodyOut) {
  HangingBroker broker;
  RawClient blocker = broker.hang();
  EXPECT_EQ(Broker::Kick::kNoAnswer, broker->kick("blocker", "", 3'600'000));
  broker.go_on();
  blocker.read_kind(v1::Frame::kConnected);
  blocker.say_goodbye();
  RawClient again(broker->addresses()[0]);
  EXPECT_EQ("blocker", again.connect("blocker").name());
}

// From several threads, while clients come and go, during the end, and after it.
TEST(Inspection, AnswersWheneverItIsAsked) {
  BrokerRig broker(test_options(4));
  std::deque<RawClient> clients;
  for (int i = 0; i < 20; ++i) clients.emplace_back(broker.address()).connect("client-" + std::to_string(i));
  std::atomic<bool> enough{false};
  std::vector<std::thread> askers;
  for (int i = 0; i < 3; ++i) {
    askers.emplace_back([&] {
      std::string why;
      while (!enough) {
        broker->clients({"", ClientOrder::kSendRate, 0, 10});
        broker->counters();
        broker->trace("client-1", "client-2");
        broker->alive(100);
        broker->ready(why);
        broker->recent_ends(5, "");
        broker->kick("client-3", "");
      }
    });
  }
  for (int i = 0; i < 200; ++i) clients.emplace_back(broker.address()).connect("more-" + std::to_string(i));
  clients.clear();
  EXPECT_EQ(Broker::Stopped::kAllEnded, broker->stop(60'000));
  EXPECT_FALSE(broker->alive(100));
  EXPECT_EQ(0u, broker->clients({"", ClientOrder::kName, 0, 10}).found);
  EXPECT_EQ(220u, broker->counters().sessions_opened);
  enough = true;
  for (std::thread& asker : askers) asker.join();
}

}  // namespace
}  // namespace onehop::test
