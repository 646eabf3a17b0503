// A client's name, kept as the bytes that stamp a message with it: Message.from, ready to be copied in front of the
// sender's bytes. Short names live inside, long ones on the heap.
#pragma once

#include <cassert>
#include <cstring>

#include "core/base/bytes.h"
#include "core/wire/tags.h"

namespace onehop::core {

class NameStamp {
 public:
  NameStamp() = default;
  explicit NameStamp(Bytes name) {
    assert(!name.empty() && name.size() <= 255);
    char prefix[3] = {kFromTag, 0, 0};
    const auto prefix_size = static_cast<size_t>(write_varint(prefix + 1, name.size()) - prefix);
    size_ = static_cast<uint16_t>(prefix_size + name.size());
    prefix_size_ = static_cast<uint8_t>(prefix_size);
    char* out = inline_;
    if (size_ > sizeof inline_) {
      out = new char[size_];
      std::memcpy(inline_, &out, sizeof out);
    }
    std::memcpy(out, prefix, prefix_size);
    std::memcpy(out + prefix_size, name.data(), name.size());
  }
  NameStamp(NameStamp&& other) noexcept { *this = static_cast<NameStamp&&>(other); }
  NameStamp& operator=(NameStamp&& other) noexcept {
    if (this == &other) return *this;
    free_heap();
    std::memcpy(inline_, other.inline_, sizeof inline_);
    size_ = other.size_;
    prefix_size_ = other.prefix_size_;
    other.size_ = 0;
    return *this;
  }
  ~NameStamp() { free_heap(); }

  // What it takes beside itself.
  size_t held_bytes() const { return size_ > sizeof inline_ ? size_ : 0; }
  // Field `from` of Message: tag, length, name.
  Bytes stamp() const { return {data(), size_}; }
  Bytes name() const { return stamp().substr(prefix_size_); }

 private:
  const char* data() const {
    if (size_ <= sizeof inline_) return inline_;
    const char* heap;
    std::memcpy(&heap, inline_, sizeof heap);
    return heap;
  }
  void free_heap() {
    if (size_ > sizeof inline_) delete[] data();
  }

  char inline_[29] = {};
  uint8_t prefix_size_ = 0;
  uint16_t size_ = 0;
};
static_assert(sizeof(NameStamp) == 32);

}  // namespace onehop::core
