// What it costs to find the frames in a read, and to scan a message for its destination.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <string>

#include "core/wire/frame_decoder.h"
#include "core/wire/message_scan.h"
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
BENCHMARK(decode_whole_frames)->Name("decode")->Arg(16)->Arg(128)->Arg(4096);

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
BENCHMARK(decode_split_frames)->Name("decode/split")->Arg(128)->Arg(4096);

// A frame larger than a read comes in several, and is put together in a block that grows with it.
void decode_large_frames(benchmark::State& state) {
  const std::string frame = message_frame("bob", 7, static_cast<size_t>(state.range(0)));
  FrameDecoder decoder;
  for (auto _ : state) {
    FrameView view;
    size_t frames = 0;
    for (Bytes left = frame; !left.empty();) {
      const Bytes read = left.substr(0, kReadBytes);
      left.remove_prefix(read.size());
      Input in{read, nullptr};
      while (decoder.next(in, 2 * frame.size(), view) == Next::kFrame) ++frames;
    }
    if (frames != 1) state.SkipWithError("no frame");
  }
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(frame.size()));
}
BENCHMARK(decode_large_frames)->Name("decode/large")->Arg(100'000)->Arg(1'000'000);

// The message in a frame, from a sender that has written to its destination before, or has not.
void scan(benchmark::State& state, const std::string& body, Bytes known_good_name) {
  const std::string frame = onehop::bench::frame_of(body);
  for (auto _ : state) {
    FrameField field;
    ScannedMessage scanned;
    if (scan_frame(frame, field) != ScanError::kNone) state.SkipWithError("frame");
    if (scan_message(field.body, known_good_name, scanned) != ScanError::kNone) state.SkipWithError("message");
    benchmark::DoNotOptimize(scanned);
  }
}
void scan_short(benchmark::State& state) {
  scan(state, message_body("bob", 0, static_cast<size_t>(state.range(0))), "bob");
}
BENCHMARK(scan_short)->Name("scan/short")->Arg(16)->Arg(128);

void scan_with_id(benchmark::State& state) {
  scan(state, message_body("bob", 1'000'000, static_cast<size_t>(state.range(0))), "bob");
}
BENCHMARK(scan_with_id)->Name("scan/with_id")->Arg(128)->Arg(4'096);

// As when a sender changes its destination with every message: the name is checked again.
void scan_new_name(benchmark::State& state) {
  scan(state, message_body("client-1234567", 0, 128), {});
}
BENCHMARK(scan_new_name)->Name("scan/new_name");

// Everything that a sender may set, and some headers.
void scan_all_fields(benchmark::State& state) {
  onehop::v1::Message message;
  message.set_client("bob");
  message.set_id(1'000'000);
  message.set_confirm(onehop::v1::CONFIRM_DELIVERED);
  message.set_ttl_ms(60'000);
  message.set_in_reply_to(7);
  message.set_in_reply_to_session(8);
  message.set_maybe_repeated(true);
  message.set_payload(std::string(128, 'x'));
  for (int64_t i = 0; i < state.range(0); ++i) {
    onehop::v1::Header& header = *message.add_headers();
    header.set_key("content-type");
    header.set_value("application/octet-stream");
  }
  scan(state, message.SerializeAsString(), "bob");
}
BENCHMARK(scan_all_fields)->Name("scan/all_fields")->ArgName("headers")->Arg(0)->Arg(4)->Arg(64);

}  // namespace
