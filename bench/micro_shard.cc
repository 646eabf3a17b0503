// What a message costs in the shard alone: bytes in, bytes out, a host that does nothing. And the wheel, which holds a
// deadline for every connection.
#include <benchmark/benchmark.h>

#include <memory>
#include <string>
#include <vector>

#include "core/wheel.h"
#include "micro_wire.h"
#include "micro_world.h"

namespace {

using namespace onehop::core;

using onehop::bench::kNow;
using onehop::bench::receive;
using onehop::bench::World;

World& world_of(size_t clients) {
  static std::unique_ptr<World> world;
  static size_t made = 0;
  if (std::exchange(made, clients) != clients) world = std::make_unique<World>(clients);
  return *world;
}

// 100 pairs; each read brings `batch` messages for the partner, 8 reads make a flush.
void route_hot(benchmark::State& state) {
  constexpr size_t kPairs = 100, kReadsPerFlush = 8;
  const auto batch = static_cast<size_t>(state.range(0));
  World& world = world_of(2 * kPairs);
  std::vector<std::string> reads;
  for (size_t i = 0; i < kPairs; ++i) {
    std::string read;
    for (size_t k = 0; k < batch; ++k) {
      read +=
          onehop::bench::message_frame("client-" + std::to_string(2 * i + 1), 0, static_cast<size_t>(state.range(1)));
    }
    reads.push_back(std::move(read));
  }
  size_t next = 0;
  for (auto _ : state) {
    receive(world.shard, world.links[2 * (next % kPairs)], reads[next % kPairs]);
    if (++next % kReadsPerFlush == 0 || world.shard.flush_wanted()) world.shard.flush(kNow);
  }
  world.shard.flush(kNow);
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(batch));
}
BENCHMARK(route_hot)->Args({128, 128})->Args({128, 16})->Args({8, 4096})->Args({4, 128})->Args({1, 128});

// Any of so many clients sends one message to any other: what is touched is not in the cache, and no destination is the
// last one.
void route_uniform(benchmark::State& state) {
  constexpr size_t kReads = 1 << 14;
  const auto clients = static_cast<size_t>(state.range(0));
  World& world = world_of(clients);
  std::vector<std::pair<LinkId, std::string>> reads;
  uint64_t random = 1;
  const auto any = [&random, clients] {
    random = random * 6'364'136'223'846'793'005 + 1'442'695'040'888'963'407;
    return static_cast<size_t>(random >> 33) % clients;
  };
  for (size_t i = 0; i < kReads; ++i) {
    const LinkId from = world.links[any()];
    reads.emplace_back(from, onehop::bench::message_frame("client-" + std::to_string(any()), 0, 128));
  }
  size_t next = 0;
  for (auto _ : state) {
    const auto& [link, read] = reads[next++ % kReads];
    receive(world.shard, link, read);
    if (next % 64 == 0) world.shard.flush(kNow);
  }
  world.shard.flush(kNow);
}
BENCHMARK(route_uniform)->Arg(1'000)->Arg(100'000);

// One turn of the loop for so many connections, each of which was heard since: the lazy re-arming.
void wheel_arm_and_advance(benchmark::State& state) {
  const auto connections = static_cast<uint32_t>(state.range(0));
  constexpr uint64_t kKeepaliveMs = 30'000;
  Wheel wheel;
  Instant now = kNow;
  for (uint32_t i = 0; i < connections; ++i) wheel.arm(i, now + 1 + i % kKeepaliveMs);
  std::vector<uint32_t> due;
  size_t armed = 0;
  for (auto _ : state) {
    now = now + Wheel::kTickMs;
    due.clear();
    wheel.advance(now, due);
    for (const uint32_t index : due) wheel.arm(index, now + kKeepaliveMs);
    armed += due.size();
    benchmark::DoNotOptimize(wheel.next());
  }
  state.counters["due_per_turn"] = static_cast<double>(armed) / static_cast<double>(state.iterations());
  state.SetItemsProcessed(static_cast<int64_t>(armed));
}
BENCHMARK(wheel_arm_and_advance)->Arg(1'000)->Arg(100'000);

void wheel_arm_earlier(benchmark::State& state) {
  Wheel wheel;
  wheel.arm(0, kNow + 100);
  for (auto _ : state) wheel.arm_earlier(0, kNow + 30'000);
}
BENCHMARK(wheel_arm_earlier);

}  // namespace
