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
#include "started.h"

namespace onehop::client {
namespace {

TEST(Client, TellsWhatBecameOfAMessage) {
  BrokerProcess broker;
  Inbox inbox;
  const auto bob =
      started(broker.address(), named("bob"), {.on_message = [&](const Message& message) { inbox.put(message); }});
  const auto alice = started(broker.address(), named("alice"), {});
  ASSERT_TRUE(opens(bob));
  EXPECT_EQ(alice->send("bob", "hello").get().outcome, Outcome::kDelivered);
  const SendResult refused = alice->send("nobody", "hello").get();
  EXPECT_EQ(refused.outcome, Outcome::kRejected);
  EXPECT_EQ(refused.reason, Reason::kUnknownClient);
  EXPECT_EQ(alice->send("", "x").get().status, SendStatus::kInvalid);
  EXPECT_EQ(alice->send("bob", std::string(2 << 20, 'x')).get().reason, Reason::kTooLarge);
  EXPECT_EQ(inbox.wait_for(1).at("alice").at(0), "hello");
  EXPECT_EQ(alice->close(kLong).cause, Ending::Cause::kClosed);
  EXPECT_EQ(alice->close(kLong).cause, Ending::Cause::kClosed);
  EXPECT_EQ(alice->send("bob", "late").get().status, SendStatus::kClosed);
}

TEST(Client, KeepsTheOrderOfEachThread) {
  for (const char* shards : {"1", "2"}) {
    BrokerProcess broker({"--shards", shards});
    constexpr int kThreads = 4, kRecipients = 3, kMessages = 5'000;
    std::array<Inbox, kRecipients> inboxes;
    std::vector<std::unique_ptr<Client>> recipients;
    for (int i = 0; i < kRecipients; ++i) {
      recipients.push_back(started(
          broker.address(), named("bob" + std::to_string(i)),
          Client::Handlers{.on_message = [&, i](const Message& m) { inboxes[static_cast<size_t>(i)].put(m); }}));
      ASSERT_TRUE(opens(recipients.back()));
    }
    std::atomic<int> delivered{0};
    {
      const auto alice = started(broker.address(), named("alice"), {});
      std::vector<std::thread> threads;
      for (int thread = 0; thread < kThreads; ++thread) {
        threads.emplace_back([&, thread] {
          for (int i = 0; i < kMessages; ++i) {
            alice->send("bob" + std::to_string(i % kRecipients), std::to_string(thread) + ":" + std::to_string(i), {},
                        [&](const SendResult& result) { delivered += result.outcome == Outcome::kDelivered; });
          }
        });
      }
      for (std::thread& thread : threads) thread.join();
      EXPECT_EQ(alice->close(kLong).cause, Ending::Cause::kClosed);
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
  const auto echo =
      started(broker.address(), named("echo"), {.on_message = [&](const Message& message) {
                if (Client* self = echo_client) {
                  self->send(message.from, message.payload,
                             {.in_reply_to = message.id, .in_reply_to_session = message.from_session}, {});
                }
              }});
  echo_client = echo.get();
  ASSERT_TRUE(opens(echo));
  Inbox inbox;
  const auto alice = started(broker.address(), named("alice"), {.on_message = [&](const Message& m) { inbox.put(m); }});
  for (int i = 0; i < 1'000; ++i) alice->send("echo", std::to_string(i));
  const auto answers = inbox.wait_for(1'000).at("echo");
  for (size_t i = 0; i < 1'000; ++i) EXPECT_EQ(answers[i], std::to_string(i));
}

TEST(Client, BlocksForTheSlowAndNotForTheRest) {
  BrokerProcess broker({"--shards", "2", "--frame-bytes-max", "16384", "--queue-bytes-max", "65536", "--pause-lease-ms",
                        "20", "--slow-consumer-ms", "60000"});
  Latch go_on;
  Inbox slow_inbox;
  const auto slow = started(broker.address(), named("slow"), {.on_message = [&](const Message& message) {
                              go_on.wait();
                              slow_inbox.put(message);
                            }});
  const auto quick = started(broker.address(), named("quick"), {});
  ASSERT_TRUE(opens(slow) && opens(quick));
  const auto alice =
      started(broker.address(), named("alice"), {}, {.destination_bytes_max = 100'000, .total_bytes_max = 10 << 20});
  constexpr int kMessages = 3'000;
  const std::string filler(10'000, '.');
  std::atomic<int> accepted{0};
  std::thread sender([&] {
    for (int i = 0; i < kMessages; ++i) {
      alice->send("slow", std::to_string(i) + filler, {}, {});
      ++accepted;
    }
  });
  // Whatever the sockets hold, it is less than all of it: the other thread cannot have finished.
  for (int i = 0; i < 200; ++i) EXPECT_EQ(alice->send("quick", "x").get().outcome, Outcome::kDelivered);
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
  const auto first =
      started(broker.address(), named("first"), {.on_message = [&](const Message&) { first_goes_on.wait(); }});
  const auto second =
      started(broker.address(), named("second"), {.on_message = [&](const Message&) { second_goes_on.wait(); }});
  const auto quick = started(broker.address(), named("quick"), {});
  ASSERT_TRUE(opens(first) && opens(second) && opens(quick));
  // One message without an outcome is all that a destination may have.
  const auto alice =
      started(broker.address(), named("alice"), {}, {.destination_bytes_max = 1, .total_bytes_max = 10 << 20});
  alice->send("first", "1");
  alice->send("second", "1");
  std::vector<std::thread> waiting;
  for (int i = 0; i < 4; ++i) waiting.emplace_back([&] { alice->send("second", "2"); });
  std::thread goes_on([&] { alice->send("first", "2"); });
  // These round trips give the other threads the time to come to wait.
  for (int i = 0; i < 200; ++i) EXPECT_EQ(alice->send("quick", "x").get().outcome, Outcome::kDelivered);
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
  const auto alice = started(address, named("alice"), {.on_open = [&](const SessionInfo&) {
                               if (++opened == 2) reopened.open();
                             }});
  ASSERT_TRUE(opens(alice));
  broker->stop(SIGKILL);
  broker = std::make_unique<BrokerProcess>(std::vector<std::string>{}, address);
  reopened.wait();
  EXPECT_EQ(alice->send("alice", "again").get().outcome, Outcome::kDelivered);
}

TEST(Client, GivesUpWhenItsDeadlineForClosingPasses) {
  // Nobody listens there: what was accepted was never sent.
  const auto alice = started("tcp://127.0.0.1:1", named("alice"), {});
  auto result = alice->send("bob", "x");
  EXPECT_EQ(alice->wait_until_open(1), WaitStatus::kTimeUp);
  EXPECT_EQ(alice->close(1).cause, Ending::Cause::kClosed);
  EXPECT_EQ(result.get().outcome, Outcome::kNotSent);
}

TEST(Client, EndsForGoodWhereTryingAgainIsOfNoUse) {
  BrokerProcess broker;
  const auto elder = started(broker.address(), named("alice"), {});
  ASSERT_TRUE(opens(elder));
  ClientOptions impatient = named("alice");
  impatient.name_patience_ms = 0;
  const auto second = started(broker.address(), impatient, {});
  EXPECT_EQ(second->wait_until_open(kLong), WaitStatus::kEnded);
  EXPECT_EQ(second->send("bob", "x").get().status, SendStatus::kClosed);
  EXPECT_EQ(second->close(kLong).code, Code::kNameInUse);
}

TEST(Client, GetsItsNameWhenItBecomesFree) {
  BrokerProcess broker;
  const auto elder = started(broker.address(), named("alice"), {});
  ASSERT_TRUE(opens(elder));
  Latch refused;
  const auto second = started(broker.address(), named("alice"), {.on_down = [&](const Ending& ending, uint64_t) {
                                if (ending.code == Code::kNameInUse) refused.open();
                              }});
  refused.wait();
  EXPECT_EQ(elder->close(kLong).cause, Ending::Cause::kClosed);
  ASSERT_TRUE(opens(second));
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
  const auto alice = started(address, named("alice"), {.on_down = [&](const Ending& ending, uint64_t) {
                               const std::lock_guard lock(mutex);
                               downs.push_back(describe(ending));
                             }});
  wrong->answer("HTTP/1.1 503 Service Unavailable\r\n\r\n");
  wrong->answer(std::string_view("\x15\x03\x01\x00\x02\x02\x28", 7));
  wrong->answer(std::string(1'000, 'x'));
  wrong->answer("");
  wrong.reset();
  const BrokerProcess broker({}, address);
  ASSERT_TRUE(opens(alice));
  const std::lock_guard lock(mutex);
  ASSERT_GE(downs.size(), 4U);
  EXPECT_EQ(downs[0], "what answers there is not a onehop broker: it speaks HTTP: HTTP/1.1 503 Service Unavailable");
  EXPECT_EQ(downs[1], "what answers there is not a onehop broker: it speaks TLS, and expects an encrypted connection");
  EXPECT_TRUE(downs[2].starts_with("what answers there is not a onehop broker: it sent ")) << downs[2];
}

TEST(Client, SaysWhatIsWrongWithItsArguments) {
  const std::pair<const char*, const char*> cases[] = {
      {"nonsense", "alice"}, {"tcp://127.0.0.1:0", "alice"}, {"tcp://127.0.0.1:1", "a b"}};
  for (const auto& [server, name] : cases) {
    std::string error;
    EXPECT_EQ(Client::start(server, named(name), {}, error), nullptr);
    EXPECT_NE(error, "") << server;
    EXPECT_EQ(error.find('\n'), std::string::npos) << error;
  }
}

}  // namespace
}  // namespace onehop::client
