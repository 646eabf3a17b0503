// Confirmed messages between real clients and a real broker, while connections break, processes hand their session on
// and the broker is replaced.
#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>

#include "broker_process.h"
#include "forwarder.h"
#include "onehop/client.h"
#include "started.h"

namespace onehop::client {
namespace {

// What handlers note on their threads, and the test waits for.
class Notes {
 public:
  struct Note {
    std::string payload;
    DeliveryTag tag;
    bool redelivered;
    bool maybe_repeated;
  };
  void add(const Message& message) {
    note([&] {
      messages_.push_back({std::string(message.payload), message.tag, message.redelivered, message.maybe_repeated});
    });
  }
  void add(const SendResult& result) {
    note([&] { results_.push_back(result); });
  }
  std::vector<Note> wait_for_messages(size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return messages_.size() >= count; });
    return messages_;
  }
  std::vector<SendResult> wait_for_results(size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return results_.size() >= count; });
    return results_;
  }

 private:
  template <typename Change>
  void note(Change change) {
    {
      const std::lock_guard lock(mutex_);
      change();
    }
    changed_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Note> messages_;
  std::vector<SendResult> results_;
};

ClientOptions manual(std::string name) {
  ClientOptions options = named(std::move(name));
  options.ack = AckMode::kManual;
  return options;
}

Client::Handlers into(Notes& notes) {
  return {.on_message = [&](const Message& message) { notes.add(message); }};
}

void expect_all_delivered_in_order(const std::vector<SendResult>& results) {
  uint64_t ticket = 0;
  for (const SendResult& result : results) {
    ASSERT_EQ(result.outcome, Outcome::kDelivered) << result.ticket;
    ASSERT_EQ(result.ticket, ++ticket);
  }
}

void expect_once_in_order(const std::vector<Notes::Note>& messages, int count) {
  ASSERT_EQ(messages.size(), static_cast<size_t>(count));
  for (int i = 0; i < count; ++i) {
    ASSERT_EQ(messages[static_cast<size_t>(i)].payload, std::to_string(i));
  }
}

TEST(Sessions, BrokenConnectionsAreNotNoticed) {
  for (const char* shards : {"1", "2"}) {
    constexpr int kMessages = 3'000, kCuts = 60;
    BrokerProcess broker({"--shards", shards});
    Forwarder forwarder(broker.address(), 4'001, kCuts);
    Notes bobs, alices, bobs_results, alices_results;
    std::atomic<Client*> answering{nullptr};
    // Refuses some, and answers all.
    const auto bob =
        started(forwarder.address(), named("bob"), {.on_message = [&](const Message& message) {
                  Client& self = *answering;
                  bobs.add(message);
                  if (message.payload.ends_with("7")) self.refuse(message.tag, {.text = message.payload});
                  self.send("alice", message.payload, {}, [&](const SendResult& result) { bobs_results.add(result); });
                }});
    answering = bob.get();
    ASSERT_TRUE(opens(bob));
    const auto alice = started(forwarder.address(), named("alice"), into(alices));
    for (int i = 0; i < kMessages; ++i) {
      alice->send("bob", std::to_string(i), {}, [&, i](const SendResult& result) {
        const bool refused = i % 10 == 7;
        EXPECT_EQ(result.outcome, refused ? Outcome::kRejected : Outcome::kDelivered) << i;
        EXPECT_EQ(result.text, refused ? std::to_string(i) : "");
        alices_results.add(result);
      });
    }
    alices_results.wait_for_results(kMessages);
    for (const SendResult& result : bobs_results.wait_for_results(kMessages)) {
      ASSERT_EQ(result.outcome, Outcome::kDelivered) << result.ticket;
    }
    EXPECT_EQ(bob->close(kLong).cause, Ending::Cause::kClosed);
    EXPECT_EQ(alice->close(kLong).cause, Ending::Cause::kClosed);
    // Exactly so many: none came twice.
    EXPECT_EQ(alices_results.wait_for_results(0).size(), static_cast<size_t>(kMessages));
    EXPECT_EQ(bobs_results.wait_for_results(0).size(), static_cast<size_t>(kMessages));
    expect_once_in_order(bobs.wait_for_messages(0), kMessages);
    expect_once_in_order(alices.wait_for_messages(0), kMessages);
    EXPECT_EQ(forwarder.cuts(), kCuts);
  }
}

TEST(Sessions, ClosingComesBackForOpenOutcomes) {
  BrokerProcess broker;
  Forwarder forwarder(broker.address(), 0, 0);
  Notes bobs;
  const auto bob = started(broker.address(), manual("bob"), into(bobs));
  const auto alice = started(forwarder.address(), named("alice"), {});
  ASSERT_TRUE(opens(bob));
  auto result = alice->send("bob", "hello");
  const DeliveryTag tag = bobs.wait_for_messages(1)[0].tag;
  forwarder.cut();
  bob->acknowledge(tag);
  EXPECT_EQ(alice->close(kLong).cause, Ending::Cause::kClosed);
  EXPECT_EQ(result.get().outcome, Outcome::kDelivered);
}

TEST(Sessions, FullWindowsBothWaysFinish) {
  for (const char* shards : {"1", "2"}) {
    constexpr int kMessages = 20'000;
    BrokerProcess broker({"--shards", shards});
    Notes alices, bobs, alices_results, bobs_results;
    const auto alice = started(broker.address(), named("alice"), into(alices));
    const auto bob = started(broker.address(), named("bob"), into(bobs));
    ASSERT_TRUE(opens(alice) && opens(bob));
    std::thread other([&] {
      for (int i = 0; i < kMessages; ++i) {
        bob->send("alice", std::to_string(i), {}, [&](const SendResult& result) { bobs_results.add(result); });
      }
    });
    for (int i = 0; i < kMessages; ++i) {
      alice->send("bob", std::to_string(i), {}, [&](const SendResult& result) { alices_results.add(result); });
    }
    other.join();
    expect_all_delivered_in_order(alices_results.wait_for_results(kMessages));
    expect_all_delivered_in_order(bobs_results.wait_for_results(kMessages));
    expect_once_in_order(alices.wait_for_messages(kMessages), kMessages);
    expect_once_in_order(bobs.wait_for_messages(kMessages), kMessages);
  }
}

TEST(Sessions, AnswersFromTheHandlerAreConfirmedToo) {
  constexpr size_t kMessages = 5'000;
  BrokerProcess broker({"--shards", "2"});
  std::atomic<Client*> echo_client{nullptr};
  Notes echos, alices;
  const auto echo = started(broker.address(), named("echo"), {.on_message = [&](const Message& message) {
                              echo_client.load()->send(message.from, message.payload, {},
                                                       [&](const SendResult& result) { echos.add(result); });
                            }});
  echo_client = echo.get();
  ASSERT_TRUE(opens(echo));
  const auto alice = started(broker.address(), named("alice"), into(alices));
  for (size_t i = 0; i < kMessages; ++i) alice->send("echo", std::to_string(i));
  expect_all_delivered_in_order(echos.wait_for_results(kMessages));
  expect_once_in_order(alices.wait_for_messages(kMessages), kMessages);
}

TEST(Sessions, AnotherProcessGoesOn) {
  BrokerProcess broker;
  Notes first, second;
  const auto alice = started(broker.address(), named("alice"), {});
  std::vector<SendFuture> results;
  std::optional<SavedSession> saved;
  {
    const auto bob = started(broker.address(), manual("bob"), into(first));
    ASSERT_TRUE(opens(bob));
    for (int i = 0; i < 3; ++i) results.push_back(alice->send("bob", std::to_string(i)));
    bob->acknowledge(first.wait_for_messages(3)[1].tag);
    saved = bob->detach(kLong);
  }
  EXPECT_EQ(results[1].get().outcome, Outcome::kDelivered);
  ASSERT_TRUE(saved);
  EXPECT_EQ(saved->name, "bob");
  results.push_back(alice->send("bob", "3"));
  ClientOptions options = manual("ignored");
  options.resume = saved;
  std::atomic<bool> resumed{false};
  Client::Handlers handlers = into(second);
  handlers.on_open = [&](const SessionInfo& session) { resumed = session.resumed; };
  const auto bob = started(broker.address(), options, handlers);
  const auto again = second.wait_for_messages(3);
  EXPECT_TRUE(resumed);
  ASSERT_EQ(again.size(), 3U);
  EXPECT_EQ(again[0].payload + again[1].payload + again[2].payload, "023");
  EXPECT_TRUE(again[0].redelivered && again[1].redelivered);
  EXPECT_FALSE(again[2].redelivered);
  EXPECT_EQ(again[0].tag, first.wait_for_messages(3)[0].tag);
  bob->acknowledge_up_to(again[2].tag);
  for (const size_t i : {0U, 2U, 3U}) EXPECT_EQ(results[i].get().outcome, Outcome::kDelivered);
}

TEST(Sessions, WhatIsOpenWhenTheBrokerIsReplacedIsUnknown) {
  auto broker = std::make_unique<BrokerProcess>();
  const std::string address = broker->address();
  Notes bobs;
  const auto bob = started(address, manual("bob"), into(bobs));
  ASSERT_TRUE(opens(bob));
  const auto alice = started(address, named("alice"), {});
  auto open = alice->send("bob", "open");
  const DeliveryTag tag = bobs.wait_for_messages(1)[0].tag;
  broker->stop(SIGKILL);
  broker = std::make_unique<BrokerProcess>(std::vector<std::string>{}, address);
  EXPECT_EQ(open.get().outcome, Outcome::kUnknown);
  // A verdict about a delivery of the session that is gone harms nobody.
  bob->acknowledge(tag);
  auto refused = alice->send("nobody", "x");
  EXPECT_EQ(refused.get().reason, Reason::kUnknownClient);
}

TEST(Sessions, OrIsRepeatedOnRequestAndMarked) {
  auto broker = std::make_unique<BrokerProcess>();
  const std::string address = broker->address();
  Notes notes;
  ClientOptions options = manual("alice");
  options.repeat_unknown = true;
  // To herself, so that the recipient is there again as soon as the sender is.
  const auto alice = started(address, options, into(notes));
  auto result = alice->send("alice", "to myself");
  EXPECT_FALSE(notes.wait_for_messages(1)[0].maybe_repeated);
  broker->stop(SIGKILL);
  broker = std::make_unique<BrokerProcess>(std::vector<std::string>{}, address);
  const Notes::Note again = notes.wait_for_messages(2)[1];
  EXPECT_EQ(again.payload, "to myself");
  EXPECT_TRUE(again.maybe_repeated);
  alice->acknowledge(again.tag);
  EXPECT_EQ(result.get().outcome, Outcome::kDelivered);
}

TEST(Sessions, ARefusalReachesTheSenderInTheRecipientsWords) {
  BrokerProcess broker({"--shards", "2"});
  Notes bobs;
  const auto bob = started(broker.address(), manual("bob"), into(bobs));
  const auto alice = started(broker.address(), named("alice"), {});
  ASSERT_TRUE(opens(bob));
  auto refused = alice->send("bob", "x");
  bob->refuse(bobs.wait_for_messages(1)[0].tag, {.text = "not today", .code = 42, .retry_after_ms = 7});
  const SendResult result = refused.get();
  EXPECT_EQ(result.outcome, Outcome::kRejected);
  EXPECT_EQ(result.reason, Reason::kRefusedByRecipient);
  EXPECT_TRUE(result.attempted);
  EXPECT_EQ(result.text, "not today");
  EXPECT_EQ(result.code, 42U);
  EXPECT_EQ(result.retry_after_ms, 7U);
}

TEST(Sessions, ClosingEndsTheSessionAndWhatItHadOpenIsLost) {
  BrokerProcess broker;
  Notes bobs;
  const auto bob = started(broker.address(), manual("bob"), into(bobs));
  const auto alice = started(broker.address(), named("alice"), {});
  ASSERT_TRUE(opens(bob));
  auto first = alice->send("bob", "acknowledged");
  auto second = alice->send("bob", "not");
  bob->acknowledge(bobs.wait_for_messages(2)[0].tag);
  bob->close(kLong);
  EXPECT_EQ(first.get().outcome, Outcome::kDelivered);
  const SendResult lost = second.get();
  EXPECT_EQ(lost.outcome, Outcome::kLost);
  EXPECT_EQ(lost.reason, Reason::kConnectionLost);
  EXPECT_TRUE(lost.attempted);
  EXPECT_EQ(alice->send("bob", "x").get().reason, Reason::kUnknownClient);
}

}  // namespace
}  // namespace onehop::client
