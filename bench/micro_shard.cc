// What a message costs in the shard alone: bytes in, bytes out, a host that does nothing. With few clients, all of whom
// are in the cache, and with up to a million.
#include <benchmark/benchmark.h>

#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "micro_heap.h"
#include "micro_wire.h"
#include "micro_world.h"

namespace {

using namespace onehop::core;

using onehop::bench::client_name;
using onehop::bench::kNow;
using onehop::bench::receive;
using onehop::bench::World;

constexpr size_t kReadsPerFlush = 64;  // As the server's.

// 100 pairs; each read brings `batch` messages for the partner, 8 reads make a flush.
void route_hot(benchmark::State& state) {
  constexpr size_t kPairs = 100, kBatchesPerFlush = 8;
  const auto batch = static_cast<size_t>(state.range(0));
  World world(2 * kPairs);
  std::vector<std::string> reads;
  for (size_t i = 0; i < kPairs; ++i) {
    std::string read;
    for (size_t k = 0; k < batch; ++k) {
      read += onehop::bench::message_frame(client_name(2 * i + 1), 0, static_cast<size_t>(state.range(1)));
    }
    reads.push_back(std::move(read));
  }
  size_t next = 0;
  for (auto _ : state) {
    receive(world.shard, world.links[2 * (next % kPairs)], reads[next % kPairs]);
    if (++next % kBatchesPerFlush == 0 || world.shard.flush_wanted()) world.shard.flush(kNow);
  }
  world.shard.flush(kNow);
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(batch));
}
BENCHMARK(route_hot)
    ->Name("shard/batches")
    ->ArgNames({"batch", "payload"})
    ->Args({128, 128})
    ->Args({128, 16})
    ->Args({8, 4096})
    ->Args({4, 128})
    ->Args({1, 128});

// As above, while time passes: without limits of what one client may send, and with limits that none of them reaches.
// The same number of rounds each, so that instructions can be counted and compared.
void route_within_rates(benchmark::State& state) {
  constexpr size_t kPairs = 100, kBatchesPerFlush = 8;
  const auto batch = static_cast<size_t>(state.range(1));
  Limits limits;
  if (state.range(0) != 0) {
    limits.messages_per_second = limits.messages_burst = 1'000'000'000;
    limits.bytes_per_second = limits.bytes_burst = uint64_t{1} << 40;
  }
  World world(2 * kPairs, limits);
  std::vector<std::string> reads(kPairs);
  for (size_t i = 0; i < kPairs; ++i) {
    for (size_t k = 0; k < batch; ++k) reads[i] += onehop::bench::message_frame(client_name(2 * i + 1), 0, 128);
  }
  Instant now = kNow;
  size_t next = 0;
  for (auto _ : state) {
    receive(world.shard, world.links[2 * (next % kPairs)], reads[next % kPairs], now);
    if (++next % kBatchesPerFlush != 0 && !world.shard.flush_wanted()) continue;
    world.shard.flush(now);
    now = now + 1;
  }
  world.shard.flush(now);
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(batch));
}
BENCHMARK(route_within_rates)
    ->Name("shard/rates")
    ->ArgNames({"limited", "batch"})
    ->Args({0, 128})
    ->Args({1, 128})
    ->Args({0, 4})
    ->Args({1, 4})
    ->Iterations(20'000);

// Reads of one message of 128 B each, for any client: only the digits of its name are written anew.
class ReadsForAny {
 public:
  ReadsForAny() : frame_(onehop::bench::message_frame(client_name(0), 0, 128)) {
    digits_at_ = frame_.find(client_name(0)) + client_name(0).size() - onehop::bench::kNameDigits;
  }
  void receive(World& world, size_t from, size_t to) {
    char* space = world.shard.receive_space({}).data();
    std::memcpy(space, frame_.data(), frame_.size());
    onehop::bench::write_number(space + digits_at_, to);
    world.shard.on_received(world.links[from], frame_.size(), kNow);
  }

 private:
  std::string frame_;
  size_t digits_at_;
};

// A world is kept for all that ask for this many clients: the largest takes seconds to make.
struct CrowdedWorld {
  explicit CrowdedWorld(size_t clients) : world(clients) {}
  World world;
  double idle_bytes = 0;     // Of the heap, for each session,
  double sending_bytes = 0;  // and when every one has sent.
};
CrowdedWorld& world_of(size_t clients) {
  static std::map<size_t, std::unique_ptr<CrowdedWorld>> made;
  std::unique_ptr<CrowdedWorld>& crowd = made[clients];
  if (crowd != nullptr) return *crowd;
  const double before = onehop::bench::heap_bytes();
  crowd = std::make_unique<CrowdedWorld>(clients);
  const auto count = static_cast<double>(clients);
  // The list of links is the benchmark's own.
  const double own = count * sizeof(LinkId);
  crowd->idle_bytes = (onehop::bench::heap_bytes() - before - own) / count;
  ReadsForAny reads;
  for (size_t i = 0; i < clients; ++i) {
    reads.receive(crowd->world, i, clients - 1 - i);
    if (i % kReadsPerFlush == 0) crowd->world.shard.flush(kNow);
  }
  crowd->world.shard.flush(kNow);
  crowd->sending_bytes = (onehop::bench::heap_bytes() - before - own) / count;
  return *crowd;
}

void tell_sizes(benchmark::State& state, const CrowdedWorld& crowd, uint64_t delivered_before) {
  state.counters["bytes_per_idle_session"] = crowd.idle_bytes;
  state.counters["bytes_per_sending_session"] = crowd.sending_bytes;
  const auto delivered = static_cast<int64_t>(crowd.world.shard.counters().messages_admitted - delivered_before);
  if (delivered != state.iterations()) state.SkipWithError("not every message was delivered");
}

// All clients send in turn, each time to any other: nothing that a message touches is in the cache, and no destination
// is the one before.
void route_uniform(benchmark::State& state) {
  const auto clients = static_cast<size_t>(state.range(0));
  CrowdedWorld& crowd = world_of(clients);
  const uint64_t delivered = crowd.world.shard.counters().messages_admitted;
  ReadsForAny reads;
  uint64_t random = 1;
  size_t next = 0;
  for (auto _ : state) {
    random = random * 6'364'136'223'846'793'005 + 1'442'695'040'888'963'407;
    reads.receive(crowd.world, next % clients, static_cast<size_t>(random >> 33) % clients);
    if (++next % kReadsPerFlush == 0) crowd.world.shard.flush(kNow);
  }
  crowd.world.shard.flush(kNow);
  tell_sizes(state, crowd, delivered);
}
BENCHMARK(route_uniform)->Name("shard/uniform")->RangeMultiplier(10)->Range(1'000, 1'000'000);

// 100 of the clients send, each to a partner of its own; all others are idle.
void route_among_idle(benchmark::State& state) {
  constexpr size_t kPairs = 100;
  const auto clients = static_cast<size_t>(state.range(0));
  CrowdedWorld& crowd = world_of(clients);
  const uint64_t delivered = crowd.world.shard.counters().messages_admitted;
  ReadsForAny reads;
  const size_t apart = clients / kPairs;
  size_t next = 0;
  for (auto _ : state) {
    const size_t sender = next % kPairs * apart;
    reads.receive(crowd.world, sender, sender + apart / 2);
    if (++next % kReadsPerFlush == 0) crowd.world.shard.flush(kNow);
  }
  crowd.world.shard.flush(kNow);
  tell_sizes(state, crowd, delivered);
}
BENCHMARK(route_among_idle)->Name("shard/hot")->RangeMultiplier(10)->Range(1'000, 1'000'000);

}  // namespace
