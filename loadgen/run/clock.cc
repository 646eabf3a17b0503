// libuv's clock, and the system's.
#include "loadgen/run/clock.h"

#include <uv.h>

#include <chrono>

namespace onehop::loadgen {

uint64_t now_ns() {
  return uv_hrtime();
}

double unix_now_s() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

}  // namespace onehop::loadgen
