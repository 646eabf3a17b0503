// Any bytes as the stream of a connection, cut anywhere, with frames put back and decoding stopped at any time: the
// frames and the end are those of the stream in one piece.
//
// The input: one byte selects the maximum; one byte says how many steps follow; each step is a byte, which says how
// long the next read is and what happens in it; the rest is the stream. When the steps are used up they begin again.
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "check.h"
#include "core/wire/frame_decoder.h"

using onehop::core::Buffer;
using onehop::core::BufferRef;
using onehop::core::Bytes;
using onehop::core::FrameDecoder;
using onehop::core::FrameView;
using onehop::core::Input;
using onehop::core::Next;
using onehop::fuzz::require;

namespace {

struct Result {
  std::vector<std::string> frames;
  Next end = Next::kNeedMore;
  bool partial = false;
};

// Written from docs/wire.md, for the stream in one piece.
Result decode_slowly(Bytes stream, size_t frame_bytes_max) {
  Result result;
  while (!stream.empty()) {
    uint64_t length = 0;
    size_t at = 0;
    while (at < stream.size() && at < 5 && static_cast<unsigned char>(stream[at]) >= 128) {
      length += (static_cast<unsigned char>(stream[at]) % 128) * (uint64_t{1} << (7 * at));
      ++at;
    }
    if (at == 5) result.end = Next::kBadLength;
    result.partial = true;
    if (at == 5 || at == stream.size()) return result;
    length += static_cast<unsigned char>(stream[at]) * (uint64_t{1} << (7 * at));
    ++at;
    if (length == 0) result.end = Next::kBadLength;
    if (length > frame_bytes_max) result.end = Next::kTooLarge;
    if (result.end != Next::kNeedMore || stream.size() - at < length) return result;
    result.frames.emplace_back(stream.substr(at, length));
    stream.remove_prefix(at + length);
    result.partial = false;
  }
  return result;
}

// What a step's byte says: the length of the read in its lower five bits, and these.
constexpr unsigned kPutBack = 0x20;
constexpr unsigned kSave = 0x40;
constexpr unsigned kInBlock = 0x80;

size_t read_size(unsigned step) {
  const unsigned size = step & 0x1F;
  return size < 24 ? size : size * size;
}

struct KeptFrame {
  BufferRef block;
  Bytes bytes;
  std::string copy;
};

class Connection {
 public:
  explicit Connection(size_t frame_bytes_max) : frame_bytes_max_(frame_bytes_max) {}

  void read(Bytes piece, unsigned step) {
    received_ += piece.size();
    // The bytes are gone after the read, unless they lie in a block that somebody holds.
    const std::vector<char> exact(piece.begin(), piece.end());
    BufferRef block;
    Input in{Bytes(exact.data(), exact.size())};
    if ((step & kInBlock) != 0) {
      block = Buffer::allocate(piece.size());
      if (!piece.empty()) std::memcpy(block->data(), piece.data(), piece.size());
      in = {Bytes(block->data(), piece.size()), block.get()};
    }
    bool put_back = (step & kPutBack) != 0;
    FrameView view;
    while ((result_.end = decoder_.next(in, frame_bytes_max_, view)) == Next::kFrame) {
      if (put_back) {
        decoder_.put_back(in, view);
        put_back = false;
        if ((step & kSave) != 0) break;
        continue;
      }
      result_.frames.emplace_back(view.bytes);
      if (view.owner != nullptr) kept_.push_back({BufferRef(view.owner), view.bytes, std::string(view.bytes)});
    }
    // A broken stream is not read any further.
    if (result_.end == Next::kBadLength || result_.end == Next::kTooLarge) return;
    if ((step & kSave) != 0) decoder_.save(in);
    require(in.rest.empty(), "the input is not used up");
    require(decoder_.held_bytes() <= 2 * received_ + onehop::core::kFrameGrowthBytes, "more is held than has arrived");
    require(decoder_.has_partial() || decoder_.held_bytes() == 0, "an idle one holds a block");
  }

  bool is_broken() const { return result_.end == Next::kBadLength || result_.end == Next::kTooLarge; }

  Result finish() {
    if (!is_broken()) read({}, 0);
    result_.partial = is_broken() || decoder_.has_partial();
    for (const KeptFrame& frame : kept_) require(frame.bytes == frame.copy, "a kept frame has changed");
    return result_;
  }

 private:
  size_t frame_bytes_max_;
  size_t received_ = 0;
  FrameDecoder decoder_;
  Result result_;
  std::vector<KeptFrame> kept_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Bytes input(reinterpret_cast<const char*>(data), size);
  if (input.size() < 2) return 0;
  const size_t kMaxima[] = {1, 16, 200, 16'384, 1 << 20};
  const size_t frame_bytes_max = kMaxima[data[0] % std::size(kMaxima)];
  input.remove_prefix(2);
  const Bytes steps = input.substr(0, data[1]);
  const Bytes stream = input.substr(steps.size());

  Connection connection(frame_bytes_max);
  size_t at = 0;
  for (size_t step = 0; at < stream.size() && !connection.is_broken(); ++step) {
    const unsigned what = steps.empty() ? 1 : static_cast<unsigned char>(steps[step % steps.size()]);
    // Reads of no bytes are allowed, but not for ever.
    const size_t read = step < steps.size() ? read_size(what) : read_size(what) + 1;
    const Bytes piece = stream.substr(at, read);
    at += piece.size();
    connection.read(piece, what);
  }
  const Result got = connection.finish();
  const Result expected = decode_slowly(stream, frame_bytes_max);
  require(got.frames == expected.frames, "other frames than in one piece");
  require(got.end == expected.end, "another end than in one piece");
  require(got.partial == expected.partial, "another beginning left over than in one piece");
  return 0;
}
