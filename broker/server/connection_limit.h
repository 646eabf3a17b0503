// How many connections all shards together may hold, so that the process never runs out of descriptors: without one for
// the next accept nothing sensible can be done.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>

namespace onehop::server {

class ConnectionLimit {
 public:
  // `connections_max` of 0: what the process's descriptor limit leaves, less a reserve for listeners, loops and the
  // connections that linger after their goodbye.
  ConnectionLimit(uint64_t connections_max, unsigned shards);

  // Any thread. Counts a connection in, if there is room for it.
  bool take() {
    if (taken_.fetch_add(1, std::memory_order_relaxed) < max_) return true;
    give_back();
    return false;
  }
  void give_back() { taken_.fetch_sub(1, std::memory_order_relaxed); }
  bool has_room() const { return taken_.load(std::memory_order_relaxed) < max_; }

  // How many there may be.
  uint64_t max() const { return max_; }
  // Why there is no room, with the number that counts.
  std::string why_full() const;

  // How many connections of one shard may linger.
  size_t lingering_max() const { return lingering_max_; }

 private:
  size_t lingering_max_;
  uint64_t max_;
  uint64_t descriptors_;
  bool by_option_;  // Whether connections_max is what limits them, and not the descriptors.
  std::atomic<uint64_t> taken_{0};
};

}  // namespace onehop::server
