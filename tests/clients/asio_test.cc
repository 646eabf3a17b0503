// Sending with the completion tokens of Asio.
#include "onehop/asio.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "started.h"

namespace onehop::client {
namespace {

class Asio : public testing::Test {
 protected:
  void SetUp() override {
    bob = started(broker.address(), named("bob"), {.on_message = [this](const Message& message) {
                    if (!message.headers.empty()) header = message.headers[0].value;
                    inbox.put(message);
                  }});
    alice = started(broker.address(), named("alice"), {});
    ASSERT_TRUE(opens(bob) && opens(alice));
  }
  BrokerProcess broker;
  Inbox inbox;
  std::string header;
  std::unique_ptr<Client> bob, alice;
  asio::thread_pool pool{1};
};

TEST_F(Asio, CallsBackWhereTheExecutorSays) {
  std::vector<SendResult> results;
  int elsewhere = 0;
  const std::thread::id caller = std::this_thread::get_id();
  for (const char* to : {"bob", "nobody", ""}) {
    async_send(*alice, to, "x", {.unknown_patience_ms = 0}, asio::bind_executor(pool, [&](const SendResult& result) {
      results.push_back(result);
      elsewhere += std::this_thread::get_id() == caller || alice->is_own_thread();
    }));
  }
  // Ends only when all outcomes are there: they are work.
  pool.join();
  ASSERT_EQ(results.size(), 3U);
  EXPECT_EQ(elsewhere, 0) << "neither on the client's thread nor from within the call";
  int delivered = 0, rejected = 0, invalid = 0;
  for (const SendResult& result : results) {
    delivered += result.outcome == Outcome::kDelivered;
    rejected += result.outcome == Outcome::kRejected;
    invalid += result.status == SendStatus::kInvalid;
  }
  EXPECT_EQ(delivered, 1);
  EXPECT_EQ(rejected, 1);
  EXPECT_EQ(invalid, 1);
}

TEST_F(Asio, WithoutAnExecutorCallsBackOnTheClientsThread) {
  Latch done;
  std::atomic<bool> own{false};
  async_send(*alice, "bob", "x", {}, [&, only_movable = std::make_unique<int>(1)](const SendResult& result) {
    EXPECT_EQ(result.outcome, Outcome::kDelivered);
    own = alice->is_own_thread();
    done.open();
  });
  done.wait();
  EXPECT_TRUE(own);
}

TEST_F(Asio, GivesAFuture) {
  std::future<SendResult> result = async_send(*alice, "bob", "x", {}, asio::use_future);
  EXPECT_EQ(result.get().outcome, Outcome::kDelivered);
}

// Asio finds no coroutines in clang 14.
#ifdef ASIO_HAS_CO_AWAIT
asio::awaitable<void> send_in_turn(Client& client, int count, std::vector<SendResult>& results) {
  for (int i = 0; i < count; ++i) {
    results.push_back(co_await async_send(client, "bob", std::to_string(i), {}, asio::use_awaitable));
  }
}

TEST_F(Asio, CanBeAwaited) {
  constexpr int kMessages = 300;
  std::vector<SendResult> results;
  asio::co_spawn(pool, send_in_turn(*alice, kMessages, results), asio::detached);
  pool.join();
  ASSERT_EQ(results.size(), static_cast<size_t>(kMessages));
  for (const SendResult& result : results) EXPECT_EQ(result.outcome, Outcome::kDelivered);
  const auto messages = inbox.wait_for(kMessages).at("alice");
  for (int i = 0; i < kMessages; ++i) EXPECT_EQ(messages[static_cast<size_t>(i)], std::to_string(i));
}

asio::awaitable<SendResult> begun_later(Client& client) {
  std::string to = "bob", payload = "payload", value = "value";
  const Header headers[] = {{"key", value}};
  auto sent = async_send(client, to, payload, {.headers = headers}, asio::use_awaitable);
  to = payload = value = "overwritten";
  co_return co_await std::move(sent);
}

// A token may begin long after the call, when what the call was given is gone.
TEST_F(Asio, KeepsWhatItWasGiven) {
  std::future<SendResult> result = asio::co_spawn(pool, begun_later(*alice), asio::use_future);
  pool.join();
  EXPECT_EQ(result.get().outcome, Outcome::kDelivered);
  EXPECT_EQ(inbox.wait_for(1).at("alice").at(0), "payload");
  EXPECT_EQ(header, "value");
}
#endif

}  // namespace
}  // namespace onehop::client
