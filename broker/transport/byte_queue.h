// Bytes that go in at the back and out at the front. Empty, it holds no memory: most connections rest most of the time.
#pragma once

#include <cassert>
#include <string>

#include "core/base/bytes.h"

namespace onehop::transport {

class ByteQueue {
 public:
  void append(core::Bytes bytes) { bytes_.append(bytes); }
  // For `size` bytes to be appended soon: so that what is there is moved once at most.
  void make_room(size_t size) { bytes_.reserve(bytes_.size() + size); }
  core::Bytes front() const { return core::Bytes(bytes_).substr(taken_); }
  size_t size() const { return bytes_.size() - taken_; }
  bool empty() const { return size() == 0; }
  void pop(size_t count) {
    assert(count <= size());
    taken_ += count;
    if (empty()) {
      std::string().swap(bytes_);
      taken_ = 0;
    } else if (taken_ >= bytes_.size() / 2) {
      // What is moved is less than what has gone since the last time.
      bytes_.erase(0, taken_);
      taken_ = 0;
    }
  }
  size_t held_bytes() const { return bytes_.capacity() > std::string().capacity() ? bytes_.capacity() + 1 : 0; }

 private:
  std::string bytes_;
  size_t taken_ = 0;  // From the front of bytes_.
};

}  // namespace onehop::transport
