// What the threaded client does for a program that does not want to wait: sending without blocking, flushing, counting.
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "onehop/owned_message.h"
#include "started.h"

namespace onehop::client {
namespace {

// Bob takes nothing until he is let go, so what is sent to him has no outcome.
struct SlowBob {
  explicit SlowBob(const BrokerProcess& broker)
      : client(started(broker.address(), named("bob"), {.on_message = [this](const Message&) { go_on.wait(); }})) {}
  ~SlowBob() { go_on.open(); }
  Latch go_on;
  std::unique_ptr<Client> client;
};

TEST(ThreadedClient, TriesToSendAndIsToldWhenThereIsRoom) {
  BrokerProcess broker;
  SlowBob bob(broker);
  ASSERT_TRUE(opens(bob.client));
  Latch room;
  std::atomic<int> completions{0};
  const auto count = [&](const SendResult&) { ++completions; };
  const auto alice = started(broker.address(), named("alice"), {.on_room = [&] { room.open(); }},
                             {.destination_bytes_max = 1, .total_bytes_max = 10 << 20});
  EXPECT_EQ(alice->try_send("bob", "1", {}, count), SendStatus::kAccepted);
  EXPECT_EQ(alice->try_send("bob", "2", {}, count), SendStatus::kWouldBlock);
  EXPECT_EQ(alice->send_within(1, "bob", "2", {}, count), SendStatus::kWouldBlock);
  EXPECT_EQ(alice->try_send("alice", "to another"), SendStatus::kAccepted);
  bob.go_on.open();
  room.wait();
  EXPECT_EQ(alice->try_send("bob", "2", {}, count), SendStatus::kAccepted);
  EXPECT_EQ(alice->send_within(kLong, "bob", "3", {}, count), SendStatus::kAccepted) << "it waits for room";
  EXPECT_EQ(alice->flush(kLong), WaitStatus::kDone);
  EXPECT_EQ(completions, 3) << "of the accepted ones";
  EXPECT_EQ(alice->try_send("", "x"), SendStatus::kInvalid);
  alice->close(kLong);
  EXPECT_EQ(alice->try_send("bob", "x"), SendStatus::kClosed);
}

TEST(ThreadedClient, TheTotalIsALimitToo) {
  BrokerProcess broker;
  SlowBob bob(broker);
  ASSERT_TRUE(opens(bob.client));
  Latch room;
  const auto alice = started(broker.address(), named("alice"), {.on_room = [&] { room.open(); }},
                             {.destination_bytes_max = 10 << 20, .total_bytes_max = 1});
  EXPECT_EQ(alice->try_send("bob", "1"), SendStatus::kAccepted);
  EXPECT_EQ(alice->try_send("alice", "to another"), SendStatus::kWouldBlock);
  bob.go_on.open();
  room.wait();
  EXPECT_EQ(alice->try_send("alice", "to another"), SendStatus::kAccepted);
}

TEST(ThreadedClient, FlushesWaitingAndWithACallback) {
  BrokerProcess broker;
  SlowBob bob(broker);
  ASSERT_TRUE(opens(bob.client));
  const auto alice = started(broker.address(), named("alice"), {});
  EXPECT_EQ(alice->flush(kLong), WaitStatus::kDone) << "nothing is open";
  Latch flushed;
  std::atomic<uint64_t> delivered{0};
  for (int i = 0; i < 100; ++i) {
    alice->send("bob", "x", {}, [&](const SendResult& result) { delivered += result.outcome == Outcome::kDelivered; });
  }
  EXPECT_TRUE(alice->flush([&] { flushed.open(); }));
  EXPECT_EQ(alice->flush(1), WaitStatus::kTimeUp);
  EXPECT_EQ(alice->unsettled(), 100U);
  bob.go_on.open();
  flushed.wait();
  EXPECT_EQ(delivered, 100U);
  EXPECT_EQ(alice->flush(kLong), WaitStatus::kDone);
  EXPECT_EQ(alice->unsettled(), 0U);
  alice->close(kLong);
  bool at_once = false;
  EXPECT_TRUE(alice->flush([&] { at_once = true; }));
  EXPECT_TRUE(at_once) << "the client has ended";
}

TEST(ThreadedClient, CountsWhatItHasMetWith) {
  BrokerProcess broker({"--frame-bytes-max", "16384", "--queue-bytes-max", "65536", "--pause-lease-ms", "20"});
  SlowBob bob(broker);
  ASSERT_TRUE(opens(bob.client));
  const auto alice = started(broker.address(), named("alice"), {});
  EXPECT_EQ(alice->counts().pauses, 0U);
  const std::string filler(10'000, '.');
  // More than the sockets and bob's queue hold.
  for (int i = 0; i < 400; ++i) alice->try_send("bob", filler);
  while (alice->counts().pauses == 0) alice->send("alice", "x").get();
  bob.go_on.open();
  EXPECT_EQ(alice->flush(kLong), WaitStatus::kDone);
}

// The window of confirmed messages is full, and nobody will make room in it.
TEST(ThreadedClient, AnUnconfirmedMessageDoesNotWaitForTheWindow) {
  BrokerProcess broker({"--send-window", "1"});
  ClientOptions manual = named("bob");
  manual.ack = AckMode::kManual;
  Inbox bobs, carols;
  const auto bob = started(broker.address(), manual, {.on_message = [&](const Message& m) { bobs.put(m); }});
  const auto carol =
      started(broker.address(), named("carol"), {.on_message = [&](const Message& m) { carols.put(m); }});
  const auto alice = started(broker.address(), named("alice"), {});
  ASSERT_TRUE(opens(bob) && opens(carol) && opens(alice));
  for (const char* payload : {"1", "2", "3"}) EXPECT_EQ(alice->try_send("bob", payload), SendStatus::kAccepted);
  bobs.wait_for(1);
  EXPECT_EQ(alice->try_send("carol", "passes", {.confirm = Confirm::kRefusals}), SendStatus::kAccepted);
  EXPECT_EQ(carols.wait_for(1).at("alice").at(0), "passes");
  // The end waits for nothing either.
  const SendFuture last = alice->send("bob", "4");
  EXPECT_TRUE(alice->detach(kLong).has_value());
  EXPECT_EQ(last.get().outcome, Outcome::kNotSent);
}

TEST(ThreadedClient, WaitsForAResultForAsLongAsItIsTold) {
  BrokerProcess broker;
  SlowBob bob(broker);
  ASSERT_TRUE(opens(bob.client));
  const auto alice = started(broker.address(), named("alice"), {});
  const SendFuture result = alice->send("bob", "x");
  EXPECT_FALSE(result.ready());
  EXPECT_EQ(result.wait_for(1), WaitStatus::kTimeUp);
  std::vector<std::thread> waiting;
  std::atomic<int> delivered{0};
  for (int i = 0; i < 4; ++i) {
    waiting.emplace_back([&, result] { delivered += result.get().outcome == Outcome::kDelivered; });
  }
  bob.go_on.open();
  EXPECT_EQ(result.wait_for(kLong), WaitStatus::kDone);
  for (std::thread& thread : waiting) thread.join();
  EXPECT_EQ(delivered, 4);
  EXPECT_TRUE(result.ready());
  EXPECT_EQ(result.get().outcome, Outcome::kDelivered);
  EXPECT_EQ(SendFuture().get().status, SendStatus::kInvalid);
}

TEST(ThreadedClient, AnOwnedMessageOutlivesItsHandler) {
  BrokerProcess broker;
  std::mutex mutex;
  std::vector<OwnedMessage> kept;
  Latch all;
  const auto bob = started(broker.address(), named("bob"), {.on_message = [&](const Message& message) {
                             const std::lock_guard lock(mutex);
                             if (kept.size() != 100) kept.emplace_back(message);
                             if (kept.size() == 100) all.open();
                           }});
  ASSERT_TRUE(opens(bob));
  const auto alice = started(broker.address(), named("alice"), {});
  const Header headers[] = {{"a", "1"}, {"b", "2"}};
  for (int i = 0; i < 100; ++i) alice->send("bob", std::to_string(i), {.headers = headers});
  all.wait();
  // Others come where these were.
  const std::string filler(60'000, 'z');
  for (int i = 0; i < 4; ++i) EXPECT_EQ(alice->send("bob", filler).get().outcome, Outcome::kDelivered);
  std::vector<OwnedMessage> copies = kept;
  kept.clear();
  const OwnedMessage moved = std::move(copies[7]);
  copies.clear();
  const Message& message = moved;
  EXPECT_EQ(message.from, "alice");
  EXPECT_EQ(message.payload, "7");
  EXPECT_TRUE(message.tag);
  ASSERT_EQ(message.headers.size(), 2U);
  EXPECT_EQ(message.headers[1].key, "b");
  EXPECT_EQ(message.headers[1].value, "2");
  EXPECT_EQ(moved->id, 8U);
}

}  // namespace
}  // namespace onehop::client
