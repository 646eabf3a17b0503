// Local links with a host that the test plays: what happens between a program's calls and the shard's turns, at moments
// that a running broker reaches only by chance.
#include "server/local_link.h"

#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "core/shard/shard.h"
#include "one_shard_host.h"

namespace onehop::server {
namespace {

using client::Confirm;
using client::Outcome;
using client::SendStatus;

constexpr client::SendOptions kUnconfirmed{.confirm = Confirm::kRefusals};

struct LinkProgram final : LocalClientEvents {
  void on_message(const client::Message& message) override {
    payloads.emplace_back(message.payload);
    tags.push_back(message.tag);
  }
  void on_outcome(const client::SendResult& result) override { outcomes.push_back(result); }
  void on_room() override { ++rooms; }
  void on_ended(const client::Ending&) override { ++endings; }

  std::vector<std::string> payloads;
  std::vector<client::DeliveryTag> tags;
  std::vector<client::SendResult> outcomes;
  int rooms = 0;
  int endings = 0;
};

// One shard, and the links on it.
class LinkWorld final : public LocalHost, private local::OneShardHost {
 public:
  explicit LinkWorld(const core::Limits& limits = {}) : limits_(limits), shard_(local::one_shard(limits), *this) {}

  LocalLink& add(LocalClientOptions options) {
    programs.push_back(std::make_unique<LinkProgram>());
    links_.push_back(
        std::make_shared<LocalLink>(*this, shard_, limits_.frame_bytes_max, std::move(options), *programs.back()));
    return *links_.back();
  }
  // Each link takes a turn, and the shard writes.
  void turn() {
    for (const auto& link : links_) {
      if (!link->is_over()) link->turn();
    }
    flush();
  }
  void settle() {
    for (int round = 0; round < 8; ++round) turn();
  }
  void flush() {
    do {
      shard_.flush(now_);
    } while (shard_.flush_wanted());
  }

  void wake(std::shared_ptr<LocalLink>) override { ++wakes; }
  void turn_again(LocalLink&) override { ++again; }
  core::Instant now() const override { return now_; }
  unsigned index() const override { return 0; }

  std::vector<std::unique_ptr<LinkProgram>> programs;
  int wakes = 0;
  int again = 0;

 private:
  // A link names itself to the shard by its address.
  local::Endpoint& endpoint_of(core::HostLink host_link) override {
    for (const auto& link : links_) {
      if ((reinterpret_cast<uint64_t>(link.get()) | 1) == host_link.value) return link->endpoint();
    }
    throw std::logic_error("no such link");
  }

  const core::Limits limits_;
  const core::Instant now_{1'000'000};
  core::Shard shard_;
  std::vector<std::shared_ptr<LocalLink>> links_;
};

SendStatus send_in_event(LinkWorld& world, LocalLink& link, const std::string& to, const std::string& payload,
                         const client::SendOptions& options = {}) {
  const LocalHost::Running event(&world);
  return link.send(to, payload, options, nullptr);
}

TEST(LocalLink, WhatWasSentBeforeAnEventGoesBeforeWhatTheEventSends) {
  LinkWorld world;
  LocalLink& alice = world.add({.name = "alice"});
  world.add({.name = "bob"});
  world.settle();
  EXPECT_EQ(SendStatus::kAccepted, alice.send("bob", "outside", {}, nullptr));
  EXPECT_EQ(SendStatus::kAccepted, send_in_event(world, alice, "bob", "inside"));
  world.settle();
  EXPECT_EQ((std::vector<std::string>{"outside", "inside"}), world.programs[1]->payloads);
}

TEST(LocalLink, AnEventDoesNotOvertakeWhatWaitsForTheWindow) {
  core::Limits limits;
  limits.send_window = 1;
  LinkWorld world(limits);
  LocalLink& alice = world.add({.name = "alice"});
  LocalLink& bob = world.add({.name = "bob", .ack = client::AckMode::kManual});
  world.settle();
  for (const char* payload : {"one", "two"}) EXPECT_EQ(SendStatus::kAccepted, alice.send("bob", payload, {}, nullptr));
  world.settle();
  ASSERT_EQ((std::vector<std::string>{"one"}), world.programs[1]->payloads);
  // It needs no window, and waits behind "two" all the same.
  EXPECT_EQ(SendStatus::kWouldBlock, send_in_event(world, alice, "bob", "three", kUnconfirmed));
  EXPECT_EQ(0, world.programs[0]->rooms);
  bob.acknowledge(world.programs[1]->tags[0], false);
  world.settle();
  EXPECT_EQ(1, world.programs[0]->rooms);
  EXPECT_EQ((std::vector<std::string>{"one", "two"}), world.programs[1]->payloads);
}

TEST(LocalLink, TakesMessagesUpToItsBatchAndTellsOfRoom) {
  LinkWorld world;
  LocalLink& alice = world.add({.name = "alice", .batch_bytes_max = 1'000});
  world.add({.name = "bob"});
  world.settle();
  const std::string payload(300, 'x');
  size_t accepted = 0;
  while (accepted < 100 && alice.send("bob", payload, {}, nullptr) == SendStatus::kAccepted) ++accepted;
  EXPECT_EQ(4u, accepted) << "the one that reaches the limit is the last";
  EXPECT_EQ(0, world.programs[0]->rooms);
  world.settle();
  EXPECT_EQ(1, world.programs[0]->rooms);
  EXPECT_EQ(4u, world.programs[1]->payloads.size());
  EXPECT_EQ(SendStatus::kAccepted, alice.send("bob", payload, {}, nullptr));
}

TEST(LocalLink, AsksForAnotherTurnWhileMoreWaitsThanTheShardTakesAtOnce) {
  LinkWorld world;
  LocalLink& alice = world.add({.name = "alice"});
  world.add({.name = "bob"});
  world.settle();
  const std::string payload(50'000, 'x');
  for (int i = 0; i < 5; ++i) EXPECT_EQ(SendStatus::kAccepted, alice.send("bob", payload, kUnconfirmed, nullptr));
  world.again = 0;
  alice.turn();
  EXPECT_EQ(1, world.again) << "nothing else would bring the rest to the shard";
  world.flush();
  world.settle();
  EXPECT_EQ(5u, world.programs[1]->payloads.size());
}

TEST(LocalLink, OtherThreadsLearnOfPauses) {
  core::Limits limits;
  limits.frame_bytes_max = 16 << 10;
  limits.queue_bytes_max = 64 << 10;
  limits.slow_consumer_ms = 600'000;
  LinkWorld world(limits);
  LocalLink& alice = world.add({.name = "alice"});
  LocalLink& bob = world.add({.name = "bob"});
  world.settle();
  bob.set_reading(false);
  world.settle();
  const std::string payload(10'000, 'x');
  int accepted = 0;
  while (accepted < 100 && alice.send("bob", payload, kUnconfirmed, nullptr) == SendStatus::kAccepted) {
    ++accepted;
    world.settle();
  }
  EXPECT_LT(accepted, 100) << "the pause comes before the queue is full";
  EXPECT_EQ(0u, world.programs[0]->outcomes.size()) << "so nothing was refused";
  EXPECT_EQ(0, world.programs[0]->rooms);
  bob.set_reading(true);
  world.settle();
  EXPECT_EQ(1, world.programs[0]->rooms);
  EXPECT_EQ(SendStatus::kAccepted, alice.send("bob", payload, kUnconfirmed, nullptr));
}

TEST(LocalLink, WhatTheShardNeverTookIsNotSent) {
  LinkWorld world;
  LocalLink& alice = world.add({.name = "alice"});
  for (int i = 0; i < 3; ++i) EXPECT_EQ(SendStatus::kAccepted, alice.send("bob", "x", {}, nullptr));
  alice.cut();
  ASSERT_EQ(3u, world.programs[0]->outcomes.size());
  for (uint64_t ticket = 1; ticket <= 3; ++ticket) {
    EXPECT_EQ(ticket, world.programs[0]->outcomes[ticket - 1].ticket);
    EXPECT_EQ(Outcome::kNotSent, world.programs[0]->outcomes[ticket - 1].outcome);
  }
  EXPECT_EQ(1, world.programs[0]->endings);
  EXPECT_EQ(SendStatus::kClosed, alice.send("bob", "x", {}, nullptr));
}

TEST(LocalLink, WakesTheShardOnceForABatch) {
  LinkWorld world;
  LocalLink& alice = world.add({.name = "alice"});
  world.settle();
  world.wakes = 0;
  for (int i = 0; i < 10; ++i) EXPECT_EQ(SendStatus::kAccepted, alice.send("bob", "x", {}, nullptr));
  EXPECT_EQ(1, world.wakes);
  world.turn();
  EXPECT_EQ(SendStatus::kAccepted, alice.send("bob", "x", {}, nullptr));
  EXPECT_EQ(2, world.wakes);
}

}  // namespace
}  // namespace onehop::server
