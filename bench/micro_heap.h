// How much memory the benchmark's own process uses. The heap is the allocator's account of what is in use: each block
// with its head and its rounding, without what is kept free for later.
#pragma once

#include <malloc.h>
#include <unistd.h>

#include <cstddef>
#include <fstream>

namespace onehop::bench {

inline double heap_bytes() {
  const struct mallinfo2 account = mallinfo2();
  return static_cast<double>(account.uordblks + account.hblkhd);
}

inline double resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  double total = 0, resident = 0;
  statm >> total >> resident;
  return resident * static_cast<double>(sysconf(_SC_PAGESIZE));
}

}  // namespace onehop::bench
