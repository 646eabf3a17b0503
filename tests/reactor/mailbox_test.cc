// What many threads post arrives on one loop: all of it, once, in each producer's order, and without a lost wake-up.
#include "reactor/mailbox.h"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "connections.h"
#include "reactor/thread.h"

namespace onehop::reactor {
namespace {

struct Numbered {
  size_t producer;
  std::unique_ptr<size_t> number;  // Move-only, and a leak or a second delivery would show.
};

TEST(Mailbox, KeepsEachProducersOrderUnderLoad) {
  constexpr size_t kProducers = 4, kEach = 50'000;
  Loop loop;
  std::vector<size_t> next(kProducers, 0);
  size_t taken = 0;
  Mailbox<Numbered> mailbox(loop, [&](Numbered item) {
    ASSERT_EQ(next[item.producer]++, *item.number);
    if (++taken == kProducers * kEach) loop.stop();
  });
  std::vector<std::thread> producers;
  for (size_t i = 0; i < kProducers; ++i) {
    producers.emplace_back([&mailbox, i] {
      for (size_t n = 0; n < kEach; ++n) mailbox.post({i, std::make_unique<size_t>(n)});
    });
  }
  loop.run();
  for (std::thread& producer : producers) producer.join();
  EXPECT_EQ(kProducers * kEach, taken);
}

// Each post finds the consumer asleep, falling asleep or just awake. One lost wake-up and the game stands still for
// ever.
TEST(Mailbox, LosesNoWakeUp) {
  constexpr int kCrossings = 20'000;
  Thread left("left"), right("right");
  Loop& judge = left.loop();
  std::unique_ptr<Mailbox<int>> to_left, to_right;
  int last = 0;
  to_left = std::make_unique<Mailbox<int>>(left.loop(), [&](int n) {
    last = n;
    n < kCrossings ? to_right->post(n + 1) : judge.stop();
  });
  to_right = std::make_unique<Mailbox<int>>(right.loop(), [&](int n) { to_left->post(n + 1); });
  right.start();
  to_left->post(0);
  judge.run();
  right.stop_and_join();
  EXPECT_EQ(kCrossings, last);
}

// Bursts of random length against a consumer that drains as fast as it can, so that posts fall into every phase of it.
TEST(Mailbox, LosesNoWakeUpInBursts) {
  constexpr int kBursts = 3'000;
  Thread consumer("consumer");
  std::atomic<int> taken{0};
  Mailbox<int> mailbox(consumer.loop(), [&](int) { taken.fetch_add(1); });
  consumer.start();
  int posted = 0;
  unsigned random = 1;
  for (int burst = 0; burst < kBursts; ++burst) {
    random = random * 1664525 + 1013904223;
    for (unsigned n = 0; n <= random >> 28; ++n, ++posted) mailbox.post(posted);
    while (taken.load() != posted) std::this_thread::yield();  // For ever, if a wake-up was lost.
  }
  consumer.stop_and_join();
  EXPECT_EQ(posted, taken.load());
}

TEST(Mailbox, TheConsumerMayPostToItself) {
  Loop loop;
  std::vector<int> order;
  Mailbox<int>* self = nullptr;
  Mailbox<int> mailbox(loop, [&](int n) {
    order.push_back(n);
    n < 3 ? self->post(n + 1) : loop.stop();
  });
  self = &mailbox;
  mailbox.post(0);
  loop.run();
  EXPECT_EQ((std::vector<int>{0, 1, 2, 3}), order);
}

TEST(Mailbox, SeveralShareOneLoop) {
  Loop loop;
  int first = 0, second = 0;
  Mailbox<int> a(loop, [&](int n) { first += n; }), b(loop, [&](int n) { second += n; });
  a.post(1);
  b.post(2);
  turn_until(loop, [&] { return first + second == 3; });
  EXPECT_EQ(1, first);
  EXPECT_EQ(2, second);
}

TEST(Mailbox, WhatNobodyTookIsDestroyed) {
  Ends ends = unix_ends();
  const int number = ends.ours.get();
  Loop loop;
  {
    Mailbox<Fd> mailbox(loop, [](Fd) {});
    mailbox.post(std::move(ends.ours));
    EXPECT_TRUE(is_open(number));
  }
  EXPECT_FALSE(is_open(number));
}

TEST(Mailbox, DrainsOnDemandWhenTheLoopStands) {
  Loop loop;
  int taken = 0;
  Mailbox<int> mailbox(loop, [&](int) { ++taken; });
  mailbox.post(1);
  mailbox.drain();
  EXPECT_EQ(1, taken);
  loop.turn();  // The wake-up finds nothing left.
  EXPECT_EQ(1, taken);
}

}  // namespace
}  // namespace onehop::reactor
