// What confirmed delivery costs in the shard alone: a window of messages from the read that brings them to the
// acknowledgement of their receipts; receipts of verdicts that come in any order; and the resume of a session whose
// window is full.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "micro_exchange.h"
#include "micro_wire.h"
#include "micro_world.h"

namespace {

using namespace onehop;
using bench::Exchange;
using bench::kNow;
using bench::receive;

void window_unconfirmed(benchmark::State& state) {
  Exchange exchange(static_cast<size_t>(state.range(0)), static_cast<size_t>(state.range(1)), false);
  for (auto _ : state) exchange.send();
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(window_unconfirmed)->Args({128, 128})->Args({1, 128});

void window_confirmed(benchmark::State& state) {
  Exchange exchange(static_cast<size_t>(state.range(0)), static_cast<size_t>(state.range(1)), true);
  for (auto _ : state) {
    exchange.send();
    exchange.acknowledge_all();
    exchange.acknowledge_receipts(1);
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(window_confirmed)->Args({128, 128})->Args({1, 128});

// One window's verdicts in one ack: by a pool of workers that end in order, every other one first, or in any order.
// `receipts`: what the sender is told for each message; ids that follow each other and share a fate are told as one.
void receipts_coalesce(benchmark::State& state) {
  constexpr size_t kWindow = 1'000;
  std::vector<uint64_t> order(kWindow);
  for (size_t i = 0; i < kWindow; ++i) order[i] = i + 1;
  if (state.range(0) == 1) std::stable_partition(order.begin(), order.end(), [](uint64_t i) { return i % 2 == 1; });
  if (state.range(0) == 2) std::shuffle(order.begin(), order.end(), std::mt19937(1));
  constexpr size_t kPerAck = 100;
  Exchange exchange(kWindow, 128, true);
  uint64_t told = 0;
  uint64_t frames = 0;
  exchange.world().host.recording = true;
  for (auto _ : state) {
    state.PauseTiming();
    const uint64_t before = exchange.last_tag();
    exchange.send();
    exchange.world().host.recorded.clear();
    state.ResumeTiming();
    for (size_t i = 0; i < kWindow; i += kPerAck) {
      v1::Ack ack;
      for (size_t k = i; k < i + kPerAck; ++k) {
        v1::Range& range = *ack.add_taken();
        range.set_first(before + order[k]);
        range.set_last(before + order[k]);
      }
      exchange.acknowledge(ack);
    }
    state.PauseTiming();
    frames = kWindow / kPerAck;
    told += exchange.world().host.recorded.size();
    exchange.acknowledge_receipts(frames);
    state.ResumeTiming();
  }
  state.counters["receipt_bytes_per_message"] =
      static_cast<double>(told) / static_cast<double>(state.iterations() * static_cast<int64_t>(kWindow));
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(kWindow));
}
BENCHMARK(receipts_coalesce)->ArgName("order")->DenseRange(0, 2);

// A recipient with a full window comes back having received nothing: Connect, and all of it once more.
void resume_full_window(benchmark::State& state) {
  const auto window = static_cast<uint32_t>(state.range(0));
  bench::World world(1);
  v1::Frame frame;
  v1::Connect& connect = *frame.mutable_connect();
  connect.set_name("recipient");
  connect.set_session_expiry_ms(60'000);
  connect.set_receive_window(window);
  const auto connects = [&] {
    const core::LinkId link = world.shard.on_link({{7}, kNow + 5'000, {}}, kNow);
    receive(world.shard, link, bench::delimited(frame.SerializeAsString()));
    world.shard.flush(kNow);
    return link;
  };
  world.host.recording = true;
  connects();
  v1::Frame connected;
  const size_t prefix_bytes = 1 + (world.host.recorded[0] < 0 ? 1 : 0);
  if (!connected.ParseFromString(world.host.recorded.substr(prefix_bytes))) std::abort();
  world.host.recording = false;
  for (uint32_t id = 1; id <= window; ++id) {
    v1::Frame sent;
    v1::Message& message = *sent.mutable_message();
    message.set_client("recipient");
    message.set_id(id);
    message.set_confirm(v1::CONFIRM_DELIVERED);
    message.set_payload(std::string(128, 'x'));
    receive(world.shard, world.links[0], bench::delimited(sent.SerializeAsString()));
  }
  world.shard.flush(kNow);
  connect.set_resume_token(connected.connected().resume_token());
  for (auto _ : state) {
    connect.set_attempt(connect.attempt() + 1);
    connects();
  }
  state.SetItemsProcessed(state.iterations() * window);
  const auto redelivered = static_cast<int64_t>(world.shard.counters().messages_redelivered);
  if (redelivered != state.iterations() * window) state.SkipWithError("not all of it came once more");
}
BENCHMARK(resume_full_window)->Arg(128)->Arg(1'024)->Arg(4'096);

}  // namespace
