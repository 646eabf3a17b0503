// Everything that a client can make the broker hold counts for the memory limit: what the counters say grows with the
// heap, within a fifth, for each structure by itself; and what is given back is given back.
#include <gtest/gtest.h>
#include <malloc.h>

#include <cstring>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "confirmed.h"
#include "core/shard.h"
#include "frames.h"

namespace onehop::core::test {
namespace {

// Sockets that take everything and keep nothing, but those of the deaf, which take nothing.
class SilentHost final : public Host {
 public:
  size_t write(HostLink link, std::span<const Iov> pieces) override {
    if (deaf.contains(link.value)) return 0;
    size_t size = 0;
    for (const Iov& piece : pieces) size += piece.size;
    return size;
  }
  void set_reading(HostLink, bool) override {}
  void close(HostLink, CloseHow) override {}
  void hand_over(HostLink, ShardIndex, Bytes, Instant) override {}
  void post(ShardIndex, Parcel) override {}
  void give_back(ShardIndex, Parcel) override {}
  Verdict ask(Ticket, const Question&, Answer& answer) override {
    answer.accepted = true;
    return Verdict::kAnswered;
  }
  void note(const Event&) override {}
  void random(std::span<char> out) override { std::memset(out.data(), 7, out.size()); }

  std::set<uint64_t> deaf;
};

class World {
 public:
  World() : shard_(config(), host_) {}

  // Connects a client and returns its number.
  uint64_t connect(const v1::Frame& connect, bool deaf = false) {
    const uint64_t number = links_.size();
    links_.push_back(shard_.on_link({{number}, now_ + 5'000, {}}, now_));
    send(number, connect);
    flush();
    if (deaf) host_.deaf.insert(number);
    return number;
  }
  uint64_t connect(const std::string& name, bool deaf = false) { return connect(connect_frame(name), deaf); }
  void send(uint64_t client, const v1::Frame& frame) { send_bytes(client, wire(frame)); }
  void send_bytes(uint64_t client, Bytes bytes) {
    while (!bytes.empty()) {
      const std::span<char> space = shard_.receive_space(links_[client]);
      const size_t size = std::min(space.size(), bytes.size());
      std::memcpy(space.data(), bytes.data(), size);
      bytes.remove_prefix(size);
      shard_.on_received(links_[client], size, now_);
    }
  }
  void flush() {
    do {
      shard_.flush(now_);
    } while (shard_.flush_wanted());
  }
  void drop(uint64_t client) {
    shard_.on_link_failed(links_[client], now_);
    flush();
  }
  void advance(uint64_t ms) {
    now_ = now_ + ms;
    shard_.on_tick(now_);
    flush();
  }
  const Counters& counters() const { return shard_.counters(); }

 private:
  static ShardConfig config() {
    ShardConfig config;
    config.limits.memory_bytes_max = uint64_t{64} << 30;
    config.limits.keepalive_ms_default = 600'000;
    return config;
  }

  SilentHost host_;
  Instant now_{1'000'000};
  Shard shard_;
  std::vector<LinkId> links_;
};

double heap_bytes() {
  const struct mallinfo2 heap = mallinfo2();
  return static_cast<double>(heap.uordblks + heap.hblkhd);
}

// `grow` makes the heap grow by at least 100 KB, and the counters by as much.
void expect_counted(World& world, const std::function<void()>& grow) {
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

void connect_many(World& world, const std::string& beginning, int count, bool deaf) {
  for (int i = 0; i < count; ++i) world.connect(name(beginning, i), deaf);
}

TEST(MemoryAccounts, WhoHasSentAMessage) {
  World world;
  connect_many(world, "client", kClients, false);
  expect_counted(world, [&world] {
    for (int i = 0; i < kClients; ++i) world.send(static_cast<uint64_t>(i), message_frame("client1", 1, "x"));
  });
}

TEST(MemoryAccounts, WhoHasALongName) {
  World world;
  const std::string long_name(240, 'n');
  const double heap_before = heap_bytes();
  connect_many(world, "short", kClients, false);
  const double heap_of_short = heap_bytes() - heap_before;
  connect_many(world, long_name, kClients, false);
  const double more = heap_bytes() - heap_before - 2 * heap_of_short;
  EXPECT_NEAR(static_cast<double>(world.counters().state_bytes) / more, 1, 0.2);
}

TEST(MemoryAccounts, QueuesOfAFewBytes) {
  World world;
  const uint64_t sender = world.connect("sender");
  connect_many(world, "deaf", kClients, true);
  world.send(sender, message_frame("deaf0", 1, "x"));
  expect_counted(world, [&] {
    for (int i = 1; i < kClients; ++i) world.send(sender, message_frame(name("deaf", i), 0, "x"));
  });
}

TEST(MemoryAccounts, QueuesOfManyMessages) {
  World world;
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
  for (const size_t size : {size_t{5'000}, size_t{50'000}, size_t{90'000}, size_t{700'000}}) {
    World world;
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
  World world;
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
  World world;
  const uint64_t sender = world.connect("sender");
  const uint64_t recipient = world.connect(wide_frame("recipient"));
  world.send(sender, message_frame("recipient", 0, "x"));
  uint64_t id = 0;
  expect_counted(world, [&] {
    for (int i = 0; i < 4'000; ++i) world.send(sender, confirmed_frame("recipient", ++id, std::string(200, 'x')));
  });
  // Some out of the middle are settled.
  const double heap_before = heap_bytes();
  const auto held_before = static_cast<double>(world.counters().held_bytes());
  world.send(recipient, ack_taken(100, 3'500));
  world.flush();
  EXPECT_NEAR(static_cast<double>(world.counters().held_bytes()) - held_before, heap_bytes() - heap_before, 50'000);
}

TEST(MemoryAccounts, FramesThatHaveBegun) {
  World world;
  connect_many(world, "client", 100, false);
  const std::string frame = wire(message_frame("client0", 0, std::string(100'000, 'x')));
  world.send(0, message_frame("client0", 0, "x"));
  expect_counted(world, [&] {
    for (uint64_t i = 0; i < 100; ++i) world.send_bytes(i, Bytes(frame).substr(0, 30'000));
  });
}

TEST(MemoryAccounts, OutcomesThatAreNotAcknowledged) {
  World world;
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
  World world;
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
  World world;
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
  World world;
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
  World world;
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
  World world;
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
