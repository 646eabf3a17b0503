// Remembers which names were taken over lately, so that two clients that fight for one name do not keep the broker
// busy. Bounded: when it is full, the oldest is forgotten, and the fight is let through once more.
#pragma once

#include <array>
#include <cstdint>

#include "core/instant.h"
#include "core/limits.h"

namespace onehop::core {

class TakeoverLog {
 public:
  // Whether the name may be taken over now; if so, that is remembered. Otherwise `retry_after_ms` says when.
  bool allow(uint64_t name_hash, Instant now, uint32_t& retry_after_ms) {
    uint32_t recent = 0;
    uint64_t oldest_ms = now.ms + 1;
    for (const Entry& entry : entries_) {
      if (entry.name_hash != name_hash || entry.at.ms == 0 || now - entry.at >= kWindowMs) continue;
      ++recent;
      if (entry.at.ms < oldest_ms) oldest_ms = entry.at.ms;
    }
    if (recent >= kTakeoversPerSecond) {
      retry_after_ms = static_cast<uint32_t>(oldest_ms + kWindowMs - now.ms);
      return false;
    }
    entries_[next_++ % entries_.size()] = {name_hash, {now.ms + 1}};
    return true;
  }

 private:
  static constexpr uint64_t kWindowMs = 1'000;

  struct Entry {
    uint64_t name_hash = 0;
    Instant at;  // One more than the truth, so that 0 means an empty entry.
  };

  std::array<Entry, 256> entries_{};
  size_t next_ = 0;
};

}  // namespace onehop::core
