// Large blocks that are used over and over. Frames that span reads are put together in a block of their own; asked from
// the allocator each time, a large one comes as fresh pages of the kernel, which cost more than to fill them.
//
// A pool belongs to one shard and outlives every block that it gave. What it keeps is bounded.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include "core/base/buffer.h"

namespace onehop::core {

class BlockPool {
 public:
  BlockPool() = default;
  BlockPool(const BlockPool&) = delete;
  BlockPool& operator=(const BlockPool&) = delete;
  ~BlockPool() {
    for (Buffer* block : kept_) Buffer::destroy(block);
  }

  // A block with room for at least `capacity` bytes, and not for very many more.
  BufferRef take(size_t capacity) {
    if (capacity < kLargeBytesMin) return Buffer::allocate(capacity);
    for (Buffer*& kept : kept_) {
      if (kept->capacity() < capacity || kept->capacity() > 2 * capacity) continue;
      Buffer* const block = std::exchange(kept, kept_.back());
      kept_.pop_back();
      kept_bytes_ -= block->capacity();
      return BufferRef(block);
    }
    return Buffer::allocate(capacity, this);
  }
  // Of a block that it gave, with its last reference.
  void take_back(Buffer* block) {
    if (kept_bytes_ + block->capacity() > kKeptBytesMax) return Buffer::destroy(block);
    kept_bytes_ += block->capacity();
    kept_.push_back(block);
  }
  size_t kept_bytes() const { return kept_bytes_; }

 private:
  // From this size on the allocator is likely to ask the kernel.
  static constexpr size_t kLargeBytesMin = 64 << 10;
  // Two of the largest frames of a default configuration, each with the smaller block that it outgrew.
  static constexpr size_t kKeptBytesMax = 4 << 20;

  std::vector<Buffer*> kept_;
  size_t kept_bytes_ = 0;
};

// Here, where the pool is known.
inline void Buffer::give_back(Buffer* block) {
  if (block->pool_ != nullptr) return block->pool_->take_back(block);
  destroy(block);
}

}  // namespace onehop::core
