// A local client on one shard and a remote one, whose home is another, exchange a million messages, half of them in
// each direction: all arrive, in order, and each has its outcome. Under sanitizers it is a twentieth of that.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>

#include "onehop/client.h"
#include "server_test/broker_rig.h"
#include "server_test/local_program.h"
#include "server_test/sanitizers.h"

namespace onehop::test {
namespace {

constexpr uint64_t kEach = kAddressSanitized || kThreadSanitized ? 25'000 : 500'000;

// Counts messages that arrive as they were sent: 0, 1, 2, …
class InOrder {
 public:
  void take(std::string_view payload) {
    if (payload != std::to_string(next_)) wrong_ = true;
    ++next_;
  }
  bool wrong() const { return wrong_; }
  uint64_t count() const { return next_; }

 private:
  std::atomic<uint64_t> next_{0};
  std::atomic<bool> wrong_{false};
};

struct Outcomes {
  void take(const client::SendResult& result) {
    ++(result.outcome == Outcome::kDelivered ? delivered : others);
    told.notify_all();
    ++told;
  }
  std::atomic<uint64_t> delivered{0}, others{0}, told{0};
};

class Local final : public LocalClientEvents {
 public:
  InOrder arrived;
  Outcomes outcomes;
  std::atomic<uint64_t> rooms{0};

 private:
  void on_message(const client::Message& message) override { arrived.take(message.payload); }
  void on_outcome(const client::SendResult& result) override { outcomes.take(result); }
  void on_room() override {
    ++rooms;
    rooms.notify_all();
  }
};

TEST(Exchange, OfAMillionMessagesBetweenALocalAndARemoteClient) {
  BrokerRig rig(test_options(2));
  const std::string local_name = name_on(*rig, 0, "local"), remote_name = name_on(*rig, 1, "remote");
  Local events;
  std::string error;
  const std::unique_ptr<LocalClient> local = rig->attach({.name = local_name}, events, error);
  ASSERT_NE(nullptr, local) << error;
  InOrder arrived;
  Outcomes outcomes;
  const auto remote = client::Client::start(
      rig.address(), {.name = remote_name},
      {.on_message = [&](const client::Message& message) { arrived.take(message.payload); }}, error);
  ASSERT_NE(nullptr, remote) << error;
  ASSERT_EQ(client::WaitStatus::kDone, remote->wait_until_open(60'000));

  std::thread from_local([&] {
    for (uint64_t i = 0; i < kEach;) {
      const uint64_t rooms = events.rooms;
      const client::SendStatus status = local->send(remote_name, std::to_string(i));
      ASSERT_TRUE(status == client::SendStatus::kAccepted || status == client::SendStatus::kWouldBlock);
      if (status == client::SendStatus::kAccepted) {
        ++i;
      } else {
        events.rooms.wait(rooms);
      }
    }
  });
  for (uint64_t i = 0; i < kEach; ++i) {
    remote->send(local_name, std::to_string(i), {}, [&](const client::SendResult& result) { outcomes.take(result); });
  }
  from_local.join();
  for (Outcomes* side : {&outcomes, &events.outcomes}) {
    for (uint64_t told = side->told; told < kEach; told = side->told) std::this_thread::yield();
    EXPECT_EQ(kEach, side->delivered);
    EXPECT_EQ(0u, side->others);
  }
  EXPECT_EQ(kEach, arrived.count());
  EXPECT_EQ(kEach, events.arrived.count());
  EXPECT_FALSE(arrived.wrong());
  EXPECT_FALSE(events.arrived.wrong());
}

}  // namespace
}  // namespace onehop::test
