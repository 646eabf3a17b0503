// Running totals of one thread, for the thread that decides when the drain is over.
#pragma once

#include <atomic>
#include <cstdint>

namespace onehop::loadgen {

struct Totals {
  uint64_t wanted = 0;          // Messages that the workload wanted sent.
  uint64_t delivered = 0;       // Messages that arrived, each once.
  uint64_t told_otherwise = 0;  // Messages whose senders were told another outcome than delivered.
  uint64_t untold = 0;          // Messages, connections and signs of life that are still awaited.
  uint64_t broken = 0;          // Connections that broke.
};

inline Totals& operator+=(Totals& sum, const Totals& part) {
  sum.wanted += part.wanted;
  sum.delivered += part.delivered;
  sum.told_otherwise += part.told_otherwise;
  sum.untold += part.untold;
  sum.broken += part.broken;
  return sum;
}

// Invariant: every reader sees a message counted as wanted before it sees the message counted as settled.
class SharedTotals {
 public:
  // The worker's thread only.
  void store(const Totals& totals) {
    wanted_.store(totals.wanted, std::memory_order_release);
    delivered_.store(totals.delivered, std::memory_order_release);
    told_otherwise_.store(totals.told_otherwise, std::memory_order_release);
    untold_.store(totals.untold, std::memory_order_release);
    broken_.store(totals.broken, std::memory_order_release);
  }
  // ANY THREAD. It reads in the opposite order: what settles a message comes before what wanted it.
  Totals load() const {
    Totals totals;
    totals.untold = untold_.load(std::memory_order_acquire);
    totals.told_otherwise = told_otherwise_.load(std::memory_order_acquire);
    totals.delivered = delivered_.load(std::memory_order_acquire);
    totals.wanted = wanted_.load(std::memory_order_acquire);
    totals.broken = broken_.load(std::memory_order_acquire);
    return totals;
  }

 private:
  std::atomic<uint64_t> wanted_{0}, delivered_{0}, told_otherwise_{0}, untold_{0}, broken_{0};
};

}  // namespace onehop::loadgen
