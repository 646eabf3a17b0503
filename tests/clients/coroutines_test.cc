// Sending with co_await.
#include "onehop/coroutines.h"

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <vector>

#include "coroutine_task.h"
#include "started.h"

namespace onehop::client {
namespace {

Detached send_in_turn(Client& client, int count, std::vector<SendResult>& results, Latch& done) {
  for (int i = 0; i < count; ++i) {
    // The text is gone when the outcome comes.
    results.push_back(co_await send(client, "bob", std::to_string(i)));
  }
  done.open();
}

TEST(Coroutines, GoOnWhenTheOutcomeIsThere) {
  BrokerProcess broker;
  Inbox inbox;
  const auto bob = started(broker.address(), named("bob"), {.on_message = [&](const Message& m) { inbox.put(m); }});
  const auto alice = started(broker.address(), named("alice"), {});
  ASSERT_TRUE(opens(bob));
  constexpr int kMessages = 300;
  std::vector<SendResult> results;
  Latch done;
  send_in_turn(*alice, kMessages, results, done);
  done.wait();
  ASSERT_EQ(results.size(), static_cast<size_t>(kMessages));
  for (const SendResult& result : results) EXPECT_EQ(result.outcome, Outcome::kDelivered);
  const auto messages = inbox.wait_for(kMessages).at("alice");
  for (int i = 0; i < kMessages; ++i) EXPECT_EQ(messages[static_cast<size_t>(i)], std::to_string(i));
}

TEST(Coroutines, ManyMayWaitAtTheSameTime) {
  BrokerProcess broker;
  const auto bob = started(broker.address(), named("bob"), {});
  const auto alice = started(broker.address(), named("alice"), {});
  ASSERT_TRUE(opens(bob));
  constexpr size_t kCoroutines = 100;
  std::vector<std::vector<SendResult>> results(kCoroutines);
  std::vector<Latch> done(kCoroutines);
  for (size_t i = 0; i < kCoroutines; ++i) send_in_turn(*alice, 20, results[i], done[i]);
  for (size_t i = 0; i < kCoroutines; ++i) {
    done[i].wait();
    EXPECT_EQ(results[i].size(), 20U);
  }
}

TEST(Coroutines, GoOnAtOnceIfTheMessageIsNotAccepted) {
  BrokerProcess broker;
  Latch go_on;
  const auto bob = started(broker.address(), named("bob"), {.on_message = [&](const Message&) { go_on.wait(); }});
  ASSERT_TRUE(opens(bob));
  const auto alice =
      started(broker.address(), named("alice"), {}, {.destination_bytes_max = 1, .total_bytes_max = 10 << 20});
  std::vector<SendResult> first, second;
  Latch first_done, second_done;
  send_in_turn(*alice, 1, first, first_done);
  send_in_turn(*alice, 1, second, second_done);
  // It never left this thread.
  ASSERT_EQ(second.size(), 1U);
  EXPECT_EQ(second[0].status, SendStatus::kWouldBlock);
  EXPECT_EQ(second[0].outcome, Outcome::kNotSent);
  go_on.open();
  first_done.wait();
  EXPECT_EQ(first[0].outcome, Outcome::kDelivered);
}

}  // namespace
}  // namespace onehop::client
