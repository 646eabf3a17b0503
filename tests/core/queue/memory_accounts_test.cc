// Everything that a client can make the broker hold counts for the memory limit: what the counters say grows with the
// heap, within a fifth, for each structure by itself; and what is given back is given back.
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "confirmed.h"
#include "heap.h"
#include "silent_world.h"

namespace onehop::core::test {
namespace {

// `grow` makes the heap grow by at least 100 KB, and the counters by as much.
void expect_counted(SilentWorld& world, const std::function<void()>& grow) {
  world.flush();
  const double heap_before = heap_bytes();
  const auto held_before = static_cast<double>(world.counters().held_bytes());
  grow();
  world.flush();
  const double heap = heap_bytes() - heap_before;
  const double held = static_cast<double>(world.counters().held_bytes()) - held_before;
  EXPECT_GT(heap, 100'000);
  EXPECT_NEAR(held / heap, 1, 0.2) << held << " are counted of " << heap;
}

std::string name(const std::string& beginning, int number) {
  return beginning + std::to_string(number);
}

constexpr int kClients = 500;

void connect_many(SilentWorld& world, const std::string& beginning, int count, bool deaf) {
  for (int i = 0; i < count; ++i) world.connect(name(beginning, i), deaf);
}

TEST(MemoryAccounts, WhoHasSentAMessage) {
  ONEHOP_NEEDS_THE_HEAP();
  SilentWorld world;
  connect_many(world, "client", kClients, false);
  expect_counted(world, [&world] {
    for (int i = 0; i < kClients; ++i) world.send(static_cast<uint64_t>(i), message_frame("client1", 1, "x"));
  });
}

TEST(MemoryAccounts, WhoHasALongName) {
  ONEHOP_NEEDS_THE_HEAP();
  const auto heap_of = [](const std::string& beginning, uint64_t& counted) {
    SilentWorld world;
    const double before = heap_bytes();
    connect_many(world, beginning, kClients, false);
    counted = world.counters().state_bytes;
    return heap_bytes() - before;
  };
  uint64_t counted_of_short = 0;
  uint64_t counted_of_long = 0;
  const double heap_of_short = heap_of("short", counted_of_short);
  const double heap_of_long = heap_of(std::string(240, 'n'), counted_of_long);
  EXPECT_EQ(counted_of_short, 0u);
  EXPECT_NEAR(static_cast<double>(counted_of_long) / (heap_of_long - heap_of_short), 1, 0.2);
}

TEST(MemoryAccounts, QueuesOfAFewBytes) {
  ONEHOP_NEEDS_THE_HEAP();
  SilentWorld world;
  const uint64_t sender = world.connect("sender");
  connect_many(world, "deaf", kClients, true);
  world.send(sender, message_frame("deaf0", 1, "x"));
  expect_counted(world, [&] {
    for (int i = 1; i < kClients; ++i) world.send(sender, message_frame(name("deaf", i), 0, "x"));
  });
}

TEST(MemoryAccounts, QueuesOfManyMessages) {
  ONEHOP_NEEDS_THE_HEAP();
  SilentWorld world;
  const uint64_t sender = world.connect("sender");
  connect_many(world, "deaf", 50, true);
  world.send(sender, message_frame("deaf0", 1, "x"));
  expect_counted(world, [&] {
    for (int i = 1; i < 50; ++i) {
      for (int n = 0; n < 60; ++n) world.send(sender, message_frame(name("deaf", i), 0, std::string(900, 'x')));
      world.flush();
    }
  });
}

TEST(MemoryAccounts, QueuesOfLargeMessages) {
  ONEHOP_NEEDS_THE_HEAP();
  for (const size_t size : {size_t{5'000}, size_t{50'000}, size_t{90'000}, size_t{700'000}}) {
    SilentWorld world;
    const uint64_t sender = world.connect("sender");
    connect_many(world, "deaf", 40, true);
    world.send(sender, message_frame("deaf0", 1, std::string(900'000, 'x')));
    world.flush();
    expect_counted(world, [&] {
      for (int i = 1; i < 40; ++i) {
        world.send(sender, message_frame(name("deaf", i), 0, std::string(size, 'x')));
        world.flush();
      }
    });
    if (testing::Test::HasFailure()) FAIL() << "bodies of " << size;
  }
}

TEST(MemoryAccounts, WhatWaitsForThoseThatAreAway) {
  ONEHOP_NEEDS_THE_HEAP();
  SilentWorld world;
  const uint64_t sender = world.connect("sender");
  for (int i = 0; i < kClients; ++i) world.drop(world.connect(lasting_frame(name("away", i))));
  uint64_t id = 0;
  world.send(sender, confirmed_frame("away0", ++id));
  expect_counted(world, [&] {
    for (int i = 1; i < kClients; ++i) {
      for (int n = 0; n < 3; ++n) world.send(sender, confirmed_frame(name("away", i), ++id, "for later"));
    }
  });
  EXPECT_NEAR(static_cast<double>(world.counters().away_bytes),
              static_cast<double>(world.counters().held_bytes() - 2'000), 5'000);
}

v1::Frame wide_frame(const std::string& name) {
  v1::Frame frame = lasting_frame(name);
  frame.mutable_connect()->set_receive_window(65'535);
  return frame;
}

TEST(MemoryAccounts, WhatIsNotSettled) {
  ONEHOP_NEEDS_THE_HEAP();
  SilentWorld world;
  const uint64_t sender = world.connect("sender");
  const uint64_t recipient = world.connect(wide_frame("recipient"));
  world.send(sender, message_frame("recipient", 0, "x"));
  uint64_t id = 0;
  expect_counted(world, [&] {
    for (int i = 0; i < 4'000; ++i) {
      world.send(sender, confirmed_frame("recipient", ++id, std::string(200, 'x')));
      if (i % 16 == 0) world.flush();
    }
  });
  // Some out of the middle are settled.
  const double heap_before = heap_bytes();
  const auto held_before = static_cast<double>(world.counters().held_bytes());
  world.send(recipient, ack_taken(100, 3'500));
  world.flush();
  EXPECT_NEAR(static_cast<double>(world.counters().held_bytes()) - held_before, heap_bytes() - heap_before, 50'000);
}

TEST(MemoryAccounts, FramesThatHaveBegun) {
  ONEHOP_NEEDS_THE_HEAP();
  SilentWorld world;
  connect_many(world, "client", 100, false);
  const std::string frame = wire(message_frame("client0", 0, std::string(100'000, 'x')));
  world.send(0, message_frame("client0", 0, "x"));
  expect_counted(world, [&] {
    for (uint64_t i = 0; i < 100; ++i) world.send_bytes(i, Bytes(frame).substr(0, 30'000));
  });
}

TEST(MemoryAccounts, OutcomesThatAreNotAcknowledged) {
  ONEHOP_NEEDS_THE_HEAP();
  SilentWorld world;
  connect_many(world, "client", 20, false);
  world.send(0, message_frame("client0", 0, "x"));
  expect_counted(world, [&] {
    for (uint64_t i = 0; i < 20; ++i) {
      for (uint64_t id = 1; id < 4'000; id += 2) world.send(i, confirmed_frame("nobody", id));
      world.flush();
    }
  });
}

TEST(MemoryAccounts, RefusalsThatAreNotTaken) {
  ONEHOP_NEEDS_THE_HEAP();
  SilentWorld world;
  connect_many(world, "client", 50, true);
  for (uint64_t i = 0; i < 50; ++i) world.send(i, message_frame("nobody", 1, "x"));
  expect_counted(world, [&] {
    for (uint64_t i = 0; i < 50; ++i) {
      std::string bytes;
      for (uint64_t id = 3; id < 5'000; id += 2) bytes += wire(message_frame("nobody", id, "x"));
      world.send_bytes(i, bytes);
    }
  });
}

TEST(MemoryAccounts, ClosedGates) {
  ONEHOP_NEEDS_THE_HEAP();
  SilentWorld world;
  const int recipients = 8;
  const int senders = 400;
  connect_many(world, "full", recipients, true);
  uint64_t id = 0;
  const uint64_t filler = world.connect("filler");
  for (int i = 0; i < recipients; ++i) {
    for (int n = 0; n < 5; ++n) world.send(filler, message_frame(name("full", i), ++id, std::string(1'000'000, 'x')));
    world.flush();
  }
  const auto first = static_cast<uint64_t>(recipients) + 1;
  for (int i = 0; i < senders; ++i) {
    world.connect(ordered_connect_frame(name("sender", i)));
    world.send(first + static_cast<uint64_t>(i), message_frame("nobody", 0, "x"));
  }
  expect_counted(world, [&] {
    for (uint64_t i = 0; i < senders; ++i) {
      for (int r = 0; r < recipients; ++r) {
        const auto message_id = static_cast<uint64_t>(r) + 1;
        world.send(first + i, message_frame(name("full", r), message_id, std::string(400'000, 'x')));
      }
      world.flush();
    }
  });
  EXPECT_EQ(world.counters().gates_closed, static_cast<uint64_t>(recipients) * senders);
}

TEST(MemoryAccounts, BacklogsThatWereFullOnceKeepNothing) {
  ONEHOP_NEEDS_THE_HEAP();
  SilentWorld world;
  const uint64_t sender = world.connect("sender");
  std::vector<uint64_t> recipients;
  for (int i = 0; i < 20; ++i) recipients.push_back(world.connect(wide_frame(name("wide", i))));
  uint64_t id = 0;
  const auto round = [&](int i) {
    for (int n = 0; n < 3'000; ++n) world.send(sender, confirmed_frame(name("wide", i), ++id, std::string(300, 'x')));
    world.flush();
    world.send(recipients[static_cast<size_t>(i)], ack_up_to(3'000));
    world.flush();
    world.send(sender, ack_receipts(static_cast<uint64_t>(i) + 1));
    world.drop(recipients[static_cast<size_t>(i)]);
  };
  round(0);
  const double heap_before = heap_bytes();
  for (int i = 1; i < 20; ++i) round(i);
  EXPECT_LE(heap_bytes() - heap_before, 19 * 2'000);
  EXPECT_LE(world.counters().away_bytes, 20'000u);
}

TEST(MemoryAccounts, ControlFramesThatWereManyOnceKeepNothing) {
  ONEHOP_NEEDS_THE_HEAP();
  SilentWorld world;
  connect_many(world, "client", 20, false);
  const auto round = [&world](uint64_t i) {
    std::string bytes;
    for (uint64_t id = 1; id < 6'000; id += 2) bytes += wire(message_frame("nobody", id, "x"));
    world.send_bytes(i, bytes);
    world.flush();
  };
  round(0);
  const double heap_before = heap_bytes();
  for (uint64_t i = 1; i < 20; ++i) round(i);
  EXPECT_LE(heap_bytes() - heap_before, 19 * 8'000);
}

// Whatever clients did, once they are gone nothing is held or counted.
TEST(MemoryAccounts, NothingIsLeftOfThoseThatAreGone) {
  SilentWorld world;
  const uint64_t sender = world.connect(ordered_connect_frame("sender"));
  const uint64_t deaf = world.connect(wide_frame("deaf"), true);
  const uint64_t away = world.connect(lasting_frame("away", 5'000));
  world.drop(away);
  uint64_t id = 0;
  for (int n = 0; n < 6'000; ++n) {
    world.send(sender, confirmed_frame(n % 2 == 0 ? "deaf" : "away", ++id, std::string(1'000, 'x'), 60'000));
  }
  world.send(sender, message_frame("nobody", ++id, "x"));
  world.drop(sender);
  world.drop(deaf);
  world.advance(100'000);
  EXPECT_EQ(world.counters().sessions, 0u);
  EXPECT_EQ(world.counters().held_bytes(), 0u);
  EXPECT_EQ(world.counters().away_bytes, 0u);
  EXPECT_EQ(world.counters().waiting_bytes, 0u);
}

}  // namespace
}  // namespace onehop::core::test
