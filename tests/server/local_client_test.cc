// Local clients of a running broker: they talk to each other and to clients with a socket, from any thread.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "server_test/broker_rig.h"
#include "server_test/local_program.h"
#include "server_test/raw_client.h"

namespace onehop::test {
namespace {

using client::AckMode;
using client::Code;
using client::Confirm;
using client::Outcome;
using client::Reason;
using client::SendStatus;

constexpr client::SendOptions kUnconfirmed{.confirm = Confirm::kRefusals};

TEST(LocalClientOfABroker, SendsAndLearnsWhatBecameOfIt) {
  BrokerRig rig;
  LocalProgram alice(*rig, "alice"), bob(*rig, "bob");
  bob.wait_until_open();
  const uint64_t ticket = alice.send("bob", "hello");
  const auto outcomes = alice.wait_for_outcomes(1);
  EXPECT_EQ(Outcome::kDelivered, outcomes[0].outcome);
  EXPECT_EQ(ticket, outcomes[0].ticket);
  const auto messages = bob.wait_for_messages(1);
  EXPECT_EQ("alice", messages[0].from);
  EXPECT_EQ("hello", messages[0].payload);
}

TEST(LocalClientOfABroker, TalksToRemoteClientsOfEveryShard) {
  BrokerRig rig(test_options(2));
  for (const unsigned remote_home : {0u, 1u}) {
    const std::string remote_name = name_on(*rig, remote_home, "remote");
    const std::string local_name = name_on(*rig, 0, "local" + std::to_string(remote_home) + "-");
    RawClient remote(rig.address());
    remote.connect(remote_name);
    LocalProgram local(*rig, local_name);
    EXPECT_EQ(0u, local->home());
    local.send(remote_name, "to the remote one");
    const v1::Message arrived = remote.read_kind(v1::Frame::kMessage).message();
    EXPECT_EQ("to the remote one", arrived.payload());
    EXPECT_EQ(local_name, arrived.from());
    v1::Frame ack;
    ack.mutable_ack()->set_up_to(arrived.delivery_tag());
    remote.send(ack);
    EXPECT_EQ(Outcome::kDelivered, local.wait_for_outcomes(1)[0].outcome);
    remote.send(confirmed_frame(local_name, 1));
    const v1::Receipt receipt = remote.read_kind(v1::Frame::kReceipts).receipts().items(0);
    EXPECT_EQ(v1::OUTCOME_DELIVERED, receipt.outcome());
    EXPECT_EQ(remote_name, local.wait_for_messages(1)[0].from);
  }
}

TEST(LocalClientOfABroker, AnswersWithinItsEvent) {
  BrokerRig rig(test_options(2));
  LocalProgram server(*rig, "server"), caller(*rig, "caller");
  server.message_hook = [&](const client::Message& message) {
    EXPECT_EQ(SendStatus::kAccepted,
              server->send(message.from, "re: " + std::string(message.payload), {.in_reply_to = message.id}));
  };
  server.wait_until_open();
  caller.wait_until_open();
  caller.send("server", "one");
  caller.send("server", "two");
  const auto answers = caller.wait_for_messages(2);
  EXPECT_EQ("re: one", answers[0].payload);
  EXPECT_EQ("re: two", answers[1].payload);
}

TEST(LocalClientOfABroker, KeepsTheOrderOfMessagesFromWithinAndWithoutEvents) {
  BrokerRig rig;
  std::atomic<int> left = 2'000;  // It is there for as long as the sender is told outcomes.
  LocalProgram sender(*rig, "sender"), recipient(*rig, "recipient");
  recipient.wait_until_open();
  sender.wait_until_open();
  sender.outcome_hook = [&](const client::SendResult&) {
    if (left-- > 0) sender->send("recipient", "in", {});
  };
  std::vector<uint64_t> tickets;
  for (int i = 0; i < 2'000; ++i) tickets.push_back(sender.send("recipient", "out"));
  const auto arrived = recipient.wait_for_messages(4'000);
  uint64_t last_id = 0;
  for (const auto& message : arrived) {
    EXPECT_LT(last_id, message.id);
    last_id = message.id;
  }
  EXPECT_TRUE(std::is_sorted(tickets.begin(), tickets.end()));
}

TEST(LocalClientOfABroker, IsRefusedANameInUseAndTakesOneOver) {
  BrokerRig rig;
  LocalProgram first(*rig, "alice");
  first.wait_until_open();
  LocalProgram second(*rig, "alice");
  EXPECT_EQ(Code::kNameInUse, second.wait_until_ended().code);
  EXPECT_EQ(SendStatus::kClosed, second->send("alice", "", {}));
  LocalProgram third(*rig, LocalClientOptions{.name = "alice", .on_conflict = client::OnConflict::kTakeOver});
  EXPECT_EQ(Code::kSessionTakenOver, first.wait_until_ended().code);
  third.wait_until_open();
}

TEST(LocalClientOfABroker, IsToldWhyItCannotBeAttached) {
  BrokerRig rig;
  std::string error;
  struct : LocalClientEvents {
    void on_message(const client::Message&) override {}
  } events;
  EXPECT_EQ(nullptr, rig->attach({.name = "no spaces"}, events, error));
  EXPECT_THAT(error, testing::HasSubstr("name"));
  rig->stop(0);
  EXPECT_EQ(nullptr, rig->attach({.name = "alice"}, events, error));
  EXPECT_EQ("the broker has been stopped", error);
}

TEST(LocalClientOfABroker, GetsANameIfItAsksForNone) {
  BrokerRig rig(test_options(2));
  LocalProgram one(*rig, ""), other(*rig, "");
  EXPECT_NE(one->home(), other->home());
  one.wait_until_open();
  other.wait_until_open();
}

TEST(LocalClientOfABroker, HearsThatNobodyOwnsTheName) {
  BrokerOptions options = test_options(2);
  options.start_grace_ms = 1;
  BrokerRig rig(options);
  LocalProgram alice(*rig, "alice");
  alice.send("nobody", "confirmed");
  alice.send("nobody", "unconfirmed", kUnconfirmed);
  const auto outcomes = alice.wait_for_outcomes(2);
  for (const auto& result : outcomes) {
    EXPECT_EQ(Outcome::kRejected, result.outcome);
    EXPECT_EQ(Reason::kUnknownClient, result.reason);
  }
}

TEST(LocalClientOfABroker, RefusesWhatBreaksARule) {
  BrokerRig rig;
  LocalProgram alice(*rig, "alice");
  alice.wait_until_open();
  EXPECT_EQ(SendStatus::kInvalid, alice->send("", "x", {}));
  EXPECT_EQ(SendStatus::kInvalid, alice->send("\xff", "x", {}));
  EXPECT_EQ(SendStatus::kTooLarge, alice->send("bob", std::string(2 << 20, 'x'), {}));
  // It goes on.
  alice.send("alice", "to myself");
  EXPECT_EQ("to myself", alice.wait_for_messages(1)[0].payload);
}

TEST(LocalClientOfABroker, AcknowledgesAndRefusesWhenItWants) {
  BrokerRig rig;
  LocalProgram alice(*rig, "alice"), bob(*rig, LocalClientOptions{.name = "bob", .ack = AckMode::kManual});
  bob.wait_until_open();
  std::vector<uint64_t> tickets;
  for (int i = 0; i < 3; ++i) tickets.push_back(alice.send("bob", std::to_string(i)));
  const auto arrived = bob.wait_for_messages(3);
  bob->refuse(arrived[1].tag, {.text = "not me", .code = 7});
  const auto first = alice.wait_for_outcomes(1)[0];
  EXPECT_EQ(tickets[1], first.ticket);
  EXPECT_EQ(Reason::kRefusedByRecipient, first.reason);
  EXPECT_EQ("not me", first.text);
  EXPECT_EQ(7u, first.code);
  bob->acknowledge(arrived[2].tag);
  EXPECT_EQ(tickets[2], alice.wait_for_outcomes(2)[1].ticket);
  bob->acknowledge_up_to(arrived[2].tag);
  EXPECT_EQ(tickets[0], alice.wait_for_outcomes(3)[2].ticket);
}

TEST(LocalClientOfABroker, WhatAnEventThrowsRefusesTheMessage) {
  BrokerRig rig;
  LocalProgram alice(*rig, "alice"), bob(*rig, "bob");
  bob.message_hook = [](const client::Message& message) {
    if (message.payload == "bad") throw std::runtime_error("thrown on purpose");
  };
  bob.wait_until_open();
  alice.send("bob", "bad");
  alice.send("bob", "good");
  const auto outcomes = alice.wait_for_outcomes(2);
  EXPECT_EQ(Reason::kRefusedByRecipient, outcomes[0].reason);
  EXPECT_EQ(Outcome::kDelivered, outcomes[1].outcome);
  EXPECT_EQ(1u, bob.wait_for_exceptions(1));
  EXPECT_EQ("good", bob.wait_for_messages(1)[0].payload);
}

// A recipient that does not read: its senders are paused, whether they have a socket or not, and its queue is bounded.
TEST(LocalClientOfABroker, ThatDoesNotReadHasItsSendersPaused) {
  BrokerOptions options = test_options(2);
  options.frame_bytes_max = 16 << 10;
  options.queue_bytes_max = kQueueBytes;
  BrokerRig rig(options);
  for (const unsigned home : {0u, 1u}) {
    const std::string number = std::to_string(home);
    const std::string name = name_on(*rig, home, "slow");
    LocalProgram slow(*rig, name);
    slow.wait_until_open();
    slow->set_reading(false);
    LocalProgram sender(*rig, name_on(*rig, 0, "sender" + number + "-"));
    RawClient remote(rig.address());
    remote.connect(name_on(*rig, 1, "remote" + number + "-"));
    sender.wait_until_open();
    const std::string payload(1'000, 'x');
    while (rig->counters().paused_senders == 0) {
      if (sender->send(name, payload, kUnconfirmed) != SendStatus::kAccepted) std::this_thread::yield();
    }
    EXPECT_LE(rig->counters().queued_bytes, kQueueBytes);
    for (uint64_t id = 1; rig->counters().paused_senders < 2; ++id) {
      remote.send(message_frame(name, id, payload));
      remote.read_to_pong(id);
    }
    EXPECT_LE(rig->counters().queued_bytes, kQueueBytes);
    slow->set_reading(true);
    EXPECT_EQ(v1::STATE_RESUME, remote.read_kind(v1::Frame::kFlow).flow().state());
    EXPECT_EQ(Outcome::kDelivered, sender.wait_for_outcome_of(sender.send(name, "the last")).outcome);
  }
}

// With a window of one message the next may go as soon as the receipt of the one before has come. Nothing else happens
// that would give the client another turn.
TEST(LocalClientOfABroker, SendsOnWhenItsWindowOpens) {
  BrokerOptions options = test_options(2);
  options.send_window = 1;
  BrokerRig rig(options);
  LocalProgram bob(*rig, "bob"), alice(*rig, "alice");
  bob.wait_until_open();
  for (int i = 0; i < 100; ++i) alice.send("bob", std::to_string(i));
  for (const auto& result : alice.wait_for_outcomes(100)) EXPECT_EQ(Outcome::kDelivered, result.outcome);
}

// Events of the broker are told while a shard is at work: what a program sends there goes into the batch.
TEST(LocalClientOfABroker, MayBeUsedByTheBrokersEvents) {
  BrokerOptions options = test_options();
  std::atomic<LocalProgram*> greeter = nullptr;
  options.on_event = [&](const BrokerEvent& event) {
    LocalProgram* program = greeter;
    if (program == nullptr || event.kind != BrokerEvent::Kind::kSessionOpened) return;
    (*program)->send(event.name, "welcome", {});
  };
  std::string error;
  const std::unique_ptr<Broker> broker = Broker::start(options, error);
  ASSERT_NE(nullptr, broker) << error;
  LocalProgram program(*broker, "greeter");
  program.wait_until_open();
  greeter = &program;
  RawClient remote(broker->addresses().front());
  remote.connect("remote");
  EXPECT_EQ("welcome", remote.read_kind(v1::Frame::kMessage).message().payload());
  greeter = nullptr;
}

// A broker's event is told within a call of the shard, here within that in which a local client's event sends. What a
// handler sends there must not reach the shard before that call has returned.
TEST(LocalClientOfABroker, MayBeUsedByAHandlerThatAnEventBringsAbout) {
  BrokerOptions options = test_options();
  std::atomic<LocalProgram*> judged = nullptr;
  options.hooks.authorize = [&](const Access& access, const AuthorizeAnswer& answer) {
    if (LocalProgram* program = judged; program != nullptr && access.action == Action::kSend) {
      EXPECT_EQ(SendStatus::kAccepted, (*program)->send("alice", "within", kUnconfirmed));
    }
    answer.allow();
  };
  std::string error;
  const std::unique_ptr<Broker> broker = Broker::start(options, error);
  ASSERT_NE(nullptr, broker) << error;
  LocalProgram alice(*broker, "alice"), bob(*broker, "bob");
  alice.wait_until_open();
  bob.wait_until_open();
  alice.message_hook = [&](const client::Message& message) {
    if (message.payload != "go") return;
    judged = &bob;
    EXPECT_EQ(SendStatus::kAccepted, alice->send("bob", "asks the hook", kUnconfirmed));
    judged = nullptr;
  };
  bob.send("alice", "go");
  EXPECT_EQ("asks the hook", bob.wait_for_messages(1)[0].payload);
  EXPECT_EQ("within", alice.wait_for_messages(2)[1].payload);
}

TEST(LocalClientOfABroker, IsJudgedByTheHooksToo) {
  BrokerOptions options = test_options(2);
  std::atomic<int> local = 0;
  options.hooks.authenticate = [&](const Credentials& credentials, const AuthenticateAnswer& answer) {
    if (credentials.peer == "local") ++local;
    if (credentials.token == "good") {
      std::thread([answer] { answer.accept("somebody"); }).detach();
    } else {
      answer.refuse(Code::kBadCredentials, "no");
    }
  };
  options.hooks.authorize = [](const Access& access, const AuthorizeAnswer& answer) {
    access.action == Action::kSend&& access.target == "secret" ? answer.deny() : answer.allow();
  };
  std::string error;
  const std::unique_ptr<Broker> broker = Broker::start(options, error);
  ASSERT_NE(nullptr, broker) << error;
  LocalProgram alice(*broker, LocalClientOptions{.name = "alice", .token = "good"});
  alice.wait_until_open();
  LocalProgram mallory(*broker, LocalClientOptions{.name = "mallory", .token = "bad"});
  EXPECT_EQ(Code::kBadCredentials, mallory.wait_until_ended().code);
  EXPECT_EQ(2, local);
  EXPECT_EQ(Reason::kNotAuthorized, alice.wait_for_outcome_of(alice.send("secret", "x")).reason);
  EXPECT_EQ(Outcome::kDelivered, alice.wait_for_outcome_of(alice.send("alice", "to myself")).outcome);
}

}  // namespace
}  // namespace onehop::test
