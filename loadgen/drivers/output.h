// What a connection has to send: bytes appended at the end, taken from the front. Unlike a string it grows without
// filling the new room first, since the writers below fill it themselves.
#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <utility>

#include "core/bytes.h"

namespace onehop::loadgen {

class Output {
 public:
  bool empty() const { return begin_ == end_; }
  size_t size() const { return end_ - begin_; }
  core::Bytes bytes() const { return {memory_.get() + begin_, size()}; }

  // Room for `size` bytes behind what is there; valid until the next call. What was written there counts once
  // commit() says where it ends.
  char* reserve(size_t size) {
    if (capacity_ - end_ < size) make_room(size);
    return memory_.get() + end_;
  }
  void commit(const char* end) { end_ = static_cast<size_t>(end - memory_.get()); }

  void append(core::Bytes bytes) {
    if (bytes.empty()) return;  // It may have no address, which memcpy must not be given.
    char* out = reserve(bytes.size());
    std::memcpy(out, bytes.data(), bytes.size());
    commit(out + bytes.size());
  }

  // `size` bytes at the front were sent.
  void consume(size_t size) {
    begin_ += size;
    if (begin_ == end_) begin_ = end_ = 0;
  }
  void clear() { begin_ = end_ = 0; }
  // Gives back the memory of an empty output, for connections that rest.
  void release() {
    if (empty()) memory_.reset(), capacity_ = 0;
  }

 private:
  void make_room(size_t size) {
    if (capacity_ - this->size() >= size && begin_ >= this->size()) {
      std::memcpy(memory_.get(), memory_.get() + begin_, this->size());
    } else {
      size_t capacity = capacity_ == 0 ? 512 : capacity_;
      while (capacity < this->size() + size) capacity *= 2;
      std::unique_ptr<char[]> larger(new char[capacity]);
      if (!empty()) std::memcpy(larger.get(), memory_.get() + begin_, this->size());
      memory_ = std::move(larger);
      capacity_ = capacity;
    }
    end_ -= begin_;
    begin_ = 0;
  }

  std::unique_ptr<char[]> memory_;
  size_t capacity_ = 0;
  size_t begin_ = 0;
  size_t end_ = 0;
};

}  // namespace onehop::loadgen
