// Endpoints on a shard, with a host that the test plays: what they send and are told, and the moments that a running
// broker reaches rarely.
#include "local/endpoint.h"

#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "core/shard/shard.h"
#include "one_shard_host.h"

namespace onehop::local {
namespace {

using client::AckMode;
using client::Confirm;
using client::Outcome;
using client::Reason;
using client::SendStatus;
using core::Instant;

struct Program final : LocalClientEvents {
  void on_message(const client::Message& message) override {
    if (message.payload == "throw") throw std::runtime_error("on purpose");
    payloads.emplace_back(message.payload);
    tags.push_back(message.tag);
  }
  void on_outcome(const client::SendResult& result) override { outcomes.push_back(result); }
  void on_open(const client::SessionInfo& session) override { sessions.push_back(session.session); }
  void on_ended(const client::Ending& ending) override { endings.push_back(ending); }
  void on_exception(const std::exception_ptr&) noexcept override { ++exceptions; }

  std::vector<std::string> payloads;
  std::vector<client::DeliveryTag> tags;
  std::vector<client::SendResult> outcomes;
  std::vector<uint64_t> sessions;
  std::vector<client::Ending> endings;
  int exceptions = 0;
};

class World {
 public:
  explicit World(const core::Limits& limits = {}) : shard_(one_shard(limits), host_) {}

  // A client and its program; `number` names it, from 0.
  size_t add(LocalClientOptions options) {
    programs.push_back(std::make_unique<Program>());
    host_.endpoints.push_back(std::make_unique<Endpoint>(shard_, std::move(options), *programs.back()));
    host_.endpoints.back()->begin({host_.endpoints.size()}, now);
    settle();
    return programs.size() - 1;
  }
  Endpoint& operator[](size_t number) { return *host_.endpoints[number]; }
  Program& program(size_t number) { return *programs[number]; }
  core::Shard& shard() { return shard_; }

  SendStatus send(size_t from, const std::string& to, const std::string& payload, client::SendOptions options = {}) {
    return (*this)[from].send(++last_id, to, payload, options, now);
  }
  // What can happen now happens.
  void settle() {
    for (int round = 0; round < 8; ++round) turn();
  }
  bool turn() {
    bool room = false;
    do {
      shard_.flush(now);
    } while (shard_.flush_wanted());
    for (const auto& endpoint : host_.endpoints) {
      room = endpoint->deliver(now) || room;
      if (endpoint->is_over()) endpoint->end();
      endpoint->say(true, now);
    }
    return room;
  }
  void advance(uint64_t ms) {
    for (const Instant end = now + ms; now < end;) {
      now = now + 100;
      shard_.on_tick(now);
      settle();
    }
  }

  Instant now{1'000'000};
  uint64_t last_id = 0;
  std::vector<std::unique_ptr<Program>> programs;

 private:
  struct Host final : OneShardHost {
    Endpoint& endpoint_of(core::HostLink link) override { return *endpoints[link.value - 1]; }

    std::vector<std::unique_ptr<Endpoint>> endpoints;
  };

  Host host_;
  core::Shard shard_;
};

TEST(Endpoint, SendsAndIsToldTheOutcome) {
  World world;
  const size_t alice = world.add({.name = "alice"}), bob = world.add({.name = "bob"});
  EXPECT_EQ(1u, world.program(alice).sessions.size());
  EXPECT_EQ(SendStatus::kAccepted, world.send(alice, "bob", "one"));
  EXPECT_EQ(SendStatus::kAccepted, world.send(alice, "bob", "two", {.confirm = Confirm::kRefusals}));
  world.settle();
  EXPECT_EQ((std::vector<std::string>{"one", "two"}), world.program(bob).payloads);
  ASSERT_EQ(1u, world.program(alice).outcomes.size());
  EXPECT_EQ(Outcome::kDelivered, world.program(alice).outcomes[0].outcome);
  EXPECT_EQ(1u, world.program(alice).outcomes[0].ticket);
}

TEST(Endpoint, KeepsToItsWindow) {
  core::Limits limits;
  limits.send_window = 3;
  World world(limits);
  const size_t alice = world.add({.name = "alice"}), bob = world.add({.name = "bob", .ack = AckMode::kManual});
  for (int i = 0; i < 3; ++i) EXPECT_EQ(SendStatus::kAccepted, world.send(alice, "bob", "x"));
  EXPECT_EQ(SendStatus::kWouldBlock, world.send(alice, "bob", "x"));
  world.settle();
  EXPECT_EQ(SendStatus::kWouldBlock, world.send(alice, "bob", "x"));
  world[bob].acknowledge(world.program(bob).tags[0]);
  bool room = false;
  for (int round = 0; round < 8; ++round) room = world.turn() || room;
  EXPECT_TRUE(room);
  EXPECT_EQ(SendStatus::kAccepted, world.send(alice, "bob", "x"));
  world.settle();
  EXPECT_TRUE(world.program(alice).endings.empty()) << "the shard never met more than it had allowed";
}

TEST(Endpoint, WaitsForAFlushBeforeItSubmitsMore) {
  World world;
  const size_t alice = world.add({.name = "alice"});
  world.add({.name = "bob"});
  const std::string payload(1'000, 'x');
  uint64_t sent = 0;
  while (world.send(alice, "bob", payload, {.confirm = Confirm::kRefusals}) == SendStatus::kAccepted) ++sent;
  EXPECT_NEAR(static_cast<double>(kUnflushedBytesMax) / 1'000, static_cast<double>(sent), 5);
  EXPECT_TRUE(world[alice].waits_for_turn());
  EXPECT_TRUE(world.turn());
  EXPECT_EQ(SendStatus::kAccepted, world.send(alice, "bob", payload, {.confirm = Confirm::kRefusals}));
}

TEST(Endpoint, IsPausedAndGoesOnWhenItIsToldOrThePauseIsOver) {
  core::Limits limits;
  limits.frame_bytes_max = 16 << 10;
  limits.queue_bytes_max = 64 << 10;
  limits.slow_consumer_ms = 600'000;
  World world(limits);
  const size_t alice = world.add({.name = "alice"}), bob = world.add({.name = "bob"});
  const client::SendOptions unconfirmed{.confirm = Confirm::kRefusals};
  world[bob].set_reading(false);
  const auto fill = [&] {
    for (int i = 0; i < 2'000 && world[alice].pauses().empty(); ++i) {
      world.send(alice, "bob", std::string(1'000, 'x'), unconfirmed);
      if (i % 8 == 0) world.turn();
    }
    ASSERT_TRUE(world[alice].pauses().contains("bob"));
    EXPECT_EQ(SendStatus::kWouldBlock, world.send(alice, "bob", "", unconfirmed));
  };
  fill();
  EXPECT_EQ(SendStatus::kAccepted, world.send(alice, "alice", "others go on", unconfirmed));
  world.advance(2'000);
  EXPECT_TRUE(world[alice].pauses().empty()) << "the lease is over";
  fill();
  world[bob].set_reading(true);
  world.settle();
  EXPECT_TRUE(world[alice].pauses().empty()) << "it was told to go on";
  EXPECT_EQ(SendStatus::kAccepted, world.send(alice, "bob", "last", unconfirmed));
  world.settle();
  EXPECT_EQ("last", world.program(bob).payloads.back());
}

// A client that does not read sees no ping, and is alive all the same.
TEST(Endpoint, LivesWhileItDoesNotRead) {
  World world;
  const size_t alice = world.add({.name = "alice"});
  world[alice].set_reading(false);
  world.advance(3 * 60'000);
  world[alice].set_reading(true);
  world.settle();
  EXPECT_TRUE(world.program(alice).endings.empty());
  world.advance(3 * 60'000);
  EXPECT_TRUE(world.program(alice).endings.empty());
}

TEST(Endpoint, WhatThrowsIsRefused) {
  World world;
  const size_t alice = world.add({.name = "alice"}), bob = world.add({.name = "bob"});
  world.send(alice, "bob", "throw");
  world.settle();
  EXPECT_EQ(1, world.program(bob).exceptions);
  ASSERT_EQ(1u, world.program(alice).outcomes.size());
  EXPECT_EQ(Reason::kRefusedByRecipient, world.program(alice).outcomes[0].reason);
  EXPECT_EQ(client::kHandlerFailedText, world.program(alice).outcomes[0].text);
}

TEST(Endpoint, SaysNothingOnceItIsMute) {
  World world;
  const size_t alice = world.add({.name = "alice"}), bob = world.add({.name = "bob"});
  world.send(alice, "bob", "one");
  world[bob].mute();
  world[alice].mute();
  world.settle();
  world[alice].abandon(world.now);
  world.settle();
  EXPECT_TRUE(world.program(bob).payloads.empty());
  EXPECT_TRUE(world.program(alice).outcomes.empty());
  EXPECT_TRUE(world.program(alice).endings.empty());
  EXPECT_FALSE(world.shard().find_client("alice", world.now)) << "its name is free";
}

// The program may let go while the shard does not read the link, so that no goodbye can be said.
TEST(Endpoint, IsAbandonedWhileItIsNotRead) {
  World world;
  const size_t alice = world.add({.name = "alice"});
  world[alice].set_link_reading(false);
  world[alice].abandon(world.now);
  world.settle();
  EXPECT_FALSE(world.shard().find_client("alice", world.now));
}

TEST(Endpoint, LeavesADrainingShardWhenItHasSettledWhatItGot) {
  World world;
  const size_t alice = world.add({.name = "alice"}), bob = world.add({.name = "bob", .ack = AckMode::kManual});
  world.send(alice, "bob", "before");
  world.settle();
  world.shard().drain({60'000, 0}, world.now);
  world.settle();
  EXPECT_FALSE(world[alice].accepts());
  EXPECT_TRUE(world.program(bob).endings.empty()) << "it holds a delivery";
  EXPECT_TRUE(world.program(alice).endings.empty()) << "it waits for an outcome";
  world[bob].acknowledge(world.program(bob).tags[0]);
  world.settle();
  ASSERT_EQ(1u, world.program(bob).endings.size());
  ASSERT_EQ(1u, world.program(alice).endings.size());
  EXPECT_EQ(client::Code::kServerShuttingDown, world.program(alice).endings[0].code);
  EXPECT_EQ(Outcome::kDelivered, world.program(alice).outcomes[0].outcome);
}

TEST(Endpoint, SendsThatEndWithTheHostAreUnknown) {
  World world;
  const size_t alice = world.add({.name = "alice"});
  world.add({.name = "bob", .ack = AckMode::kManual});
  world.send(alice, "bob", "one");
  world.settle();
  world[alice].link_closed();
  world[alice].end();
  ASSERT_EQ(1u, world.program(alice).outcomes.size());
  EXPECT_EQ(Outcome::kUnknown, world.program(alice).outcomes[0].outcome);
  EXPECT_EQ(client::Ending::Cause::kConnectionLost, world.program(alice).endings[0].cause);
}

// Whoever waits for the window is told when there is room for what it has, not before.
TEST(Endpoint, TellsOfRoomWhenItIsEnoughForWhatWaits) {
  core::Limits limits;
  limits.frame_bytes_max = 64 << 10;
  limits.send_window_bytes = 64 << 10;
  World world(limits);
  const size_t alice = world.add({.name = "alice"}), bob = world.add({.name = "bob", .ack = AckMode::kManual});
  const std::string half(30'000, 'x');
  for (int i = 0; i < 2; ++i) EXPECT_EQ(SendStatus::kAccepted, world.send(alice, "bob", half));
  EXPECT_EQ(SendStatus::kWouldBlock, world.send(alice, "bob", half));
  for (int round = 0; round < 8; ++round) EXPECT_FALSE(world.turn());
  world[bob].acknowledge(world.program(bob).tags[0]);
  bool room = false;
  for (int round = 0; round < 8; ++round) room = world.turn() || room;
  EXPECT_TRUE(room);
  EXPECT_EQ(SendStatus::kAccepted, world.send(alice, "bob", half));
}

TEST(Endpoint, WhatNeedsNoWindowDoesNotWaitForIt) {
  core::Limits limits;
  limits.send_window = 1;
  World world(limits);
  const size_t alice = world.add({.name = "alice"});
  world.add({.name = "bob", .ack = AckMode::kManual});
  EXPECT_EQ(SendStatus::kAccepted, world.send(alice, "bob", "never acknowledged"));
  const client::SendOptions unconfirmed{.confirm = Confirm::kRefusals};
  while (world.send(alice, "bob", std::string(1'000, 'x'), unconfirmed) == SendStatus::kAccepted) continue;
  EXPECT_TRUE(world.turn());
}

TEST(Endpoint, EndsAtItsDeadlineThoughItIsNotRead) {
  World world;
  const size_t alice = world.add({.name = "alice"});
  world[alice].set_link_reading(false);
  world[alice].close(world.now + 500);
  EXPECT_EQ(world.now + 500, world[alice].due());
  world.advance(1'000);
  ASSERT_EQ(1u, world.program(alice).endings.size());
  EXPECT_EQ(client::Ending::Cause::kClosed, world.program(alice).endings[0].cause);
  EXPECT_FALSE(world.shard().find_client("alice", world.now));
}

// Connections end at their age so that clients spread over replicas; a local client has no connection.
TEST(Endpoint, DoesNotEndBecauseOfItsAge) {
  core::Limits limits;
  limits.connection_age_ms_max = 1'000;
  World world(limits);
  const size_t alice = world.add({.name = "alice"});
  world.advance(10'000);
  EXPECT_TRUE(world.program(alice).endings.empty());
}

TEST(Endpoint, LeavesADrainingShardWhenWhatItGotHasExpired) {
  World world;
  const size_t alice = world.add({.name = "alice"}), bob = world.add({.name = "bob", .ack = AckMode::kManual});
  world.send(alice, "bob", "before", {.ttl_ms = 2'000});
  world.settle();
  world.shard().drain({60'000, 0}, world.now);
  world.settle();
  EXPECT_TRUE(world.program(bob).endings.empty()) << "it holds a delivery";
  EXPECT_EQ(world.now + 2'000, world[bob].due()) << "it is looked at then";
  world.advance(3'000);
  EXPECT_EQ(1u, world.program(bob).endings.size());
}

TEST(Endpoint, ChecksItsOptions) {
  EXPECT_EQ("", Endpoint::what_is_wrong_with({.name = "alice", .token = std::string(14 << 10, 'x')}));
  EXPECT_NE("", Endpoint::what_is_wrong_with({.name = "no spaces"}));
  EXPECT_NE("", Endpoint::what_is_wrong_with({.software = "\xff"}));
  EXPECT_NE("", Endpoint::what_is_wrong_with({.software = std::string((1 << 10) + 1, 'x')}));
  EXPECT_NE("", Endpoint::what_is_wrong_with({.token = std::string((14 << 10) + 1, 'x')}));
  World world;
  const size_t longest = world.add(
      {.name = std::string(200, 'x'), .software = std::string(1 << 10, 'x'), .token = std::string(14 << 10, 'x')});
  EXPECT_EQ(1u, world.program(longest).sessions.size());
}

}  // namespace
}  // namespace onehop::local
