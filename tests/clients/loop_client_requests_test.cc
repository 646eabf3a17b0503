// Services and requests on a loop of the test's, against a real broker.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "broker_process.h"
#include "loop_rig.h"

namespace onehop::client {
namespace {

constexpr SendOptions kToEcho{.destination = Destination::kService};

// Replies with what it is asked.
struct Echo final : ClientEvents {
  void on_message(const Message& message) override { client->send(message.from, message.payload, reply_to(message)); }
  void on_outcome(std::string_view, const SendResult&) override {}
  void on_ended(const Ending&) override {}
  void on_serving(std::string_view, Reason reason) override { serving = reason == Reason::kNone; }
  void on_unserved(std::string_view) override { serving = false; }

  std::unique_ptr<LoopClient> client;
  bool serving = false;
};

TEST(LoopClientRequests, TheReplyGoesToWhoAskedAndToNobodyElse) {
  BrokerProcess broker;
  ProgramLoop loop;
  ClientLoop client_loop(loop.get());
  Echo echo;
  echo.client = started(client_loop, broker.address(), named("echo-1"), echo);
  EXPECT_EQ(echo.client->serve("echo"), SendStatus::kAccepted);
  EXPECT_EQ(echo.client->serve("e c h o"), SendStatus::kInvalid);
  loop.run_until([&] { return echo.serving; });
  Peer alice;
  const auto client = started(client_loop, broker.address(), named("alice"), alice);
  std::vector<std::string> replies;
  const auto note = [&](const RequestResult& result) {
    EXPECT_EQ(result.sent.outcome, Outcome::kReplied);
    replies.emplace_back(result.reply->payload);
  };
  for (const std::string_view text : {"one", "two", "three"}) {
    EXPECT_EQ(client->request("echo", text, kToEcho, note), SendStatus::kAccepted);
  }
  EXPECT_EQ(client->request("", "x", kToEcho, note), SendStatus::kInvalid);
  loop.run_until([&] { return replies.size() == 3; });
  EXPECT_EQ(replies, (std::vector<std::string>{"one", "two", "three"})) << "there is one instance";
  EXPECT_EQ(alice.outcomes, 0);
  EXPECT_TRUE(alice.messages.empty());
  // Without request() the program gets both.
  SendOptions options = kToEcho;
  options.wants_reply = true;
  client->send("echo", "four", options);
  loop.run_until([&] { return alice.outcomes == 1 && alice.messages.size() == 1; });
  EXPECT_EQ(alice.last.outcome, Outcome::kReplied);
  EXPECT_EQ(echo.client->unserve("echo"), SendStatus::kAccepted);
  loop.run_until([&] { return !echo.serving; });
  bool told = false;
  client->request("echo", "x", kToEcho, [&](const RequestResult& result) {
    told = true;
    EXPECT_EQ(result.sent.reason, Reason::kNobodyThere);
    EXPECT_FALSE(result.has_reply);
  });
  loop.run_until([&] { return told; });
  client->close(5'000);
  echo.client->close(5'000);
  loop.run_until([&] { return alice.ended; });
}

}  // namespace
}  // namespace onehop::client
