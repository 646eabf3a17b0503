// What travels between two shards: a block of flat records in the order they were written.
//
// A parcel has one owner at a time and moves with everything in it; nothing in it is shared or counted across threads.
// The shard that posts message parcels has a fixed number of them for each other shard: the parcel that comes back
// empty is the credit to post another. Control records (receipts, flow, barriers) are never refused: when no credit is
// left they travel in a parcel without credit, which the receiver frees.
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "core/base/buffer.h"
#include "core/base/bytes.h"

namespace onehop::core {

class Parcel {
 public:
  Parcel() = default;
  // `counts`: whether it is one of the pair's credits.
  Parcel(size_t capacity, bool counts) : bytes_(new char[capacity]), capacity_(capacity), counts_(counts) {}

  explicit operator bool() const { return bytes_ != nullptr; }
  bool counts() const { return counts_; }
  size_t size() const { return size_; }
  size_t room() const { return capacity_ - size_; }
  Bytes bytes() const { return {bytes_.get(), size_}; }
  char* at(size_t offset) { return bytes_.get() + offset; }

  // Makes room at the end for `size` bytes, which must fit; returns where they go.
  char* extend(size_t size) {
    assert(size <= room());
    char* place = bytes_.get() + size_;
    size_ += size;
    return place;
  }
  // Takes a body that is too large to lie among the records; returns its number in this parcel.
  uint32_t attach(BufferRef body);
  // Of all bodies taken.
  size_t attached_bytes() const { return attached_bytes_; }
  // Attached bodies, each the only reference to its block.
  const BufferRef& attached(uint32_t number) const { return attached_[number]; }
  // Empty again, with its memory.
  void clear();

 private:
  std::unique_ptr<char[]> bytes_;
  size_t capacity_ = 0;
  size_t size_ = 0;
  bool counts_ = false;
  size_t attached_bytes_ = 0;
  std::vector<BufferRef> attached_;
};

}  // namespace onehop::core
