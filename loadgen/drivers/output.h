// The bytes that a connection has to send: appended at the end, taken from the front. Unlike a string it does not fill
// new room before the writers do.
#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <utility>

#include "core/base/bytes.h"

namespace onehop::loadgen {

class Output {
 public:
  bool empty() const { return begin_ == end_; }
  size_t size() const { return end_ - begin_; }
  core::Bytes bytes() const { return {memory_.get() + begin_, size()}; }

  // Returns room for `size` bytes at the end, valid until the next call. The bytes count once commit() says where they
  // end.
  char* reserve(size_t size) {
    if (capacity_ - end_ < size) make_room(size);
    return memory_.get() + end_;
  }
  void commit(const char* end) { end_ = static_cast<size_t>(end - memory_.get()); }

  void append(core::Bytes bytes) {
    if (bytes.empty()) return;  // An empty view may have no address, which memcpy does not allow.
    char* out = reserve(bytes.size());
    std::memcpy(out, bytes.data(), bytes.size());
    commit(out + bytes.size());
  }

  // The first `size` bytes were sent.
  void consume(size_t size) {
    begin_ += size;
    if (begin_ == end_) begin_ = end_ = 0;
  }
  void clear() { begin_ = end_ = 0; }
  // Gives back the memory if the output is empty, for connections that rest.
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
