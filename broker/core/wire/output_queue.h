// What waits for one connection's socket: frames, in order, as a list of segments.
//
// A segment is either a chunk from the shard's pool, into which small frames are copied one behind the other, or a
// reference to a part of a received block, which large bodies travel in without being copied.
//
//   chunk [frame][frame][head of a large frame] → reference [its body] → chunk [frame]…
//
// Invariant: a chunk begins with the first byte of a frame, and only the last frame in it may go on in the next
// segment: one reference, which `continues` it to its end. So the boundary of the frame that is being written can
// always be found.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "core/base/buffer.h"
#include "core/base/bytes.h"

namespace onehop::core {

// Whether keeping `size` bytes by reference would waste much of the block they lie in.
inline bool pins_too_much(const Buffer& block, size_t size) {
  return block.capacity() > size + size / 4;
}

struct Segment {
  Segment* next = nullptr;
  char* data = nullptr;
  uint32_t begin = 0;     // Sent up to here.
  uint32_t end = 0;       // Filled up to here.
  uint32_t capacity = 0;  // Of a chunk; 0 for a reference.
  uint32_t reference_size = 0;
  bool continues = false;
  BufferRef owner;  // Of a reference.
};

// Gives segments and takes them back, for all queues of a shard.
class SegmentPool {
 public:
  SegmentPool() = default;
  SegmentPool(const SegmentPool&) = delete;
  SegmentPool& operator=(const SegmentPool&) = delete;
  ~SegmentPool();

  // A chunk with room for `size` bytes and, if `small`, little more: most connections have one frame waiting.
  Segment* chunk(size_t size, bool small);
  Segment* reference(Buffer* owner, Bytes bytes);
  void release(Segment* segment);

  // Of the segments that queues have: what they take, and how much of what the queues hold is only referred to.
  size_t live_bytes() const { return live_bytes_; }
  size_t referenced_bytes() const { return referenced_bytes_; }

 private:
  static constexpr uint32_t kSmallChunkBytes = 2 << 10;
  static constexpr uint32_t kLargeChunkBytes = 16 << 10;
  static constexpr uint32_t kKeptMax = 256;  // Of each kind; the rest goes back to the allocator.

  struct FreeList {
    Segment* head = nullptr;
    uint32_t size = 0;
  };
  FreeList& list_for(uint32_t capacity);

  FreeList references_, small_, large_;
  size_t live_bytes_ = 0;
  size_t referenced_bytes_ = 0;
};

class OutputQueue {
 public:
  OutputQueue() = default;
  OutputQueue(const OutputQueue&) = delete;
  OutputQueue& operator=(const OutputQueue&) = delete;
  ~OutputQueue();  // Must have been cleared.

  bool empty() const { return head_ == nullptr; }
  // Not yet taken by the socket.
  size_t bytes() const { return bytes_; }

  // Room for a whole frame, or for the head of one whose body follows by append_body. All of it is then part of the
  // queue.
  char* append(SegmentPool& pool, size_t size) {
    bytes_ += size;
    // A reference has no room: what it refers to may go on with other bytes.
    if (tail_ == nullptr || tail_->continues || tail_->capacity - tail_->end < size) add_chunk(pool, size);
    char* place = tail_->data + tail_->end;
    tail_->end += static_cast<uint32_t>(size);
    return place;
  }
  // The rest of the frame whose head was appended last; `body` lies in `owner`.
  void append_body(SegmentPool& pool, Buffer* owner, Bytes body);

  // The first pieces to write; returns how many.
  size_t gather(std::span<Iov> pieces) const;
  // The socket has taken so many bytes.
  void consume(SegmentPool& pool, size_t size);
  // Copies bodies out of blocks that are much larger than what is referenced of them, so that a slow reader cannot pin
  // the shard's receive blocks.
  void own_bodies();
  // Drops every frame of which nothing was taken yet.
  void drop_unbegun(SegmentPool& pool);
  void clear(SegmentPool& pool);
  // How many frames are queued for which `counts` says so, the begun one included; of a begun one only the body may be
  // left, which counts whatever it is. `counts` sees the frame from its length prefix on, up to a body that is
  // referenced. Walks the queue: for its end only.
  size_t count_frames(bool (*counts)(Bytes frame)) const;

 private:
  void add_chunk(SegmentPool& pool, size_t size);
  void cut_after(SegmentPool& pool, Segment* last);

  Segment* head_ = nullptr;
  Segment* tail_ = nullptr;
  size_t bytes_ = 0;
};

}  // namespace onehop::core
