// Parts of the threaded client by themselves: completions, the messages that are open, something that happens once.
#include <gtest/gtest.h>

#include <array>
#include <functional>
#include <iterator>
#include <map>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include "client/threaded/once.h"
#include "client/threaded/open_sends.h"
#include "client/threaded/outbox.h"
#include "onehop/send_completion.h"

namespace onehop::client {
namespace {

// Counts the objects that there are.
struct Counted {
  explicit Counted(int& alive_now) : alive(&alive_now) { ++*alive; }
  Counted(Counted&& other) noexcept : alive(other.alive) { ++*alive; }
  Counted& operator=(Counted&&) = delete;
  ~Counted() { --*alive; }
  int* alive;
};

TEST(SendCompletion, HoldsWhateverCanBeCalled) {
  int calls = 0;
  int alive = 0;
  {
    std::vector<SendCompletion> completions;
    completions.emplace_back([&calls](const SendResult&) { ++calls; });
    completions.emplace_back([&calls, only = std::make_unique<int>(10)](const SendResult&) { calls += *only; });
    completions.emplace_back([&calls, counted = Counted(alive)](const SendResult&) { calls += 100; });
    const std::array<char, 100> large{};
    completions.emplace_back(
        [&calls, large, counted = Counted(alive)](const SendResult&) { calls += large[0] + 1'000; });
    completions.emplace_back(std::function<void(const SendResult&)>([&calls](const SendResult&) { calls += 10'000; }));
    EXPECT_EQ(alive, 2);
    for (SendCompletion& completion : completions) completion({});
    EXPECT_EQ(calls, 11'111);
    SendCompletion moved = std::move(completions[3]);
    EXPECT_FALSE(completions[3]);
    completions.clear();
    EXPECT_EQ(alive, 1);
    moved({});
    EXPECT_EQ(calls, 12'111);
    moved = nullptr;
    EXPECT_EQ(alive, 0);
  }
  EXPECT_FALSE(SendCompletion());
  EXPECT_FALSE(SendCompletion(std::function<void(const SendResult&)>()));
  EXPECT_FALSE(SendCompletion(static_cast<void (*)(const SendResult&)>(nullptr)));
}

TEST(OpenSends, FindsEachMessageWhateverTheOrder) {
  std::mt19937_64 random(20'261'130);
  DestinationAccount destination;
  OpenSends sends;
  std::map<uint64_t, uint32_t> open;
  uint64_t ticket = 0;
  for (int step = 0; step < 200'000; ++step) {
    // Grows and shrinks by turns.
    const bool grows = (step / 20'000) % 2 == 0;
    if (open.empty() || random() % 8 < (grows ? 5U : 3U)) {
      // Tickets that the engine gave for something else are left out.
      ticket += 1 + (random() % 50 == 0);
      const auto bytes = static_cast<uint32_t>(random() % 1'000);
      sends.add({.ticket = ticket, .destination = &destination, .body_bytes = bytes, .completion = {}});
      open.emplace(ticket, bytes);
      continue;
    }
    // Any of them; but the oldest stays for long.
    const uint64_t oldest = open.begin()->first, newest = open.rbegin()->first;
    auto chosen = open.lower_bound(oldest + random() % (newest - oldest + 1));
    if (chosen == open.begin() && open.size() > 1 && random() % 100 != 0) ++chosen;
    OpenSend& found = sends.find(chosen->first);
    ASSERT_EQ(found.ticket, chosen->first);
    ASSERT_EQ(found.body_bytes, chosen->second);
    sends.erase(found);
    open.erase(chosen);
    ASSERT_LE(sends.places(), 2 * open.size() + 64);
  }
}

TEST(Once, WakesWhoeverWaits) {
  for (int i = 0; i < 1'000; ++i) {
    Once once;
    int written = 0;
    EXPECT_FALSE(once.wait_for(0));
    std::vector<std::thread> waiting;
    for (const uint64_t limit_ms : {kNoTimeLimit, uint64_t{60'000}}) {
      waiting.emplace_back([&once, &written, limit_ms] {
        EXPECT_TRUE(once.wait_for(limit_ms));
        EXPECT_EQ(written, 1);
      });
    }
    written = 1;
    once.set();
    for (std::thread& thread : waiting) thread.join();
    EXPECT_TRUE(once.wait_for(0));
  }
}

// A message of the client's thread would be given to the engine.
SendStatus enter(Outbox& outbox, std::string_view to) {
  const SendOptions options;
  const BodyWriter body(to, "x", options);
  SendCompletion completion;
  bool call = false;
  return outbox.enter(to, body, options, 0, completion, call);
}

TEST(Outbox, AccountsForEachDestination) {
  Outbox outbox({.destination_bytes_max = 1, .total_bytes_max = 1'000'000'000});
  Batch batch;
  for (int round = 0; round < 3; ++round) {
    // More names than are remembered.
    const auto name = [&](int i) { return std::to_string(round) + "." + std::to_string(i); };
    for (int i = 0; i < 5'000; ++i) ASSERT_EQ(enter(outbox, name(i)), SendStatus::kAccepted) << i;
    EXPECT_EQ(enter(outbox, name(7)), SendStatus::kWouldBlock);
    EXPECT_EQ(outbox.unsettled(), 5'000U);
    ASSERT_TRUE(outbox.take(batch));
    ASSERT_EQ(batch.sends.size(), 5'000U);
    for (const OpenSend& send : batch.sends) outbox.settle(send);
    EXPECT_EQ(enter(outbox, name(7)), SendStatus::kWouldBlock) << "what is settled is room at the end of the turn";
    EXPECT_TRUE(outbox.settle_up()) << "somebody asked";
    EXPECT_FALSE(outbox.settle_up());
    EXPECT_EQ(outbox.unsettled(), 0U);
    batch.clear();
  }
  EXPECT_LE(outbox.destinations(), 10'000U) << "names are forgotten";
}

}  // namespace
}  // namespace onehop::client
