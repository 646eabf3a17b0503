// LoopClient on a loop of the test's, against a real broker.
#include "onehop/loop_client.h"

#include <gtest/gtest.h>
#include <uv.h>

#include <algorithm>
#include <memory>
#include <stdexcept>

#include "broker_process.h"
#include "loop_rig.h"

namespace onehop::client {
namespace {

TEST(LoopClient, ManyClientsShareALoop) {
  BrokerProcess broker({"--shards", "2"});
  ProgramLoop loop;
  {
    ClientLoop client_loop(loop.get());
    constexpr size_t kClients = 50;
    std::vector<Peer> peers(kClients);
    std::vector<std::unique_ptr<LoopClient>> clients;
    for (size_t i = 0; i < kClients; ++i) {
      clients.push_back(started(client_loop, broker.address(), named("c" + std::to_string(i)), peers[i]));
    }
    loop.run_until(
        [&] { return std::all_of(peers.begin(), peers.end(), [](const Peer& peer) { return peer.opened == 1; }); });
    for (size_t i = 0; i < kClients; ++i) {
      for (size_t j = 0; j < kClients; ++j) {
        ASSERT_EQ(clients[i]->send("c" + std::to_string(j), std::to_string(i)), SendStatus::kAccepted);
      }
    }
    loop.run_until([&] {
      return std::all_of(peers.begin(), peers.end(), [](const Peer& peer) {
        return peer.messages.size() == kClients && peer.delivered == static_cast<int>(kClients);
      });
    });
    for (Peer& peer : peers) {
      for (size_t i = 0; i < kClients; ++i) EXPECT_EQ(peer.senders[i], "c" + peer.messages[i]);
    }
    for (auto& client : clients) client->close(5'000);
    loop.run_until(
        [&] { return std::all_of(peers.begin(), peers.end(), [](const Peer& peer) { return peer.ended; }); });
  }
}

TEST(LoopClient, EndsByItselfSoThatTheLoopReturns) {
  BrokerProcess broker;
  ProgramLoop loop;
  Peer peer;
  ClientLoop client_loop(loop.get());
  const auto client = started(client_loop, broker.address(), named("alice"), peer);
  client->send("nobody", "x");
  client->close(60'000);
  uv_run(loop.get(), UV_RUN_DEFAULT);
  EXPECT_TRUE(peer.ended);
  EXPECT_EQ(peer.ending.cause, Ending::Cause::kClosed);
  EXPECT_EQ(peer.last.outcome, Outcome::kRejected);
  EXPECT_EQ(peer.last.reason, Reason::kUnknownClient);
}

TEST(LoopClient, StreamsInOrderThroughItsLimits) {
  for (const char* shards : {"1", "2"}) {
    BrokerProcess broker({"--shards", shards});
    ProgramLoop loop;
    Peer alice_peer, bob_peer;
    ClientLoop client_loop(loop.get());
    const auto alice = started(client_loop, broker.address(), named("alice"), alice_peer);
    const auto bob = started(client_loop, broker.address(), named("bob"), bob_peer);
    loop.run_until([&] { return alice_peer.opened + bob_peer.opened == 2; });
    constexpr int kMessages = 100'000;
    int next = 0;
    alice_peer.fill = [&] {
      while (next < kMessages) {
        const SendStatus status = alice->send("bob", std::to_string(next));
        if (status == SendStatus::kWouldBlock) return;
        ASSERT_EQ(status, SendStatus::kAccepted);
        ++next;
      }
    };
    alice_peer.fill();
    bool flushed = false;
    loop.run_until([&] { return next == kMessages; });
    alice->flush([&] { flushed = true; });
    loop.run_until([&] { return flushed && bob_peer.messages.size() == kMessages; });
    for (int i = 0; i < kMessages; ++i) ASSERT_EQ(bob_peer.messages[static_cast<size_t>(i)], std::to_string(i));
    EXPECT_EQ(alice_peer.delivered, kMessages);
  }
}

TEST(LoopClient, AReaderThatStopsFillsItsQueueAndNothingIsLost) {
  // The smallest queue there is, so that it overflows soon.
  BrokerProcess broker({"--shards", "2", "--frame-bytes-max", "16384", "--queue-bytes-max", "65536",
                        "--send-buffer-bytes", "65536", "--pause-lease-ms", "20"});
  ProgramLoop loop;
  Peer alice_peer, bob_peer, carol_peer;
  ClientLoop client_loop(loop.get());
  const auto alice = started(client_loop, broker.address(), named("alice"), alice_peer);
  const auto bob = started(client_loop, broker.address(), named("bob"), bob_peer);
  const auto carol = started(client_loop, broker.address(), named("carol"), carol_peer);
  loop.run_until([&] { return alice_peer.opened + bob_peer.opened + carol_peer.opened == 3; });
  bob->set_reading(false);
  constexpr int kMessages = 2'000;
  const std::string filler(10'000, '.');
  int next = 0;
  alice_peer.fill = [&] {
    while (next < kMessages && alice->send("bob", std::to_string(next) + filler) == SendStatus::kAccepted) ++next;
  };
  alice_peer.fill();
  // Bob is refused and paused; Carol gets hers meanwhile.
  loop.run_until([&] { return alice->counts().repeats != 0 && alice->counts().pauses != 0; });
  // What is under way may fill the window for a moment; the next pong makes room.
  loop.run_until([&] { return alice->send("carol", "meanwhile") == SendStatus::kAccepted; });
  loop.run_until([&] { return carol_peer.messages.size() == 1; });
  EXPECT_LT(alice_peer.delivered, kMessages);
  bob->set_reading(true);
  loop.run_until([&] { return bob_peer.messages.size() == kMessages && alice->unsettled() == 0; });
  for (int i = 0; i < kMessages; ++i) {
    ASSERT_EQ(bob_peer.messages[static_cast<size_t>(i)], std::to_string(i) + filler);
  }
}

TEST(LoopClient, ComesBackAfterTheBrokerWasRestarted) {
  for (const int signal : {SIGTERM, SIGKILL}) {
    auto broker = std::make_unique<BrokerProcess>();
    const std::string address = broker->address();
    ProgramLoop loop;
    Peer peer;
    ClientLoop client_loop(loop.get());
    const auto client = started(client_loop, address, named("alice"), peer);
    loop.run_until([&] { return peer.opened == 1; });
    broker->begin_to_stop(signal);
    loop.run_until([&] { return peer.downs != 0; });
    broker->wait();
    ASSERT_EQ(client->send("alice", "to myself, later"), SendStatus::kAccepted);
    broker = std::make_unique<BrokerProcess>(std::vector<std::string>{}, address);
    loop.run_until([&] { return peer.opened == 2 && peer.messages.size() == 1; });
    loop.run_until([&] { return peer.delivered == 1; });
  }
}

TEST(LoopClient, WhoIsTakenOverStaysAway) {
  BrokerProcess broker;
  ProgramLoop loop;
  Peer elder_peer, newcomer_peer, third_peer;
  ClientLoop client_loop(loop.get());
  const auto elder = started(client_loop, broker.address(), named("alice"), elder_peer);
  loop.run_until([&] { return elder_peer.opened == 1; });
  const auto third = started(client_loop, broker.address(), named("alice"), third_peer);
  loop.run_until([&] { return third_peer.ended; });
  EXPECT_EQ(third_peer.ending.code, Code::kNameInUse);
  ClientOptions options = named("alice");
  options.on_conflict = OnConflict::kTakeOver;
  const auto newcomer = started(client_loop, broker.address(), options, newcomer_peer);
  loop.run_until([&] { return newcomer_peer.opened == 1 && elder_peer.ended; });
  EXPECT_EQ(elder_peer.ending.code, Code::kSessionTakenOver);
  EXPECT_EQ(elder_peer.downs, 0);
}

TEST(LoopClient, AcknowledgesWhenItsOwnerSaysSo) {
  BrokerProcess broker;
  ProgramLoop loop;
  Peer alice_peer, bob_peer;
  ClientLoop client_loop(loop.get());
  ClientOptions manual = named("bob");
  manual.ack = AckMode::kManual;
  const auto bob = started(client_loop, broker.address(), manual, bob_peer);
  const auto alice = started(client_loop, broker.address(), named("alice"), alice_peer);
  loop.run_until([&] { return alice_peer.opened + bob_peer.opened == 2; });
  for (int i = 0; i < 4; ++i) alice->send("bob", std::to_string(i));
  loop.run_until([&] { return bob_peer.messages.size() == 4; });
  EXPECT_EQ(alice_peer.outcomes, 0);
  bob->acknowledge(bob_peer.tags[3]);
  loop.run_until([&] { return alice_peer.outcomes == 1; });
  EXPECT_EQ(alice_peer.last.ticket, 4U);
  bob->acknowledge_up_to(bob_peer.tags[1]);
  loop.run_until([&] { return alice_peer.outcomes == 3; });
  bob->refuse(bob_peer.tags[2], {.text = "no"});
  loop.run_until([&] { return alice_peer.outcomes == 4; });
  EXPECT_EQ(alice_peer.last.reason, Reason::kRefusedByRecipient);
  EXPECT_EQ(alice_peer.delivered, 3);
}

TEST(LoopClient, DetachesAndIsResumedByAnother) {
  BrokerProcess broker;
  ProgramLoop loop;
  Peer first_peer, second_peer;
  ClientLoop client_loop(loop.get());
  ClientOptions options = named("alice");
  options.ack = AckMode::kManual;
  const auto first = started(client_loop, broker.address(), options, first_peer);
  EXPECT_FALSE(first->saved_session());
  first->send("alice", "hello");
  loop.run_until([&] { return first_peer.messages.size() == 1; });
  first->detach(60'000);
  uv_run(loop.get(), UV_RUN_DEFAULT);
  EXPECT_TRUE(first_peer.ended);
  EXPECT_EQ(first_peer.ending.cause, Ending::Cause::kClosed);
  EXPECT_EQ(first_peer.last.outcome, Outcome::kUnknown);
  options.resume = first->saved_session();
  ASSERT_TRUE(options.resume);
  const auto second = started(client_loop, broker.address(), options, second_peer);
  loop.run_until([&] { return second_peer.messages.size() == 1; });
  EXPECT_EQ(second_peer.tags[0], first_peer.tags[0]);
  second->close(60'000);
  uv_run(loop.get(), UV_RUN_DEFAULT);
}

TEST(LoopClient, OverAUnixSocket) {
  const std::string path = testing::TempDir() + "onehop_client_test_" + std::to_string(getpid()) + ".sock";
  BrokerProcess broker({}, "unix://" + path);
  ProgramLoop loop;
  Peer peer;
  ClientLoop client_loop(loop.get());
  const auto client = started(client_loop, "unix://" + path, named("alice"), peer);
  client->send("alice", "hello");
  loop.run_until([&] { return peer.messages.size() == 1; });
}

TEST(LoopClient, MayGoInAnyState) {
  BrokerProcess broker;
  for (int turns = 0; turns < 12; ++turns) {
    ProgramLoop loop;
    Peer peer;
    ClientLoop client_loop(loop.get());
    const auto client = started(client_loop, broker.address(), named("alice" + std::to_string(turns)), peer);
    client->send("nobody", "x");
    for (int i = 0; i < turns; ++i) uv_run(loop.get(), UV_RUN_NOWAIT);
  }
}

TEST(LoopClient, OutlivesWhatItsEventsThrow) {
  struct Failing final : ClientEvents {
    void on_message(const Message&) override { throw 1; }
    void on_outcome(std::string_view, const SendResult& result) override {
      last = result;
      ++outcomes;
      throw 2;
    }
    void on_open(const SessionInfo&) override {
      opened = true;
      throw 3;
    }
    void on_ended(const Ending&) override {
      ended = true;
      throw 4;
    }
    void on_exception(const std::exception_ptr& exception) override {
      EXPECT_TRUE(exception);
      ++exceptions;
      throw 5;
    }
    SendResult last;
    int outcomes = 0, exceptions = 0;
    bool opened = false, ended = false;
  };
  BrokerProcess broker;
  ProgramLoop loop;
  Failing peer;
  ClientLoop client_loop(loop.get());
  const auto client = started(client_loop, broker.address(), named("alice"), peer);
  loop.run_until([&] { return peer.opened; });
  EXPECT_EQ(client->send("alice", "x"), SendStatus::kAccepted);
  client->flush([] { throw 6; });
  loop.run_until([&] { return peer.outcomes == 1; });
  EXPECT_EQ(peer.last.outcome, Outcome::kRejected);
  EXPECT_EQ(peer.last.text, kHandlerFailedText);
  EXPECT_EQ(client->unsettled(), 0U);
  client->close(kLong);
  loop.run_until([&] { return peer.ended; });
  // on_open, on_message, on_outcome, flush, on_ended; each time on_exception as well.
  EXPECT_EQ(peer.exceptions, 5);
  EXPECT_EQ(client->counts().exceptions, 10U);
}

TEST(LoopClient, SaysWhatIsWrongWithItsArguments) {
  ProgramLoop loop;
  ClientLoop client_loop(loop.get());
  Peer peer;
  const auto is_refused = [&](std::string_view server, const ClientOptions& options) {
    std::string error;
    return LoopClient::start(client_loop, server, options, peer, error) == nullptr && !error.empty();
  };
  EXPECT_TRUE(is_refused("http://x", {}));
  EXPECT_TRUE(is_refused("tcp://127.0.0.1", {}));
  EXPECT_TRUE(is_refused("tcp://127.0.0.1:0", {})) << "nobody listens there";
  for (const char* name : {"$sys", "~mine", "a b", "a*", "\x7F"}) {
    EXPECT_TRUE(is_refused("tcp://127.0.0.1:1", named(name))) << name;
  }
}

}  // namespace
}  // namespace onehop::client
