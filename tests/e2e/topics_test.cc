// Topics, from program to program, over a broker with two shards.
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "onehop/broker.h"
#include "onehop/client.h"
#include "server_test/broker_rig.h"
#include "server_test/hooks_rig.h"
#include "server_test/local_program.h"

namespace onehop::test {
namespace {

using client::Client;
using client::ClientOptions;
using client::Confirm;
using client::Message;
using client::SendOptions;
using client::SendResult;

constexpr uint64_t kLongMs = 60'000;
constexpr SendOptions kToTopic{.destination = client::Destination::kTopic, .confirm = Confirm::kRefusals};

// A program with a client: what it hears, in words.
class Program {
 public:
  Program(const std::string& address, const std::string& name) {
    std::string error;
    client_ = Client::start(
        address, {.name = name, .backoff_ms_min = 1, .backoff_ms_max = 5},
        {.on_message =
             [this](const Message& m) {
               heard_.put(std::string(m.from) + " in " + std::string(m.topic) + ": " + std::string(m.payload));
             },
         .on_subscribed = [this](std::string_view filter,
                                 Reason reason) { answers_.put(std::string(filter) + name_of(reason)); },
         .on_unsubscribed = [this](std::string_view filter) { answers_.put("no " + std::string(filter)); }},
        error);
    if (client_ == nullptr) throw std::runtime_error(error);
  }

  // Subscribes, and waits for the answer.
  void subscribe(std::string_view filter, bool no_echo = false) {
    EXPECT_EQ(client_->subscribe(filter, {.no_echo = no_echo}), client::SendStatus::kAccepted);
    EXPECT_EQ(answers_.take(), filter);
  }
  SendResult send(std::string_view topic, std::string_view payload) {
    return client_->send(topic, payload, kToTopic).get();
  }
  std::string hear() { return heard_.take(); }
  std::string answer() { return answers_.take(); }
  Client& client() { return *client_; }

 private:
  Handed<std::string> heard_;
  Handed<std::string> answers_;
  std::unique_ptr<Client> client_;  // Last: its handlers use the others.
};

TEST(Topics, AllSubscribersHearThemInOneOrder) {
  BrokerRig broker(test_options(2));
  std::vector<std::unique_ptr<Program>> listeners;
  for (int i = 0; i < 8; ++i) {
    listeners.push_back(std::make_unique<Program>(broker.address(), "listener-" + std::to_string(i)));
    listeners.back()->subscribe(i % 2 == 0 ? "news/de" : "news/+");
  }
  Program alice(broker.address(), "alice"), bob(broker.address(), "bob");
  constexpr int kMessages = 500;
  for (int i = 0; i < kMessages; ++i) {
    for (Program* sender : {&alice, &bob}) {
      sender->client().send("news/de", std::to_string(i), kToTopic,
                            [](const SendResult& result) { EXPECT_EQ(result.outcome, Outcome::kAdmitted); });
    }
  }
  std::vector<std::string> order;
  for (int i = 0; i < 2 * kMessages; ++i) order.push_back(listeners.front()->hear());
  for (size_t i = 1; i < listeners.size(); ++i) {
    for (const std::string& line : order) ASSERT_EQ(listeners[i]->hear(), line) << "listener " << i;
  }
}

TEST(Topics, WhoWantsNoEchoHearsOnlyTheOthers) {
  BrokerRig broker(test_options(2));
  Program alice(broker.address(), "alice"), bob(broker.address(), "bob");
  alice.subscribe("chat", true);
  SendResult alone = alice.send("chat", "Anybody here?");
  EXPECT_EQ(alone.outcome, Outcome::kRejected);
  EXPECT_EQ(alone.reason, Reason::kNobodyThere);
  bob.subscribe("chat", true);
  EXPECT_EQ(alice.send("chat", "Hello.").outcome, Outcome::kAdmitted);
  EXPECT_EQ(bob.hear(), "alice in chat: Hello.");
  EXPECT_EQ(bob.send("chat", "Hello yourself.").outcome, Outcome::kAdmitted);
  EXPECT_EQ(alice.hear(), "bob in chat: Hello yourself.");
  EXPECT_EQ(bob.client().unsubscribe("chat"), client::SendStatus::kAccepted);
  EXPECT_EQ(bob.answer(), "no chat");
  EXPECT_EQ(alice.send("chat", "Still there?").reason, Reason::kNobodyThere);
}

TEST(Topics, AConfirmedMessageTellsHowManyItHasReached) {
  BrokerRig broker(test_options(2));
  Program alice(broker.address(), "alice"), bob(broker.address(), "bob"), carol(broker.address(), "carol");
  constexpr client::SendOptions kConfirmed{.destination = client::Destination::kTopic};
  EXPECT_EQ(carol.client().send("news", "x", kConfirmed).get().reason, Reason::kNobodyThere);
  for (Program* subscriber : {&alice, &bob, &carol}) subscriber->subscribe("news", true);
  const SendResult result = carol.client().send("news", "x", kConfirmed).get();
  EXPECT_EQ(result.outcome, Outcome::kDelivered);
  EXPECT_EQ(result.reached, 2U);
  EXPECT_EQ(result.missed, 0U);
}

TEST(Topics, SubscriptionsAreRestoredAtTheNextBroker) {
  std::optional<BrokerRig> broker(std::in_place, test_options(2));
  BrokerOptions same_place = test_options(2);
  same_place.listen = {broker->address()};
  Program alice(broker->address(), "alice"), bob(broker->address(), "bob");
  alice.subscribe("#");
  EXPECT_EQ(bob.send("before", "1").outcome, Outcome::kAdmitted);
  EXPECT_EQ(alice.hear(), "bob in before: 1");
  broker.reset();
  broker.emplace(same_place);
  EXPECT_EQ(alice.answer(), "#") << "it holds again";
  EXPECT_EQ(bob.send("after", "2").outcome, Outcome::kAdmitted);
  EXPECT_EQ(alice.hear(), "bob in after: 2");
  EXPECT_EQ(alice.client().wait_until_open(kLongMs), client::WaitStatus::kDone);
}

TEST(Topics, ALocalClientSendsToThemFromEveryShard) {
  BrokerRig broker(test_options(2));
  Program alice(broker.address(), "alice");
  alice.subscribe("news");
  for (const unsigned home : {0U, 1U}) {
    const std::string name = name_on(*broker, home, "desk-");
    LocalProgram desk(*broker, name);
    desk.wait_until_open();
    desk.send("news", "x", kToTopic);
    EXPECT_EQ(alice.hear(), name + " in news: x");
    EXPECT_EQ(desk.wait_for_outcome_of(desk.send("weather", "x", kToTopic)).reason, Reason::kNobodyThere);
  }
}

}  // namespace
}  // namespace onehop::test
