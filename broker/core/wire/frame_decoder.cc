// Framing without I/O. Frames within one read are found in place; only a frame that spans reads is put together in a
// block of its own, which grows with what has arrived.
#include "core/wire/frame_decoder.h"

#include <algorithm>

namespace onehop::core {

// The front of the stream is, or was lately, in the block. Bytes of the input are moved there until the frame is whole,
// and never more than that, so that the frames behind it are found in place again.
Next FrameDecoder::next_saved(Input& in, size_t frame_bytes_max, FrameView& out) {
  if (!has_partial()) {
    forget();
    return next(in, frame_bytes_max, out);
  }
  for (;;) {
    const size_t have = saved().size();
    size_t wanted = 0;
    const Next found = find(saved(), frame_bytes_max, out, wanted);
    if (found == Next::kFrame) {
      out.owner = saved_.get();
      begin_ += static_cast<uint32_t>(out.prefix_size + out.bytes.size());
      return found;
    }
    if (found != Next::kNeedMore) return found;
    if (in.rest.empty()) {
      // The frames before this one are done: do not hold their memory while waiting for the end of this one.
      if (begin_ != 0) move_to_block(in, have);
      return found;
    }
    append(in, std::min(wanted - have, in.rest.size()), wanted);
  }
}

void FrameDecoder::put_back(Input& in, const FrameView& frame) {
  const size_t size = frame.prefix_size + frame.bytes.size();
  if (saved_ && frame.owner == saved_.get()) {
    begin_ -= static_cast<uint32_t>(size);
  } else {
    in.rest = Bytes(frame.bytes.data() - frame.prefix_size, size + in.rest.size());
  }
}

void FrameDecoder::save(Input& in) {
  if (!has_partial()) forget();
  if (!in.rest.empty()) append(in, in.rest.size(), saved_ ? saved().size() + in.rest.size() : in.rest.size());
}

// Moves `size` bytes from the front of the input to the end of the saved ones. If the block is too small a larger one
// takes its place: twice what has arrived and a little, but not over `capacity_max`.
void FrameDecoder::append(Input& in, size_t size, size_t capacity_max) {
  const size_t received = (end_ - begin_) + size;
  if (!saved_ || saved_->capacity() - end_ < size) {
    move_to_block(in, std::min(capacity_max, 2 * received + kFrameGrowthBytes));
  }
  std::memcpy(saved_->data() + end_, in.rest.data(), size);
  end_ += static_cast<uint32_t>(size);
  in.rest.remove_prefix(size);
}

// Moves the saved bytes to the front of a new block. The old one lives on if somebody holds a frame in it.
void FrameDecoder::move_to_block(const Input& in, size_t capacity) {
  BufferRef block = in.pool == nullptr ? Buffer::allocate(capacity) : in.pool->take(capacity);
  const size_t size = end_ - begin_;
  if (size != 0) std::memcpy(block->data(), saved_->data() + begin_, size);
  saved_ = std::move(block);
  begin_ = 0;
  end_ = static_cast<uint32_t>(size);
}

void FrameDecoder::forget() {
  saved_.reset();
  begin_ = 0;
  end_ = 0;
}

}  // namespace onehop::core
