// The threaded client against a real broker.
#include "onehop/client.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <vector>

#include "broker_process.h"

namespace onehop::client {
namespace {

// Collects messages on the client's thread and lets the test's wait for them.
class Inbox {
 public:
  void put(const Message& message) {
    {
      const std::lock_guard lock(mutex_);
      by_sender_[std::string(message.from)].emplace_back(message.payload);
      ++count_;
    }
    changed_.notify_all();
  }
  std::map<std::string, std::vector<std::string>> wait_for(size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return count_ >= count; });
    return by_sender_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, std::vector<std::string>> by_sender_;
  size_t count_ = 0;
};

// A thing that happens once.
class Latch {
 public:
  void open() {
    {
      const std::lock_guard lock(mutex_);
      open_ = true;
    }
    changed_.notify_all();
  }
  void wait() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return open_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
};

TEST(Client, TellsWhatBecameOfAMessage) {
  BrokerProcess broker;
  Inbox inbox;
  Client bob(broker.address(), named("bob"), {.on_message = [&](const Message& message) { inbox.put(message); }});
  Client alice(broker.address(), named("alice"), {});
  ASSERT_TRUE(bob.wait_until_open(kLong));
  EXPECT_EQ(alice.send("bob", "hello").get().outcome, Outcome::kDelivered);
  const SendResult refused = alice.send("nobody", "hello").get();
  EXPECT_EQ(refused.outcome, Outcome::kRejected);
  EXPECT_EQ(refused.reason, Reason::kUnknownClient);
  EXPECT_EQ(alice.send("", "x").get().status, SendStatus::kInvalid);
  EXPECT_EQ(alice.send("bob", std::string(2 << 20, 'x')).get().reason, Reason::kTooLarge);
  EXPECT_EQ(inbox.wait_for(1).at("alice").at(0), "hello");
  EXPECT_EQ(alice.close(kLong).cause, Ending::Cause::kClosed);
  EXPECT_EQ(alice.close(kLong).cause, Ending::Cause::kClosed);
  EXPECT_EQ(alice.send("bob", "late").get().status, SendStatus::kClosed);
}

TEST(Client, KeepsTheOrderOfEachThread) {
  for (const char* shards : {"1", "2"}) {
    BrokerProcess broker({"--shards", shards});
    constexpr int kThreads = 4, kRecipients = 3, kMessages = 5'000;
    std::array<Inbox, kRecipients> inboxes;
    std::vector<std::unique_ptr<Client>> recipients;
    for (int i = 0; i < kRecipients; ++i) {
      recipients.push_back(std::make_unique<Client>(
          broker.address(), named("bob" + std::to_string(i)),
          Client::Handlers{.on_message = [&, i](const Message& m) { inboxes[static_cast<size_t>(i)].put(m); }}));
      ASSERT_TRUE(recipients.back()->wait_until_open(kLong));
    }
    std::atomic<int> delivered{0};
    {
      Client alice(broker.address(), named("alice"), {});
      std::vector<std::thread> threads;
      for (int thread = 0; thread < kThreads; ++thread) {
        threads.emplace_back([&, thread] {
          for (int i = 0; i < kMessages; ++i) {
            alice.send("bob" + std::to_string(i % kRecipients), std::to_string(thread) + ":" + std::to_string(i), {},
                       [&](const SendResult& result) { delivered += result.outcome == Outcome::kDelivered; });
          }
        });
      }
      for (std::thread& thread : threads) thread.join();
      EXPECT_EQ(alice.close(kLong).cause, Ending::Cause::kClosed);
    }
    EXPECT_EQ(delivered, kThreads * kMessages);
    for (int i = 0; i < kRecipients; ++i) {
      const int from_each = (kMessages - i + kRecipients - 1) / kRecipients;
      const size_t expected = static_cast<size_t>(kThreads) * static_cast<size_t>(from_each);
      const auto messages = inboxes[static_cast<size_t>(i)].wait_for(expected).at("alice");
      ASSERT_EQ(messages.size(), expected);
      std::map<std::string, int> next;
      for (const std::string& message : messages) {
        const size_t colon = message.find(':');
        int& at = next.try_emplace(message.substr(0, colon), i).first->second;
        ASSERT_EQ(std::stoi(message.substr(colon + 1)), at);
        at += kRecipients;
      }
    }
  }
}

TEST(Client, MayAnswerFromItsHandler) {
  BrokerProcess broker({"--shards", "2"});
  std::atomic<Client*> echo_client{nullptr};
  Client echo(broker.address(), named("echo"), {.on_message = [&](const Message& message) {
                if (Client* self = echo_client) {
                  self->send(message.from, message.payload,
                             {.in_reply_to = message.id, .in_reply_to_session = message.from_session}, {});
                }
              }});
  echo_client = &echo;
  ASSERT_TRUE(echo.wait_until_open(kLong));
  Inbox inbox;
  Client alice(broker.address(), named("alice"), {.on_message = [&](const Message& m) { inbox.put(m); }});
  for (int i = 0; i < 1'000; ++i) alice.send("echo", std::to_string(i));
  const auto answers = inbox.wait_for(1'000).at("echo");
  for (size_t i = 0; i < 1'000; ++i) EXPECT_EQ(answers[i], std::to_string(i));
}

TEST(Client, BlocksForTheSlowAndNotForTheRest) {
  BrokerProcess broker({"--shards", "2", "--frame-bytes-max", "16384", "--queue-bytes-max", "65536", "--pause-lease-ms",
                        "20", "--slow-consumer-ms", "60000"});
  Latch go_on;
  Inbox slow_inbox;
  Client slow(broker.address(), named("slow"), {.on_message = [&](const Message& message) {
                go_on.wait();
                slow_inbox.put(message);
              }});
  Client quick(broker.address(), named("quick"), {});
  ASSERT_TRUE(slow.wait_until_open(kLong) && quick.wait_until_open(kLong));
  Client alice(broker.address(), named("alice"), {}, {.destination_bytes_max = 100'000, .total_bytes_max = 10 << 20});
  constexpr int kMessages = 3'000;
  const std::string filler(10'000, '.');
  std::atomic<int> accepted{0};
  std::thread sender([&] {
    for (int i = 0; i < kMessages; ++i) {
      alice.send("slow", std::to_string(i) + filler, {}, {});
      ++accepted;
    }
  });
  // Whatever the sockets hold, it is less than all of it: the other thread cannot have finished.
  for (int i = 0; i < 200; ++i) EXPECT_EQ(alice.send("quick", "x").get().outcome, Outcome::kDelivered);
  EXPECT_LT(accepted, kMessages);
  go_on.open();
  sender.join();
  const auto messages = slow_inbox.wait_for(kMessages).at("alice");
  for (int i = 0; i < kMessages; ++i) {
    const std::string number = std::to_string(i);
    ASSERT_EQ(messages[static_cast<size_t>(i)].substr(0, number.size() + 1), number + ".");
  }
}

TEST(Client, WhoHasRoomGoesOnWhileOthersStillWaitForTheirs) {
  BrokerProcess broker;
  Latch first_goes_on, second_goes_on;
  Client first(broker.address(), named("first"), {.on_message = [&](const Message&) { first_goes_on.wait(); }});
  Client second(broker.address(), named("second"), {.on_message = [&](const Message&) { second_goes_on.wait(); }});
  Client quick(broker.address(), named("quick"), {});
  ASSERT_TRUE(first.wait_until_open(kLong) && second.wait_until_open(kLong) && quick.wait_until_open(kLong));
  // One message without an outcome is all that a destination may have.
  Client alice(broker.address(), named("alice"), {}, {.destination_bytes_max = 1, .total_bytes_max = 10 << 20});
  alice.send("first", "1");
  alice.send("second", "1");
  std::vector<std::thread> waiting;
  for (int i = 0; i < 4; ++i) waiting.emplace_back([&] { alice.send("second", "2"); });
  std::thread goes_on([&] { alice.send("first", "2"); });
  // These round trips give the other threads the time to come to wait.
  for (int i = 0; i < 200; ++i) EXPECT_EQ(alice.send("quick", "x").get().outcome, Outcome::kDelivered);
  first_goes_on.open();
  goes_on.join();
  second_goes_on.open();
  for (std::thread& thread : waiting) thread.join();
}

TEST(Client, ComesBackWhenTheBrokerDied) {
  auto broker = std::make_unique<BrokerProcess>();
  const std::string address = broker->address();
  std::atomic<int> opened{0};
  Latch reopened;
  Client alice(address, named("alice"), {.on_open = [&](const SessionInfo&) {
                 if (++opened == 2) reopened.open();
               }});
  ASSERT_TRUE(alice.wait_until_open(kLong));
  broker->stop(SIGKILL);
  broker = std::make_unique<BrokerProcess>(std::vector<std::string>{}, address);
  reopened.wait();
  EXPECT_EQ(alice.send("alice", "again").get().outcome, Outcome::kDelivered);
}

TEST(Client, GivesUpWhenItsDeadlineForClosingPasses) {
  // Nobody listens there: what was accepted was never sent.
  Client alice("tcp://127.0.0.1:1", named("alice"), {});
  auto result = alice.send("bob", "x");
  EXPECT_FALSE(alice.wait_until_open(1));
  EXPECT_EQ(alice.close(1).cause, Ending::Cause::kClosed);
  EXPECT_EQ(result.get().outcome, Outcome::kNotSent);
}

TEST(Client, EndsForGoodWhereTryingAgainIsOfNoUse) {
  BrokerProcess broker;
  Client elder(broker.address(), named("alice"), {});
  ASSERT_TRUE(elder.wait_until_open(kLong));
  ClientOptions impatient = named("alice");
  impatient.name_patience_ms = 0;
  Client second(broker.address(), impatient, {});
  EXPECT_FALSE(second.wait_until_open(kLong));
  EXPECT_EQ(second.send("bob", "x").get().status, SendStatus::kClosed);
  EXPECT_EQ(second.close(kLong).code, Code::kNameInUse);
}

TEST(Client, GetsItsNameWhenItBecomesFree) {
  BrokerProcess broker;
  Client elder(broker.address(), named("alice"), {});
  ASSERT_TRUE(elder.wait_until_open(kLong));
  Latch refused;
  Client second(broker.address(), named("alice"), {.on_down = [&](const Ending& ending, uint64_t) {
                  if (ending.code == Code::kNameInUse) refused.open();
                }});
  refused.wait();
  EXPECT_EQ(elder.close(kLong).cause, Ending::Cause::kClosed);
  ASSERT_TRUE(second.wait_until_open(kLong));
}

// A balancer whose servers are all gone.
class WrongServer {
 public:
  WrongServer() {
    listener_ = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* name = reinterpret_cast<sockaddr*>(&address);
    const int on = 1;
    setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    const bool fine =
        bind(listener_, name, size) == 0 && listen(listener_, 16) == 0 && getsockname(listener_, name, &size) == 0;
    if (!fine) throw std::runtime_error("cannot listen");
    address_ = "tcp://127.0.0.1:" + std::to_string(ntohs(address.sin_port));
  }
  ~WrongServer() { close(listener_); }
  const std::string& address() const { return address_; }
  // The next client is answered so, and closed.
  void answer(std::string_view text) const {
    const int fd = accept(listener_, nullptr, nullptr);
    EXPECT_EQ(::send(fd, text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
    shutdown(fd, SHUT_WR);
    std::array<char, 256> ignored;
    while (read(fd, ignored.data(), ignored.size()) > 0) {
    }
    close(fd);
  }

 private:
  int listener_ = -1;
  std::string address_;
};

TEST(Client, OutlivesWrongAnswers) {
  auto wrong = std::make_unique<WrongServer>();
  const std::string address = wrong->address();
  std::mutex mutex;
  std::vector<std::string> downs;
  Client alice(address, named("alice"), {.on_down = [&](const Ending& ending, uint64_t) {
                 const std::lock_guard lock(mutex);
                 downs.push_back(describe(ending));
               }});
  wrong->answer("HTTP/1.1 503 Service Unavailable\r\n\r\n");
  wrong->answer(std::string_view("\x15\x03\x01\x00\x02\x02\x28", 7));
  wrong->answer(std::string(1'000, 'x'));
  wrong->answer("");
  wrong.reset();
  const BrokerProcess broker({}, address);
  ASSERT_TRUE(alice.wait_until_open(kLong));
  const std::lock_guard lock(mutex);
  ASSERT_GE(downs.size(), 4U);
  EXPECT_EQ(downs[0], "what answers there is not a onehop broker: it speaks HTTP: HTTP/1.1 503 Service Unavailable");
  EXPECT_EQ(downs[1], "what answers there is not a onehop broker: it speaks TLS, and expects an encrypted connection");
  EXPECT_TRUE(downs[2].starts_with("what answers there is not a onehop broker: it sent ")) << downs[2];
}

TEST(Client, SaysWhatIsWrongWithItsArguments) {
  EXPECT_THROW(Client("nonsense", {}, {}), std::invalid_argument);
  EXPECT_THROW(Client("tcp://127.0.0.1:0", {}, {}), std::invalid_argument);
  EXPECT_THROW(Client("tcp://127.0.0.1:1", named("a b"), {}), std::invalid_argument);
}

}  // namespace
}  // namespace onehop::client
