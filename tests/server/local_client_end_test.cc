// How local clients of a running broker end: of their own will, by another's, and with the broker.
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>

#include "server_test/broker_rig.h"
#include "server_test/local_program.h"

namespace onehop::test {
namespace {

using client::AckMode;
using client::Code;
using client::Outcome;
using client::Reason;
using client::SendStatus;

TEST(EndOfALocalClient, ClosesWhenEverythingHasItsOutcome) {
  BrokerRig rig(test_options(2));
  LocalProgram bob(*rig, "bob");
  bob.wait_until_open();
  LocalProgram alice(*rig, "alice");
  for (int i = 0; i < 1'000; ++i) alice.send("bob", std::to_string(i));
  alice->close(0);
  EXPECT_EQ(SendStatus::kClosed, alice->send("bob", "late", {}));
  EXPECT_EQ(client::Ending::Cause::kClosed, alice.wait_until_ended().cause);
  for (const auto& result : alice.wait_for_outcomes(1'000)) EXPECT_EQ(Outcome::kDelivered, result.outcome);
  EXPECT_EQ("999", bob.wait_for_messages(1'000).back().payload);
}

TEST(EndOfALocalClient, ClosesAtItsDeadlineAllTheSame) {
  BrokerRig rig;
  LocalProgram bob(*rig, LocalClientOptions{.name = "bob", .ack = AckMode::kManual});
  bob.wait_until_open();
  LocalProgram alice(*rig, "alice");
  alice.send("bob", "never acknowledged");
  bob.wait_for_messages(1);
  alice->close(1);
  alice.wait_until_ended();
  EXPECT_EQ(Outcome::kUnknown, alice.wait_for_outcomes(1)[0].outcome);
}

TEST(EndOfALocalClient, MayBeDestroyedAtAnyTimeAndItsNameIsFree) {
  BrokerRig rig;
  for (int i = 0; i < 100; ++i) {
    LocalProgram alice(*rig, "alice");
    if (i % 2 == 0) alice.wait_until_open();
    alice->send("alice", "to myself", {});
    alice.destroy();
  }
  // The end of the last one is on its way; who comes later finds the name free.
  LocalProgram last(*rig, LocalClientOptions{.name = "alice", .on_conflict = client::OnConflict::kTakeOver});
  last.wait_until_open();
}

TEST(EndOfALocalClient, MayBeDestroyedByItsOwnEvent) {
  BrokerRig rig;
  LocalProgram alice(*rig, "alice"), bob(*rig, "bob");
  std::atomic<bool> gone = false;
  bob.message_hook = [&](const client::Message&) {
    if (!gone.exchange(true)) bob.destroy();
  };
  bob.wait_until_open();
  alice.send("bob", "one");
  EXPECT_NE(Outcome::kRejected, alice.wait_for_outcomes(1)[0].outcome);
  EXPECT_TRUE(gone);
}

TEST(EndOfALocalClient, EndsWhenItIsKicked) {
  BrokerRig rig(test_options(2));
  LocalProgram alice(*rig, "alice");
  alice.wait_until_open();
  EXPECT_EQ(Broker::Kick::kEnded, rig->kick("alice", "enough"));
  const client::Ending ending = alice.wait_until_ended();
  EXPECT_EQ(Code::kAdministrative, ending.code);
  EXPECT_EQ("enough", ending.text);
}

// A drain: what is on its way arrives and is acknowledged, and nobody has to be waited for.
TEST(EndOfALocalClient, LeavesADrainingBrokerByItself) {
  BrokerRig rig(test_options(2));
  LocalProgram bob(*rig, name_on(*rig, 0, "bob")), alice(*rig, name_on(*rig, 1, "alice"));
  bob.wait_until_open();
  alice.wait_until_open();
  for (int i = 0; i < 1'000; ++i) alice.send(name_on(*rig, 0, "bob"), std::to_string(i));
  EXPECT_EQ(Broker::Stopped::kAllEnded, rig->stop(600'000));
  EXPECT_EQ(Code::kServerShuttingDown, alice.wait_until_ended().code);
  size_t delivered = 0;
  for (const auto& result : alice.wait_for_outcomes(1'000)) {
    if (result.outcome == Outcome::kDelivered) {
      ++delivered;
    } else {
      EXPECT_EQ(Reason::kShuttingDown, result.reason);
    }
  }
  EXPECT_EQ(delivered, bob.messages());
}

TEST(EndOfALocalClient, LearnsThatTheBrokerStoppedWithoutWaiting) {
  BrokerRig rig;
  LocalProgram bob(*rig, LocalClientOptions{.name = "bob", .ack = AckMode::kManual});
  bob.wait_until_open();
  LocalProgram alice(*rig, "alice");
  alice.send("bob", "never acknowledged");
  bob.wait_for_messages(1);
  rig->stop(0);
  alice.wait_until_ended();
  bob.wait_until_ended();
  EXPECT_EQ(1u, alice.wait_for_outcomes(1).size());
  EXPECT_EQ(SendStatus::kClosed, alice->send("bob", "late", {}));
}

TEST(EndOfALocalClient, MayOutliveItsBroker) {
  auto rig = std::make_unique<BrokerRig>();
  LocalProgram alice(**rig, "alice");
  rig.reset();
  alice.wait_until_ended();
  alice->acknowledge({});
  alice->close(0);
  EXPECT_EQ(SendStatus::kClosed, alice->send("bob", "late", {}));
}

}  // namespace
}  // namespace onehop::test
