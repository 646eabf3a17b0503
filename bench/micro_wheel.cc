// What it costs to keep a deadline for every connection.
#include <benchmark/benchmark.h>

#include <memory>
#include <vector>

#include "core/base/wheel.h"
#include "micro_world.h"

namespace {

using onehop::bench::kNow;
using onehop::core::Instant;
using onehop::core::Wheel;

constexpr int kManyConnections = 15'000, kMostConnections = 1'000'000;
constexpr uint64_t kKeepaliveMs = 30'000;

// `connections` deadlines, spread evenly over `spread_ms` from `first` on.
std::unique_ptr<Wheel> wheel_of(uint32_t connections, Instant first, uint64_t spread_ms) {
  auto wheel = std::make_unique<Wheel>();
  for (uint32_t i = 0; i < connections; ++i) wheel->arm(i, first + i % spread_ms);
  return wheel;
}

// A deadline is replaced by another one, of any connection: links of a list far from each other.
void wheel_arm_again(benchmark::State& state) {
  const auto connections = static_cast<uint32_t>(state.range(0));
  const auto wheel = wheel_of(connections, kNow + 1, kKeepaliveMs);
  uint64_t random = 1;
  for (auto _ : state) {
    random = random * 6'364'136'223'846'793'005 + 1'442'695'040'888'963'407;
    wheel->arm(static_cast<uint32_t>(random >> 33) % connections, kNow + (random >> 40) % kKeepaliveMs);
  }
}
BENCHMARK(wheel_arm_again)->Name("wheel/arm_again")->Arg(kManyConnections)->Arg(kMostConnections);

// A deadline that is early enough already: what most calls find.
void wheel_arm_earlier(benchmark::State& state) {
  const auto connections = static_cast<uint32_t>(state.range(0));
  const auto wheel = wheel_of(connections, kNow + 1, kKeepaliveMs);
  uint32_t next = 0;
  for (auto _ : state) wheel->arm_earlier(next++ % connections, kNow + 2 * kKeepaliveMs);
}
BENCHMARK(wheel_arm_earlier)->Name("wheel/arm_earlier")->Arg(1)->Arg(kManyConnections)->Arg(kMostConnections);

// A tick for connections each of which was heard since: those that are due arm themselves again.
void wheel_tick(benchmark::State& state) {
  const auto connections = static_cast<uint32_t>(state.range(0));
  const auto wheel = wheel_of(connections, kNow + 1, kKeepaliveMs);
  Instant now = kNow;
  std::vector<uint32_t> due;
  size_t armed = 0;
  for (auto _ : state) {
    now = now + Wheel::kTickMs;
    due.clear();
    wheel->advance(now, due);
    for (const uint32_t index : due) wheel->arm(index, now + kKeepaliveMs);
    armed += due.size();
    benchmark::DoNotOptimize(wheel->next());
  }
  state.counters["due_per_tick"] = static_cast<double>(armed) / static_cast<double>(state.iterations());
  state.SetItemsProcessed(static_cast<int64_t>(armed));
}
BENCHMARK(wheel_tick)->Name("wheel/tick")->Arg(1'000)->Arg(kManyConnections)->Arg(kMostConnections);

// A tick with nothing due: all deadlines are hours away, and are passed by once a round.
void wheel_tick_nothing_due(benchmark::State& state) {
  const auto wheel = wheel_of(static_cast<uint32_t>(state.range(0)), kNow + 100 * 3'600'000, kKeepaliveMs);
  Instant now = kNow;
  std::vector<uint32_t> due;
  for (auto _ : state) {
    now = now + Wheel::kTickMs;
    wheel->advance(now, due);
    benchmark::DoNotOptimize(wheel->next());
  }
  if (!due.empty()) state.SkipWithError("something was due");
}
BENCHMARK(wheel_tick_nothing_due)->Name("wheel/tick_nothing_due")->Arg(kManyConnections)->Arg(kMostConnections);

// What each turn of a busy loop pays, many times within one tick.
void wheel_same_tick(benchmark::State& state) {
  const auto wheel = wheel_of(static_cast<uint32_t>(state.range(0)), kNow + 1, kKeepaliveMs);
  std::vector<uint32_t> due;
  wheel->advance(kNow, due);
  for (auto _ : state) {
    wheel->advance(kNow, due);
    benchmark::DoNotOptimize(wheel->next());
  }
}
BENCHMARK(wheel_same_tick)->Name("wheel/same_tick")->Arg(kManyConnections)->Arg(kMostConnections);

}  // namespace
