// What programs do to local clients within events, and at the edges of a broker's life.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "server_test/broker_rig.h"
#include "server_test/local_program.h"

namespace onehop::test {
namespace {

using client::AckMode;
using client::Code;
using client::Ending;
using client::Outcome;
using client::SendStatus;

// An event of the broker comes while its shard is at work, also if that work is for a local client.
TEST(LocalClientEvents, TheBrokersEventsSendIntoTheBatch) {
  std::atomic<LocalProgram*> greeter = nullptr;
  std::atomic<SendStatus> status = SendStatus::kInvalid;
  BrokerOptions options = test_options();
  options.on_event = [&](const BrokerEvent& event) {
    LocalProgram* const program = greeter;
    if (program == nullptr || event.kind != BrokerEvent::Kind::kSessionOpened) return;
    status = (*program)->send(event.name, std::string(200 << 10, 'x'), {});
    if (status == SendStatus::kAccepted) status = (*program)->send(event.name, "and more", {});
  };
  std::string error;
  const std::unique_ptr<Broker> broker = Broker::start(options, error);
  ASSERT_NE(nullptr, broker) << error;
  LocalProgram program(*broker, "greeter");
  program.wait_until_open();
  greeter = &program;
  LocalProgram guest(*broker, "guest");
  EXPECT_EQ("and more", guest.wait_for_messages(2)[1].payload);
  EXPECT_EQ(SendStatus::kAccepted, status) << "in an event of a client the second would wait for a flush";
  greeter = nullptr;
}

TEST(LocalClientEvents, MayUseAndDestroyAClientThatHasEnded) {
  BrokerRig rig;
  LocalProgram alice(*rig, "alice"), bob(*rig, "bob");
  alice.wait_until_open();
  bob.wait_until_open();
  rig->kick("bob", "");
  bob.wait_until_ended();
  alice.message_hook = [&](const client::Message& message) {
    if (message.payload != "now") return;
    bob->acknowledge({});
    bob->set_reading(false);
    bob->close(0);
    EXPECT_EQ(SendStatus::kClosed, bob->send("alice", "", {}));
    bob.destroy();
  };
  alice.send("alice", "now");
  alice.send("alice", "later");
  alice.wait_for_messages(2);
}

TEST(LocalClientEvents, MayAttachUseAndDestroyAClient) {
  BrokerRig rig;
  LocalProgram alice(*rig, "alice");
  std::optional<LocalProgram> child;
  alice.message_hook = [&](const client::Message& message) {
    child.emplace(*rig, "child");
    (*child)->send("alice", "from the child", {});
    if (message.payload == "destroy") child.reset();
  };
  alice.wait_until_open();
  for (int i = 0; i < 100; ++i) alice.send("alice", "destroy");
  alice.wait_for_messages(100);
  alice.message_hook = [&](const client::Message& message) {
    if (message.payload != "keep") return;
    child.emplace(*rig, LocalClientOptions{.name = "child"});
    if ((*child)->send("alice", "from the child", {}) != SendStatus::kAccepted) {
      child->room_hook = [&] { (*child)->send("alice", "from the child", {}); };
    }
  };
  alice.send("alice", "keep");
  EXPECT_EQ("from the child", alice.wait_for_messages(102)[101].payload);
}

TEST(LocalClientEvents, ClosingAndNotReadingHoldAtOnce) {
  BrokerRig rig;
  LocalProgram alice(*rig, "alice"), bob(*rig, "bob");
  bob.message_hook = [&](const client::Message&) { bob->set_reading(false); };
  std::atomic<SendStatus> after_close = SendStatus::kInvalid;
  alice.outcome_hook = [&](const client::SendResult& result) {
    if (result.ticket != 1) return;
    alice->close(UINT64_MAX);
    after_close = alice->send("bob", "late", {});
  };
  bob.wait_until_open();
  for (int i = 0; i < 3; ++i) alice.send("bob", std::to_string(i));
  alice.wait_for_outcomes(1);
  EXPECT_EQ(SendStatus::kClosed, after_close);
  EXPECT_EQ(1u, bob.messages());
  for (size_t count = 1; count < 3; ++count) {
    bob->set_reading(true);
    EXPECT_EQ(count + 1, bob.wait_for_messages(count + 1).size());
  }
  for (const auto& result : alice.wait_for_outcomes(3)) EXPECT_EQ(Outcome::kDelivered, result.outcome);
  EXPECT_EQ(Ending::Cause::kClosed, alice.wait_until_ended().cause);
}

TEST(LocalClientEvents, TheSmallestBatchTakesOneMessage) {
  BrokerRig rig;
  LocalProgram alice(*rig, LocalClientOptions{.name = "alice", .batch_bytes_max = 0});
  for (int i = 0; i < 100; ++i) alice.send("alice", std::to_string(i));
  EXPECT_EQ("99", alice.wait_for_messages(100)[99].payload);
}

TEST(LocalClientEvents, WhatIsTooLongForAConnectIsRefused) {
  BrokerRig rig;
  struct : LocalClientEvents {
    void on_message(const client::Message&) override {}
  } events;
  std::string error;
  EXPECT_EQ(nullptr, rig->attach({.name = "alice", .token = std::string(1 << 20, 'x')}, events, error));
  EXPECT_EQ("token: it is longer than 14 KiB", error);
}

// What lies ready for a client when its shard ends is told.
TEST(LocalClientEvents, ABrokerThatStopsAtOnceSaysWhy) {
  for (int i = 0; i < 20; ++i) {
    BrokerRig rig;
    LocalProgram bob(*rig, LocalClientOptions{.name = "bob", .ack = AckMode::kManual});
    bob.wait_until_open();
    LocalProgram alice(*rig, "alice");
    alice.send("bob", "never acknowledged");
    bob.wait_for_messages(1);
    rig->stop(0);
    EXPECT_EQ(Code::kServerShuttingDown, alice.wait_until_ended().code);
    EXPECT_EQ(Outcome::kLost, alice.wait_for_outcomes(1)[0].outcome);
  }
}

TEST(LocalClientEvents, TheEndMayAskForTheEnd) {
  BrokerRig rig;
  struct : LocalClientEvents {
    void on_message(const client::Message&) override {}
    void on_ended(const client::Ending&) override {
      again = broker->stop(0);
      sessions = broker->counters().sessions;
    }
    Broker* broker = nullptr;
    std::optional<Broker::Stopped> again;
    uint64_t sessions = 1;
  } events;
  events.broker = &*rig;
  std::string error;
  const auto client = rig->attach({.name = "alice"}, events, error);
  EXPECT_EQ(Broker::Stopped::kAllEnded, rig->stop(0));
  EXPECT_EQ(Broker::Stopped::kRefused, events.again);
}

}  // namespace
}  // namespace onehop::test
