// Whether the broker drains, for all shards together. A drain can be taken back until the first shard tells its
// clients: a client that has been told is already leaving, and then the listeners are closed. Any thread.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>

namespace onehop::server {

class DrainSwitch {
 public:
  // A drain begins; its number is for announces(). Nothing: one has begun already.
  std::optional<uint64_t> begin() {
    const std::lock_guard lock(mutex_);
    if (phase_ != Phase::kNone) return std::nullopt;
    phase_ = Phase::kDelayed;
    return ++number_;
  }
  // Whether the broker does not drain any more.
  bool take_back() {
    const std::lock_guard lock(mutex_);
    if (phase_ == Phase::kDelayed && !stops_) phase_ = Phase::kNone;
    return phase_ == Phase::kNone;
  }
  // A shard wants to tell its clients of the drain with this number. False: it was taken back.
  bool announces(uint64_t number) {
    const std::lock_guard lock(mutex_);
    if (phase_ == Phase::kAnnounced) return true;
    if (!stops_ && (phase_ == Phase::kNone || number != number_)) return false;
    phase_ = Phase::kAnnounced;
    return true;
  }
  // The broker stops: there is no way back, also while the delay of a drain lasts.
  void stop() {
    const std::lock_guard lock(mutex_);
    stops_ = true;
    if (phase_ == Phase::kNone) phase_ = Phase::kDelayed;
  }
  bool draining() const {
    const std::lock_guard lock(mutex_);
    return phase_ != Phase::kNone;
  }
  // Whether no shard has told its clients of the drain yet.
  bool delayed() const {
    const std::lock_guard lock(mutex_);
    return phase_ == Phase::kDelayed;
  }

 private:
  enum class Phase : uint8_t { kNone, kDelayed, kAnnounced };

  mutable std::mutex mutex_;
  Phase phase_ = Phase::kNone;
  bool stops_ = false;
  uint64_t number_ = 0;  // Of the last drain.
};

}  // namespace onehop::server
