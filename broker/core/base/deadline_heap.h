// The deadlines of things that are numbered, the earliest first. A thing that no longer waits may stay here until its
// deadline comes or until its owner makes the heap anew: whoever takes a number out looks whether it still waits.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/base/instant.h"

namespace onehop::core {

class DeadlineHeap {
 public:
  bool empty() const { return heap_.empty(); }
  Instant earliest() const { return heap_.front().deadline; }
  void push(Instant deadline, uint64_t number) {
    heap_.push_back({deadline, number});
    std::push_heap(heap_.begin(), heap_.end(), later);
  }
  // The number of the earliest, taken out.
  uint64_t pop() {
    std::pop_heap(heap_.begin(), heap_.end(), later);
    const uint64_t number = heap_.back().number;
    heap_.pop_back();
    return number;
  }
  // Forgets all; its memory stays for those that follow.
  void clear() { heap_.clear(); }
  void free_memory() { std::vector<Waiting>().swap(heap_); }
  size_t held_bytes() const { return heap_.capacity() * sizeof(Waiting); }

 private:
  struct Waiting {
    Instant deadline;
    uint64_t number;
  };
  static bool later(const Waiting& a, const Waiting& b) { return a.deadline > b.deadline; }

  std::vector<Waiting> heap_;
};

}  // namespace onehop::core
