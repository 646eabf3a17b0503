// Where a shard receives. One block is used over and over while nobody refers to what lies in it, so that it stays in
// the cache; while large bodies in it wait for their recipients' sockets, others take its place.
#pragma once

#include <span>
#include <vector>

#include "core/base/buffer.h"
#include "core/base/limits.h"

namespace onehop::core {

class ReceiveBlocks {
 public:
  // A block nobody refers to, of kReceiveBytes. It is the current one until the next call.
  Buffer* current() {
    for (BufferRef& block : kept_) {
      if (block->references() == 1) return take(block);
    }
    BufferRef fresh = Buffer::allocate(kReceiveBytes);
    if (kept_.size() < kKeptMax) {
      kept_.push_back(fresh);
      return take(kept_.back());
    }
    current_ = std::move(fresh);
    return current_.get();
  }

 private:
  // Blocks that are reused; beyond them, blocks are freed with their last reference.
  static constexpr size_t kKeptMax = 16;

  // The one used last comes first: its memory is warm.
  Buffer* take(BufferRef& block) {
    std::swap(kept_.front(), block);
    return kept_.front().get();
  }

  std::vector<BufferRef> kept_;
  BufferRef current_;
};

}  // namespace onehop::core
