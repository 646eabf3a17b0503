// The drain: after the last arrival the run waits until everything is settled, but not for ever.
#pragma once

#include <cstdint>
#include <utility>

#include "loadgen/measure/quantity.h"
#include "loadgen/run/shared_totals.h"

namespace onehop::loadgen {

class Drain {
 public:
  // It lasts at most `drain_ns`.
  void begin(uint64_t now_ns, uint64_t drain_ns) {
    begin_ns_ = now_ns;
    until_ns_ = now_ns + drain_ns;
  }

  // Whether there is nothing more to wait for. `totals` are those of all threads.
  bool is_over(const Totals& totals, uint64_t now_ns) {
    const uint64_t settled = totals.delivered + totals.told_otherwise;
    if ((totals.wanted <= settled && totals.untold == 0) || now_ns >= until_ns_) return true;
    if (std::exchange(settled_, settled) != settled) settled_ns_ = now_ns;
    // Messages under way on a connection that broke may be lost, and nobody will say so.
    return totals.broken != 0 && now_ns > settled_ns_ + kQuietNs;
  }

  // Whether the drain takes long enough to say so; true once.
  bool takes_notice(uint64_t now_ns) { return now_ns > begin_ns_ + kNoticeNs && !std::exchange(noticed_, true); }

 private:
  static constexpr uint64_t kQuietNs = kSecondNs;
  static constexpr uint64_t kNoticeNs = kSecondNs;

  uint64_t begin_ns_ = 0;
  uint64_t until_ns_ = 0;
  uint64_t settled_ = 0;     // How many messages are settled,
  uint64_t settled_ns_ = 0;  // and since when this number has not changed.
  bool noticed_ = false;
};

}  // namespace onehop::loadgen
