// What it costs to queue a message for its recipient's socket and to take it off again: copied, or referenced where it
// was received (ADR 3; the kernel's share of one more piece per write is not in it, so the ADR measures end to end
// too). And a message through a parcel to another shard.
#include <benchmark/benchmark.h>

#include <array>
#include <string>

#include "core/base/limits.h"
#include "core/crossing/parcel.h"
#include "core/crossing/record.h"
#include "core/wire/delivery.h"
#include "core/wire/name_stamp.h"
#include "micro_wire.h"

namespace {

using namespace onehop::core;

constexpr size_t kBatchBytes = 64 << 10;

RoutedMessage routed(const NameStamp& from, Bytes body, Buffer* owner) {
  RoutedMessage message;
  message.sender.kind = Origin::Kind::kSession;
  message.from_session = 1;
  message.frame_bytes = static_cast<uint32_t>(body.size() + 8);
  message.from_stamp = from.stamp();
  message.body = body;
  message.owner = owner;
  if (scan_message(body, "bob", message.scanned) != ScanError::kNone) std::abort();
  return message;
}

// A batch of messages as large as one read is queued, gathered and taken by the socket.
void append_and_consume(benchmark::State& state, bool owned, size_t reference_bytes_min) {
  const std::string body = onehop::bench::message_body("bob", 0, static_cast<size_t>(state.range(0)));
  const BufferRef block = Buffer::allocate(body.size());
  std::copy(body.begin(), body.end(), block->data());
  const NameStamp from("alice");
  const bool by_reference = owned && body.size() >= reference_bytes_min;
  const RoutedMessage message = routed(from, {block->data(), body.size()}, by_reference ? block.get() : nullptr);
  const size_t batch = std::max<size_t>(1, kBatchBytes / body.size());
  SegmentPool pool;
  OutputQueue queue;
  std::array<Iov, 64> pieces;
  for (auto _ : state) {
    for (size_t i = 0; i < batch; ++i) Delivery(message).append_to(queue, pool);
    while (!queue.empty()) {
      const size_t count = queue.gather(pieces);
      size_t size = 0;
      for (size_t i = 0; i < count; ++i) size += pieces[i].size;
      queue.consume(pool, size);
    }
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(batch));
}
void output_copied(benchmark::State& state) {
  append_and_consume(state, false, 0);
}
BENCHMARK(output_copied)->Arg(16)->Arg(128)->Arg(512)->Arg(1024)->Arg(2048)->Arg(4096)->Arg(8192)->Arg(16384);
// Below kReferenceBytesMin bodies are copied whatever their owner.
void output_referenced(benchmark::State& state) {
  append_and_consume(state, true, kReferenceBytesMin);
}
BENCHMARK(output_referenced)->Arg(2048)->Arg(4096)->Arg(8192)->Arg(16384)->Arg(65536);

// So many messages of 128 B before each write.
void output_batch(benchmark::State& state) {
  const auto batch = static_cast<size_t>(state.range(0));
  const std::string body = onehop::bench::message_body("bob", 0, 128);
  const NameStamp from("alice");
  const RoutedMessage message = routed(from, body, nullptr);
  SegmentPool pool;
  OutputQueue queue;
  std::array<Iov, 64> pieces;
  for (auto _ : state) {
    for (size_t i = 0; i < batch; ++i) Delivery(message).append_to(queue, pool);
    const size_t count = queue.gather(pieces);
    benchmark::DoNotOptimize(count);
    queue.consume(pool, queue.bytes());
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(output_batch)->Arg(1)->Arg(16)->Arg(128);

void parcel_write_and_read(benchmark::State& state) {
  const std::string body = onehop::bench::message_body("bob", 7, static_cast<size_t>(state.range(0)));
  const NameStamp from("alice");
  const RoutedMessage message = routed(from, body, nullptr);
  Parcel parcel(kParcelBytes, true);
  size_t records = 0;
  for (auto _ : state) {
    for (; parcel.room() >= message_record_size(message); ++records) add_message_record(parcel, message);
    for (Bytes rest = parcel.bytes(); !rest.empty();) {
      benchmark::DoNotOptimize(read_message_record(parcel, rest).body.data());
    }
    parcel.clear();
  }
  state.SetItemsProcessed(static_cast<int64_t>(records));
}
BENCHMARK(parcel_write_and_read)->Arg(16)->Arg(128)->Arg(4096);

}  // namespace
