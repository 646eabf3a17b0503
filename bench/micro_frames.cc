// What it costs to find the frames in a read, and to scan a message for its destination.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <string>

#include "core/frame_decoder.h"
#include "core/message_scan.h"
#include "micro_wire.h"

namespace {

using namespace onehop::core;
using onehop::bench::message_body;
using onehop::bench::message_frame;

constexpr size_t kReadBytes = 64 << 10;
constexpr size_t kFrameBytesMax = 1 << 20;

// A read full of messages with payloads of so many bytes, which are all found where they lie.
void decode_whole_frames(benchmark::State& state) {
  const std::string frame = message_frame("bob", 7, static_cast<size_t>(state.range(0)));
  std::string read;
  while (read.size() + frame.size() <= kReadBytes) read += frame;
  FrameDecoder decoder;
  for (auto _ : state) {
    Input in{read, nullptr};
    FrameView view;
    while (decoder.next(in, kFrameBytesMax, view) == Next::kFrame) benchmark::DoNotOptimize(view.bytes.data());
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(read.size() / frame.size()));
}
BENCHMARK(decode_whole_frames)->Arg(16)->Arg(128)->Arg(4096);

// Each read ends within a frame, whose parts are put together in a block of its own.
void decode_split_frames(benchmark::State& state) {
  const std::string frame = message_frame("bob", 7, static_cast<size_t>(state.range(0)));
  const Bytes first = Bytes(frame).substr(0, frame.size() / 2);
  const Bytes rest = Bytes(frame).substr(frame.size() / 2);
  FrameDecoder decoder;
  for (auto _ : state) {
    FrameView view;
    Input in{first, nullptr};
    Next next = decoder.next(in, kFrameBytesMax, view);
    in = {rest, nullptr};
    next = decoder.next(in, kFrameBytesMax, view);
    if (next != Next::kFrame) state.SkipWithError("no frame");
    next = decoder.next(in, kFrameBytesMax, view);
  }
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations()));
}
BENCHMARK(decode_split_frames)->Arg(128)->Arg(4096);

void scan_frame_and_message(benchmark::State& state) {
  const std::string body = message_body("bob", 7, static_cast<size_t>(state.range(0)));
  const std::string frame = onehop::bench::frame_of(body);
  for (auto _ : state) {
    FrameField field;
    ScannedMessage scanned;
    if (scan_frame(frame, field) != ScanError::kNone) state.SkipWithError("frame");
    if (scan_message(field.body, "bob", scanned) != ScanError::kNone) state.SkipWithError("message");
    benchmark::DoNotOptimize(scanned);
  }
}
BENCHMARK(scan_frame_and_message)->Arg(16)->Arg(128)->Arg(4096);

// As when a sender changes its destination with every message: the name is checked again.
void scan_message_new_name(benchmark::State& state) {
  const std::string body = message_body("client-1234567", 7, 128);
  for (auto _ : state) {
    ScannedMessage scanned;
    if (scan_message(body, {}, scanned) != ScanError::kNone) state.SkipWithError("message");
    benchmark::DoNotOptimize(scanned);
  }
}
BENCHMARK(scan_message_new_name);

}  // namespace
