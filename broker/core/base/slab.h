// Paged storage of things that come and go, named by index and generation. Pages never move, so references hold while
// the thing lives, and growing costs one page, not a copy of everything.
#pragma once

#include <cassert>
#include <cstdint>
#include <memory>
#include <new>
#include <utility>
#include <vector>

namespace onehop::core {

template <typename T, typename Id>
class Slab {
 public:
  Slab() = default;
  Slab(const Slab&) = delete;
  Slab& operator=(const Slab&) = delete;
  ~Slab() {
    for_each([this](Id id, T&) { erase(id); });
  }

  template <typename... Arguments>
  Id insert(Arguments&&... arguments) {
    if (free_head_ == kNone) add_page();
    const uint32_t index = free_head_;
    Slot& slot = slot_at(index);
    free_head_ = std::exchange(slot.next_free, kTaken);
    new (slot.storage) T(std::forward<Arguments>(arguments)...);
    ++size_;
    return {index, slot.generation};
  }

  // The thing `id` names, or nullptr if it is gone.
  T* find(Id id) {
    if (id.index >= pages_.size() * kPageSlots) return nullptr;
    Slot& slot = slot_at(id.index);
    const bool same = slot.generation == id.generation;
    return same && slot.live() ? slot.thing() : nullptr;
  }

  // The thing in a slot that is known to be taken.
  T& operator[](uint32_t index) {
    Slot& slot = slot_at(index);
    assert(slot.live());
    return *slot.thing();
  }
  const T& operator[](uint32_t index) const { return const_cast<Slab&>(*this)[index]; }

  Id id_at(uint32_t index) const { return {index, const_cast<Slab&>(*this).slot_at(index).generation}; }

  void erase(Id id) {
    assert(find(id) != nullptr);
    Slot& slot = slot_at(id.index);
    slot.thing()->~T();
    if (++slot.generation == 0) slot.generation = 1;
    slot.next_free = free_head_;
    free_head_ = id.index;
    --size_;
  }

  size_t size() const { return size_; }
  // The index of every thing is below this. It only grows.
  uint32_t slots() const { return static_cast<uint32_t>(pages_.size()) * kPageSlots; }

  // In the order of the slots. `visit(id, thing)` may erase what it visits.
  template <typename Visit>
  void for_each(Visit visit) {
    for (uint32_t index = 0; index < pages_.size() * kPageSlots; ++index) {
      Slot& slot = slot_at(index);
      if (slot.live()) visit(Id{index, slot.generation}, *slot.thing());
    }
  }

 private:
  static constexpr uint32_t kPageSlots = 128;
  static constexpr uint32_t kNone = UINT32_MAX;
  static constexpr uint32_t kTaken = UINT32_MAX - 1;  // As `next_free`: a thing lives in the slot.

  struct Slot {
    // In front, in one cache line with what the thing has first.
    uint32_t generation = 1;
    uint32_t next_free = kNone;
    alignas(T) unsigned char storage[sizeof(T)];

    bool live() const { return next_free == kTaken; }
    T* thing() { return std::launder(reinterpret_cast<T*>(storage)); }
  };

  Slot& slot_at(uint32_t index) { return pages_[index / kPageSlots][index % kPageSlots]; }

  void add_page() {
    const auto first = static_cast<uint32_t>(pages_.size()) * kPageSlots;
    pages_.push_back(std::make_unique<Slot[]>(kPageSlots));
    for (uint32_t i = kPageSlots; i-- > 0;) {
      slot_at(first + i).next_free = free_head_;
      free_head_ = first + i;
    }
  }

  std::vector<std::unique_ptr<Slot[]>> pages_;
  uint32_t free_head_ = kNone;
  size_t size_ = 0;
};

}  // namespace onehop::core
