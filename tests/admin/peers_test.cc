// Slow, broken and many peers, and a broker that hangs: nobody else waits long for them.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <list>
#include <memory>
#include <string>
#include <thread>

#include "admin/port.h"
#include "http_client.h"

namespace onehop::test {
namespace {

// A broker that takes its time.
class SlowBroker final : public Broker {
 public:
  std::vector<std::string> addresses() const override { return {}; }
  unsigned shards() const override { return 1; }
  BrokerCounters counters() override {
    ++asked_;
    std::this_thread::sleep_for(takes_);
    return {};
  }
  std::unique_ptr<LocalClient> attach(const LocalClientOptions&, LocalClientEvents&, std::string&) override {
    return nullptr;
  }
  unsigned home_of(std::string_view) override { return 0; }
  bool reload(const BrokerOptions&, std::string&) override { return true; }
  void policy_changed() override {}
  void drain(uint32_t) override {}
  bool undrain() override { return true; }
  DrainPhase drain_phase() override { return DrainPhase::kNone; }
  Stopped stop(uint32_t) override { return Stopped::kAllEnded; }
  bool stop_then(uint32_t, std::function<void(Stopped)>) override { return false; }
  void stop_now() override {}
  Readiness readiness(std::string&) override { return Readiness::kReady; }
  bool alive(uint32_t) override {
    ++asked_alive_;
    return alive_;
  }
  ClientPage clients(const ClientQuery& query) override {
    // As large as a page of a thousand.
    ClientPage page;
    page.clients.resize(query.limit);
    for (ClientInfo& client : page.clients) client.name = std::string(128, 'n');
    return page;
  }
  std::vector<RecentEnd> recent_ends(size_t, std::string_view) override { return {}; }
  Trace trace(std::string_view, std::string_view) override { return {}; }
  Kick kick(std::string_view, std::string_view, uint32_t) override { return Kick::kNoAnswer; }

  std::chrono::milliseconds takes_{0};
  std::atomic<int> asked_{0};
  std::atomic<int> asked_alive_{0};
  std::atomic<bool> alive_{true};
};

const std::string kLive = "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n";

class AdminPeers : public testing::Test {
 protected:
  AdminPeers() {
    admin::Options options;
    options.listen = "tcp://127.0.0.1:0";
    std::string error;
    port_ = admin::Port::start(options, broker_, {}, error);
    if (port_ == nullptr) throw std::runtime_error(error);
  }

  unsigned live() { return ask_once(port_->address(), "GET /livez").status; }

  SlowBroker broker_;
  std::unique_ptr<admin::Port> port_;
};

TEST_F(AdminPeers, PipelinedRequestsAreAnsweredInOrder) {
  HttpClient client(port_->address());
  std::string all;
  for (int i = 0; i < 100; ++i) all += "GET /" + std::string(i % 2 == 0 ? "readyz" : "none") + kLive.substr(10);
  client.send(all);
  for (int i = 0; i < 100; ++i) ASSERT_EQ(client.read_answer().status, i % 2 == 0 ? 200u : 404u) << i;
  EXPECT_EQ(client.ask("GET /livez").status, 200u);
}

const std::string kHalf = "GET /livez HTTP/1.1\r\nX: ";

TEST_F(AdminPeers, AHundredAtOnce) {
  std::list<HttpClient> clients;
  for (int i = 0; i < 100; ++i) clients.emplace_back(port_->address()).send("GET /livez HTTP/1.1\r\n");
  int made_room = 0, answered = 0;
  // Those that were there first make room for those that came later.
  const auto kept = std::next(clients.begin(), 36);
  for (auto client = clients.begin(); client != kept; ++client) {
    made_room += client->read_answer().status == 503;
    client->wait_for_end();
  }
  for (auto client = kept; client != clients.end(); ++client) {
    client->send("Host: localhost\r\nConnection: close\r\n\r\n");
    answered += client->read_answer().status == 200;
    client->wait_for_end();
  }
  EXPECT_EQ(made_room, 36);
  EXPECT_EQ(answered, 64);
  EXPECT_EQ(live(), 200u);
}

// Some say half a request, some nothing at all; whoever is ended comes back.
TEST_F(AdminPeers, WhoNeverFinishesLocksNobodyOut) {
  std::list<HttpClient> slow;
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 64; ++i) {
      HttpClient& client = slow.emplace_back(port_->address());
      if (i % 2 == 0) client.send(kHalf);
    }
    EXPECT_EQ(live(), 200u);
    EXPECT_EQ(ask_once(port_->address(), "GET /readyz").status, 200u);
    EXPECT_EQ(ask_once(port_->address(), "GET /api/v1/clients?limit=1").status, 200u);
    EXPECT_EQ(ask_once(port_->address(), "GET /metrics").status, 200u);
    // They dribble on, and a request that is begun still ends.
    HttpClient honest(port_->address());
    honest.send(kHalf);
    for (HttpClient& client : slow) client.send("x");
    honest.send("x\r\nHost: localhost\r\n\r\n");
    EXPECT_EQ(honest.read_answer().status, 200u);
  }
}

// Answers that nobody reads hold every place: a probe has one of its own, and an operator gets one a second later.
TEST_F(AdminPeers, WhoReadsNoAnswerLocksNoProbeOut) {
  std::string requests;
  for (int i = 0; i < 100; ++i) requests += "GET /api/v1/clients?limit=1000 HTTP/1.1\r\nHost: localhost\r\n\r\n";
  std::list<HttpClient> greedy;
  for (int i = 0; i < 64; ++i) greedy.emplace_back(port_->address()).send(requests);
  EXPECT_EQ(live(), 200u);
  unsigned status = 0;
  while (status != 200) {
    status = ask_once(port_->address(), "GET /api/v1/clients?limit=1").status;
    ASSERT_TRUE(status == 200 || status == 503) << status;
    ASSERT_EQ(live(), 200u);
  }
}

TEST_F(AdminPeers, RestingConnectionsMakeRoom) {
  std::list<HttpClient> clients;
  for (int i = 0; i < 64; ++i) {
    ASSERT_EQ(clients.emplace_back(port_->address()).ask("GET /livez").status, 200u);
  }
  // They must have rested a second. Until then nobody but probes is let in beside them.
  unsigned status = 0;
  while (status != 200) {
    status = ask_once(port_->address(), "GET /metrics").status;
    ASSERT_TRUE(status == 200 || status == 503) << status;
    ASSERT_EQ(live(), 200u);
  }
  clients.front().wait_for_end();
  EXPECT_EQ(clients.back().ask("GET /livez").status, 200u);
}

// One that makes room makes it for one.
TEST_F(AdminPeers, NoMoreThanTheBoundAreLetInWhileOthersMakeRoom) {
  std::list<HttpClient> resting, coming;
  for (int i = 0; i < 64; ++i) {
    ASSERT_EQ(resting.emplace_back(port_->address()).ask("GET /livez").status, 200u);
  }
  // Each of them must have rested a second.
  const auto rested = std::chrono::steady_clock::now() + std::chrono::milliseconds(1'100);
  while (std::chrono::steady_clock::now() < rested) std::this_thread::yield();
  for (int i = 0; i < 200; ++i) coming.emplace_back(port_->address()).send("GET /livez HTTP/1.1\r\n");
  // The rest has made room for the first of them, and these for the last.
  const auto kept = std::next(coming.begin(), 136);
  for (auto client = coming.begin(); client != kept; ++client) EXPECT_EQ(client->read_answer().status, 503u);
  for (auto client = kept; client != coming.end(); ++client) {
    client->send("Host: localhost\r\nConnection: close\r\n\r\n");
    EXPECT_EQ(client->read_answer().status, 200u);
  }
}

TEST_F(AdminPeers, WhoDribblesIsEndedAndWhoFloodsHarmsNobody) {
  HttpClient dribbler(port_->address()), greedy(port_->address());
  // Asks for far more than the sockets hold, and reads nothing.
  std::string requests;
  for (int i = 0; i < 100; ++i) {
    requests += "GET /api/v1/clients?limit=1000 HTTP/1.1\r\nHost: localhost\r\n\r\n";
  }
  greedy.send(requests);
  // In between it gets its answers one by one, and is stuck before the other begins: so its time is up first.
  for (int i = 0; i < 200; ++i) ASSERT_EQ(live(), 200u);
  dribbler.send("GET /livez HTTP/1.1\r\nX: ");
  while (dribbler.send("x")) {
    EXPECT_EQ(live(), 200u);
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  // The port has given up on it: what the sockets hold comes, and then the end.
  int answers = 0;
  while (greedy.read_answer().status == 200) ++answers;
  EXPECT_LT(answers, 100);
  EXPECT_EQ(live(), 200u);
}

TEST_F(AdminPeers, AliveIsAskedOnceASecond) {
  HttpClient client(port_->address());
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < 200; ++i) ASSERT_EQ(client.ask("GET /livez").status, 200u);
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now() - begin);
  EXPECT_LE(broker_.asked_alive_, 1 + seconds.count() + 1);
  broker_.alive_ = false;
  HttpAnswer answer;
  while (answer.status != 503) answer = client.ask("GET /livez");
  EXPECT_NE(answer.body.find("a shard"), std::string::npos);
}

TEST_F(AdminPeers, AHungBrokerIsNotAskedByAllInTurn) {
  broker_.takes_ = std::chrono::milliseconds(1'000);
  HttpClient client(port_->address());
  std::string all;
  for (int i = 0; i < 10; ++i) all += "GET /metrics" + kLive.substr(10);
  client.send(all + kLive);
  EXPECT_EQ(client.read_answer().status, 200u);
  int refused = 0;
  for (int i = 1; i < 10; ++i) refused += client.read_answer().status == 503;
  EXPECT_EQ(refused + broker_.asked_, 10);
  EXPECT_LT(broker_.asked_, 5);
  EXPECT_EQ(client.read_answer().status, 200u) << "the probe";
}

TEST_F(AdminPeers, EndsWithConnectionsInEveryState) {
  HttpClient resting(port_->address()), half(port_->address()), greedy(port_->address());
  resting.ask("GET /livez");
  half.send("GET /livez HT");
  for (int i = 0; i < 20; ++i) {
    greedy.send("GET /api/v1/clients?limit=1000 HTTP/1.1\r\nHost: localhost\r\n\r\n");
  }
  live();
  port_.reset();
  resting.wait_for_end();
  half.wait_for_end();
  greedy.wait_for_end();
}

}  // namespace
}  // namespace onehop::test
