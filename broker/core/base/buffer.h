// A block of bytes with a reference count, so that a frame can be kept after the read that brought it, without a copy.
//
// Invariant: the count is not atomic. A block and every reference to it belong to one thread; a block may move to
// another thread only with its last reference.
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <new>
#include <utility>

namespace onehop::core {

class BlockPool;
class BufferRef;

// The block: this head, with `capacity()` bytes of data right behind it.
class Buffer {
 public:
  // A new block. Its bytes are not initialised. With a pool, that is where it goes with its last reference.
  static BufferRef allocate(size_t capacity, BlockPool* pool = nullptr);

  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  char* data() { return reinterpret_cast<char*>(this + 1); }
  size_t capacity() const { return capacity_; }
  uint32_t references() const { return references_; }

 private:
  friend class BlockPool;
  friend class BufferRef;

  Buffer(uint32_t capacity, BlockPool* pool) : capacity_(capacity), pool_(pool) {}
  ~Buffer() = default;
  static void give_back(Buffer* block);
  static void destroy(Buffer* block) {
    block->~Buffer();
    ::operator delete(block);
  }

  uint32_t references_ = 0;
  uint32_t capacity_;
  BlockPool* pool_;
};

// One counted reference to a block, or to none.
class BufferRef {
 public:
  BufferRef() = default;
  explicit BufferRef(Buffer* block) : block_(block) { retain(); }
  BufferRef(const BufferRef& other) : block_(other.block_) { retain(); }
  BufferRef(BufferRef&& other) noexcept : block_(std::exchange(other.block_, nullptr)) {}
  BufferRef& operator=(BufferRef other) noexcept {
    std::swap(block_, other.block_);
    return *this;
  }
  ~BufferRef() { release(); }

  Buffer* get() const { return block_; }
  Buffer* operator->() const { return block_; }
  explicit operator bool() const { return block_ != nullptr; }

  void reset() {
    release();
    block_ = nullptr;
  }

 private:
  void retain() {
    if (block_ != nullptr) ++block_->references_;
  }
  void release() {
    if (block_ != nullptr && --block_->references_ == 0) Buffer::give_back(block_);
  }

  Buffer* block_ = nullptr;
};

inline BufferRef Buffer::allocate(size_t capacity, BlockPool* pool) {
  assert(capacity <= std::numeric_limits<uint32_t>::max());
  void* memory = ::operator new(sizeof(Buffer) + capacity);
  return BufferRef(new (memory) Buffer(static_cast<uint32_t>(capacity), pool));
}

}  // namespace onehop::core

#include "core/base/block_pool.h"
