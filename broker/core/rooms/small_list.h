// A list of small things, of which there is mostly one. The one lies inside; more lie on the heap.
#pragma once

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>
#include <utility>

namespace onehop::core {

template <typename T>
class SmallList {
  static_assert(std::is_trivially_copyable_v<T> && sizeof(T) <= sizeof(T*));

 public:
  SmallList() : many_(nullptr) {}
  SmallList(SmallList&& other) noexcept : many_(nullptr) { swap(other); }
  SmallList& operator=(SmallList&& other) noexcept {
    swap(other);
    return *this;
  }
  ~SmallList() {
    if (capacity_ > 1) delete[] many_;
  }

  uint32_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  T& operator[](uint32_t i) {
    assert(i < size_);
    return data()[i];
  }
  std::span<const T> all() const { return {capacity_ > 1 ? many_ : &one_, size_}; }
  // What it takes beside itself.
  size_t held_bytes() const { return capacity_ > 1 ? capacity_ * sizeof(T) : 0; }

  void push_back(T thing) {
    if (size_ == capacity_) set_capacity(2 * capacity_);
    ++size_;
    data()[size_ - 1] = thing;
  }
  // The last one takes its place.
  void erase(uint32_t i) {
    (*this)[i] = data()[size_ - 1];
    --size_;
    if (capacity_ > 1 && size_ <= capacity_ / 4) set_capacity(std::max(capacity_ / 4, 1u));
  }

 private:
  T* data() { return capacity_ > 1 ? many_ : &one_; }
  void set_capacity(uint32_t capacity) {
    if (capacity == 1) {
      T* const old = many_;
      one_ = old[0];
      delete[] old;
    } else {
      T* const larger = new T[capacity];
      std::copy_n(data(), size_, larger);
      if (capacity_ > 1) delete[] many_;
      many_ = larger;
    }
    capacity_ = capacity;
  }
  void swap(SmallList& other) {
    std::swap(size_, other.size_);
    std::swap(capacity_, other.capacity_);
    char mine[sizeof(T*)];
    std::memcpy(mine, &many_, sizeof mine);
    std::memcpy(&many_, &other.many_, sizeof mine);
    std::memcpy(&other.many_, mine, sizeof mine);
  }

  uint32_t size_ = 0;
  uint32_t capacity_ = 1;
  union {
    T one_;
    T* many_;
  };
};

}  // namespace onehop::core
