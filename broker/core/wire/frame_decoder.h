// Finds the frames in the bytes of one connection. A frame on the wire is
//
//   length   varint of 1 to 5 bytes, not 0: how many bytes follow
//   bytes    one onehop.v1.Frame
//
// The stream of a connection, in the order received, falls into four parts:
//
//   | frames handed out | saved in the decoder | rest of the input | not yet received |
//
// Invariant: handed out <= saved <= received. Every byte is handed out once, in order, as part of one frame. The saved
// part is empty between reads but for the beginning of a frame that is not all there, or for what save() put there;
// only then is there a block of memory. A whole frame that lies within the input is handed out where it lies.
#pragma once

#include "core/base/buffer.h"
#include "core/base/bytes.h"

namespace onehop::core {

// The longest length prefix.
inline constexpr size_t kLengthBytesMax = 5;

// What a decoder may allocate for a frame that has begun, beyond twice what of it has arrived. It never allocates the
// size it was only told about.
inline constexpr size_t kFrameGrowthBytes = 4096;

enum class LengthState : uint8_t { kComplete, kNeedMore, kBad };

// Reads the length prefix at the front of `input`. If complete, `length` is its value and `prefix_size` how many bytes
// it takes. Bad: a length of 0, or a varint over 5 bytes.
inline LengthState parse_length(Bytes input, uint64_t& length, size_t& prefix_size) {
  uint64_t value;
  const char* after = read_varint(input.data(), input.data() + input.size(), kLengthBytesMax, value);
  if (after == nullptr) return input.size() < kLengthBytesMax ? LengthState::kNeedMore : LengthState::kBad;
  if (value == 0) return LengthState::kBad;
  length = value;
  prefix_size = static_cast<size_t>(after - input.data());
  return LengthState::kComplete;
}

// What one read brought: consumed from the front. `owner` is the block that the bytes lie in, or nullptr if they may
// not be kept.
struct Input {
  Bytes rest;
  Buffer* owner = nullptr;
  BlockPool* pool = nullptr;  // Where blocks for frames that span reads come from, if from a pool.
};

// One frame without its length prefix. To keep the bytes, hold a BufferRef on `owner`; where that is nullptr, copy.
struct FrameView {
  Bytes bytes;
  Buffer* owner = nullptr;
  // The length prefix takes so many bytes right before `bytes`.
  uint32_t prefix_size = 0;
};

enum class Next : uint8_t {
  kFrame,      // there is one
  kNeedMore,   // the input is used up
  kBadLength,  // the stream is broken: a length of 0, or one over 5 bytes
  kTooLarge,   // the stream is broken: a frame over the maximum, told by its length alone
};

class FrameDecoder {
 public:
  // Hands out the next frame: from what is saved first, then from `in`. The frame stays valid until the decoder is
  // called again (and as long as its owner is held). `frame_bytes_max` is compared with the length prefix. On
  // kBadLength and kTooLarge the input is left as it is.
  Next next(Input& in, size_t frame_bytes_max, FrameView& out) {
    if (saved_) return next_saved(in, frame_bytes_max, out);
    size_t wanted = 0;
    const Next found = find(in.rest, frame_bytes_max, out, wanted);
    if (found == Next::kFrame) {
      out.owner = in.owner;
      in.rest.remove_prefix(wanted);
    } else if (found == Next::kNeedMore && !in.rest.empty()) {
      append(in, in.rest.size(), wanted);
    }
    return found;
  }

  // Takes back the frame that next() handed out last, together with the same `in`: it could not be processed now, and
  // will be the first to be handed out again.
  void put_back(Input& in, const FrameView& frame);

  // Copies all that is left of `in` into the decoder, because no more is to be decoded until later. `in` is empty then.
  void save(Input& in);

  // Whether bytes are saved that were not handed out: a frame has begun, or save() left some.
  bool has_partial() const { return begin_ != end_; }
  // Those bytes; they stay where they are until the decoder is called again.
  Bytes saved() const { return has_partial() ? Bytes(saved_->data() + begin_, end_ - begin_) : Bytes(); }

  // The memory it holds, for the accounts of whoever limits it.
  size_t held_bytes() const { return saved_ ? saved_->capacity() : 0; }

 private:
  // Looks for a frame at the front of `bytes`. `wanted` is how many bytes it takes with its prefix, as far as that can
  // be told: on kNeedMore at least one more than there are.
  static Next find(Bytes bytes, size_t frame_bytes_max, FrameView& out, size_t& wanted) {
    uint64_t length;
    size_t prefix_size;
    const LengthState state = parse_length(bytes, length, prefix_size);
    if (state == LengthState::kBad) return Next::kBadLength;
    if (state == LengthState::kNeedMore) {
      wanted = bytes.size() + 1;
      return Next::kNeedMore;
    }
    if (length > frame_bytes_max) return Next::kTooLarge;
    wanted = prefix_size + length;
    if (bytes.size() < wanted) return Next::kNeedMore;
    out.bytes = Bytes(bytes.data() + prefix_size, length);
    out.prefix_size = static_cast<uint32_t>(prefix_size);
    return Next::kFrame;
  }

  Next next_saved(Input& in, size_t frame_bytes_max, FrameView& out);
  void append(Input& in, size_t size, size_t capacity_max);
  void move_to_block(const Input& in, size_t capacity);
  void forget();

  // Invariant: begin_ <= end_ <= capacity; saved bytes are those from begin_ to end_. Nothing behind end_ was handed
  // out, so that it may be written even while others hold the block.
  BufferRef saved_;
  uint32_t begin_ = 0;
  uint32_t end_ = 0;
};

static_assert(sizeof(FrameDecoder) <= 16, "every connection has one, idle ones too");

}  // namespace onehop::core
