// One direction of a simulated socket: bytes in order, bounded like a socket buffer.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>

#include "core/base/bytes.h"

namespace onehop::sim {

class Pipe {
 public:
  void set_capacity(size_t capacity) { capacity_ = capacity; }

  size_t size() const { return bytes_.size() - head_; }
  bool empty() const { return size() == 0; }
  size_t room() const { return capacity_ > size() ? capacity_ - size() : 0; }
  core::Bytes bytes() const { return core::Bytes(bytes_).substr(head_); }
  // How many bytes ever went in and out.
  uint64_t written() const { return written_; }
  uint64_t read() const { return written_ - size(); }

  // The caller has asked for room().
  void append(core::Bytes bytes) {
    if (head_ == bytes_.size()) {
      bytes_.clear();
      head_ = 0;
    }
    bytes_.append(bytes);
    written_ += bytes.size();
  }
  void consume(size_t size) {
    head_ += size;
    if (head_ < kCompactBytes || head_ * 2 < bytes_.size()) return;
    bytes_.erase(0, head_);
    head_ = 0;
  }
  // Forgets all but the first `size` bytes: what a cut connection still delivers.
  void truncate(size_t size) {
    if (size >= this->size()) return;
    written_ -= this->size() - size;
    bytes_.resize(head_ + size);
  }

 private:
  static constexpr size_t kCompactBytes = 4096;

  std::string bytes_;
  size_t head_ = 0;
  size_t capacity_ = 0;
  uint64_t written_ = 0;
};

}  // namespace onehop::sim
