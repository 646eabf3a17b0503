// How many handshakes there may be at a time, of all shards together: each takes memory and time that only its end
// gives back. And how many there were. Any thread.
#pragma once

#include <atomic>
#include <cstdint>

namespace onehop::server {

class HandshakeLimit {
 public:
  explicit HandshakeLimit(uint32_t max) : max_(max) {}

  void set_max(uint32_t max) { max_.store(max, std::memory_order_relaxed); }
  // Whether there was a place, which is the caller's then.
  bool take() {
    uint32_t open = open_.load(std::memory_order_relaxed);
    do {
      if (open >= max_.load(std::memory_order_relaxed)) return false;
    } while (!open_.compare_exchange_weak(open, open + 1, std::memory_order_relaxed));
    begun_.fetch_add(1, std::memory_order_relaxed);
    return true;
  }
  bool is_full() const { return open_.load(std::memory_order_relaxed) >= max_.load(std::memory_order_relaxed); }
  void give_back() { open_.fetch_sub(1, std::memory_order_relaxed); }
  // One that broke, was too late, or did not even begin.
  void count_failure() { failed_.fetch_add(1, std::memory_order_relaxed); }

  uint64_t begun() const { return begun_.load(std::memory_order_relaxed); }
  uint64_t failed() const { return failed_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint32_t> max_;
  std::atomic<uint32_t> open_{0};
  std::atomic<uint64_t> begun_{0};
  std::atomic<uint64_t> failed_{0};
};

}  // namespace onehop::server
