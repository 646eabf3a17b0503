// A broker is replaced while hundreds of thousands of messages go from one client to another, and the sender is back
// before the recipient.
#include <gtest/gtest.h>

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "broker_process.h"
#include "onehop/client.h"
#include "started.h"

namespace onehop::client {
namespace {

constexpr int kManyMessages = 300'000;

class LateRecipient : public testing::Test {
 protected:
  // What handlers do on their threads, under the lock that wait_until() checks its condition under.
  template <typename Change>
  void note(Change change) {
    {
      const std::lock_guard lock(mutex_);
      change();
    }
    changed_.notify_all();
  }
  template <typename Condition>
  void wait_until(Condition holds) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, holds);
  }

  // Leaves for good when the broker does.
  std::unique_ptr<Client> make_bob(const std::string& server) {
    return started(server, ClientOptions{.name = "bob", .reconnect = false},
                   Client::Handlers{.on_message = [this](const Message& message) {
                     note([&] { received.emplace_back(message.payload); });
                   }});
  }
  std::unique_ptr<Client> make_alice(const std::string& server) {
    return started(server, ClientOptions{.name = "alice", .backoff_ms_min = 1, .backoff_ms_max = 5},
                   Client::Handlers{.on_open = [this](const SessionInfo&) { note([&] { ++opened; }); }});
  }
  // Every fourth without a confirmation.
  void send_all(Client& alice, uint32_t patience_ms) {
    for (int i = 0; i < kManyMessages; ++i) {
      const SendOptions options{.confirm = i % 4 == 0 ? Confirm::kRefusals : Confirm::kDelivered,
                                .unknown_patience_ms = patience_ms};
      alice.send("bob", std::to_string(i), options,
                 [this](const SendResult& result) { note([&] { ++outcomes[in_words(result)]; }); });
    }
  }
  static std::string in_words(const SendResult& result) {
    const std::string reason = result.reason == Reason::kNone ? "" : " " + to_string(result.reason);
    return std::string(to_string(result.outcome)) + reason;
  }
  // Whether somebody who asks now is told that there is no bob.
  static void expect_no_bob(const std::string& server) {
    const auto carol = started(server, {.name = "carol"}, {});
    EXPECT_EQ(carol->send("bob", "are you there?", {.unknown_patience_ms = 0}).get().reason, Reason::kUnknownClient);
  }

  // Replaces the broker once `before` messages have arrived; bob is back when `may_return` holds.
  void run(const std::vector<std::string>& flags, uint32_t patience_ms, const std::function<bool()>& may_return) {
    auto broker = std::make_unique<BrokerProcess>(flags);
    const std::string server = broker->address();
    std::unique_ptr<Client> bob = make_bob(server);
    ASSERT_TRUE(opens(bob));
    const std::unique_ptr<Client> alice = make_alice(server);
    std::thread sending([&] { send_all(*alice, patience_ms); });
    wait_until([&] { return received.size() >= kManyMessages / 10; });
    broker->stop(SIGTERM);
    bob.reset();
    broker = std::make_unique<BrokerProcess>(flags, server);
    wait_until([&] { return opened == 2; });
    expect_no_bob(server);
    wait_until(may_return);
    bob = make_bob(server);
    sending.join();
    wait_until([&] {
      int told = 0;
      for (const auto& [outcome, count] : outcomes) told += count;
      return told == kManyMessages;
    });
    alice->close(kLong);
    bob->close(kLong);
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  int opened = 0;
  std::vector<std::string> received;
  std::map<std::string, int> outcomes;
};

void expect_all_in_order(const std::vector<std::string>& received) {
  ASSERT_EQ(received.size(), static_cast<size_t>(kManyMessages));
  for (int i = 0; i < kManyMessages; ++i) ASSERT_EQ(received[static_cast<size_t>(i)], std::to_string(i));
}

TEST_F(LateRecipient, IsWaitedForAndGetsEveryMessageInOrder) {
  // Each is enough by itself: that the broker is new, and that the client has come back.
  for (const char* grace_ms : {"30000", "0"}) {
    opened = 0;
    received.clear();
    outcomes.clear();
    run({"--shards", "2", "--drain-spread-ms", "1", "--start-grace-ms", grace_ms}, kForever, [] { return true; });
    if (HasFatalFailure()) return;
    EXPECT_EQ(outcomes,
              (std::map<std::string, int>{{"ADMITTED", kManyMessages / 4}, {"DELIVERED", kManyMessages / 4 * 3}}));
    expect_all_in_order(received);
  }
}

// What it would be without: whatever is sent meanwhile is rejected.
TEST_F(LateRecipient, IsNotWaitedForWithoutPatience) {
  run({"--shards", "2", "--drain-spread-ms", "1", "--start-grace-ms", "30000"}, 0,
      [this] { return outcomes["REJECTED UNKNOWN_CLIENT"] >= 200'000; });
  EXPECT_GE(outcomes["REJECTED UNKNOWN_CLIENT"], 200'000);
  EXPECT_LT(received.size(), 100'000U);
}

}  // namespace
}  // namespace onehop::client
