// Remembers which names were taken over lately, so that two clients that fight for one name do not keep the broker
// busy. A name is remembered for at least a second after its last takeover, and less than two: there are never more
// than the takeovers of two seconds, each of which was a connection.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>

#include <absl/container/flat_hash_map.h>

#include "core/base/instant.h"
#include "core/base/limits.h"

namespace onehop::core {

class TakeoverLog {
 public:
  // Whether the name may be taken over now; if so, that is remembered. Otherwise `retry_after_ms` says when.
  bool allow(uint64_t name_hash, Instant now, uint32_t& retry_after_ms) {
    age(now);
    auto [found, is_new] = young_.try_emplace(name_hash);
    if (const auto old = old_.find(name_hash); is_new && old != old_.end()) found->second = old->second;
    Latest& latest = found->second;
    static_assert(kTakeoversPerSecond == 2, "as many as are remembered");
    if (latest.count == 2 && now - latest.before < kWindowMs) {
      retry_after_ms = static_cast<uint32_t>(latest.before.ms + kWindowMs - now.ms);
      return false;
    }
    latest.before = latest.last;
    latest.last = now;
    latest.count = std::min(latest.count + 1, 2);
    return true;
  }
  size_t size() const { return young_.size() + old_.size(); }

 private:
  static constexpr uint64_t kWindowMs = 1'000;

  struct Latest {
    Instant before;
    Instant last;
    int count = 0;
  };
  using Names = absl::flat_hash_map<uint64_t, Latest>;

  // A name that is touched moves to the young ones, so the old ones were not touched for a window.
  void age(Instant now) {
    if (now - young_since_ < kWindowMs) return;
    old_ = now - young_since_ < 2 * kWindowMs ? std::move(young_) : Names();
    young_ = Names();
    young_since_ = now;
  }

  Names young_;
  Names old_;
  Instant young_since_;
};

}  // namespace onehop::core
