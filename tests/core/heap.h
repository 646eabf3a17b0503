// What the heap holds, for tests that compare it with what is counted.
#pragma once

#include <malloc.h>

#include <cstddef>
#include <memory>

namespace onehop::core::test {

inline double heap_bytes() {
  const struct mallinfo2 heap = mallinfo2();
  return static_cast<double>(heap.uordblks + heap.hblkhd);
}

// Whether the allocator tells: those of sanitizers and of valgrind do not.
inline bool heap_is_told() {
  const double before = heap_bytes();
  const auto block = std::make_unique<volatile char[]>(1 << 20);
  block[0] = 'x';
  return heap_bytes() - before >= (1 << 20);
}

}  // namespace onehop::core::test

// In front of such a test.
#define ONEHOP_NEEDS_THE_HEAP() \
  if (!onehop::core::test::heap_is_told()) GTEST_SKIP() << "this allocator tells nothing of its heap"
