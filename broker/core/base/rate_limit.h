// How much one sender may send: messages and bytes, so many a second and so many at once. Two leaky buckets: what is
// sent fills them, time empties them, and what does not fit is refused and fills nothing.
//
// Everything is counted in thousandths, because a rate a second is as many thousandths a millisecond: so it is exact
// and needs no division but for a refusal.
#pragma once

#include <algorithm>
#include <cstdint>

#include "core/base/instant.h"
#include "core/base/limits.h"

namespace onehop::core {

// What the limits come to, computed once for all senders of a shard.
struct RateLimits {
  struct One {
    uint64_t per_ms = 0;  // Thousandths that leak.
    uint64_t unit = 0;    // What one fills; 0 if there is no limit.
    uint64_t capacity = 0;
    uint64_t empty_after_ms = 0;  // However full it was.

    One() = default;
    One(uint64_t per_second, uint64_t burst) {
      if (per_second == 0) return;
      per_ms = per_second;
      unit = 1'000;
      capacity = 1'000 * burst;
      empty_after_ms = capacity / per_ms + 1;
    }
    void leak(uint64_t& level, uint64_t passed_ms) const {
      const uint64_t leaked = passed_ms >= empty_after_ms ? level : passed_ms * per_ms;
      level -= std::min(level, leaked);
    }
    // How long until `level` fits.
    uint64_t wait_ms(uint64_t level) const { return level <= capacity ? 0 : (level - capacity + per_ms - 1) / per_ms; }
    friend bool operator==(const One&, const One&) = default;
  };

  RateLimits() = default;
  // A burst of 0 is what comes in a second. It is never so small that something would not fit into an empty bucket.
  explicit RateLimits(const Limits& limits)
      : any(limits.messages_per_second != 0 || limits.bytes_per_second != 0),
        messages(limits.messages_per_second,
                 limits.messages_burst == 0 ? limits.messages_per_second : limits.messages_burst),
        bytes(limits.bytes_per_second,
              std::max<uint64_t>(limits.bytes_burst == 0 ? limits.bytes_per_second : limits.bytes_burst,
                                 limits.frame_bytes_max)) {}

  bool any = false;
  One messages;
  One bytes;

  friend bool operator==(const RateLimits&, const RateLimits&) = default;
};

// What one sender has filled.
class RateLimit {
 public:
  // Takes a message of so many bytes: 0. Or refuses it: after how many milliseconds it will fit. Until then everything
  // is refused, so that nothing smaller overtakes it, nor takes the room that it was promised.
  uint64_t take(const RateLimits& limits, uint64_t message_bytes, Instant now) {
    if (now != judged_at_) {
      if (now < held_until_) return held_until_ - now;
      leak(limits, now);
    }
    const uint64_t messages = messages_ + limits.messages.unit;
    const uint64_t bytes = bytes_ + limits.bytes.unit * message_bytes;
    if (messages <= limits.messages.capacity && bytes <= limits.bytes.capacity) [[likely]] {
      messages_ = messages;
      bytes_ = bytes;
      return 0;
    }
    return hold(limits, messages, bytes, now);
  }

  // What was taken last, at the same time, was not sent on.
  void give_back(const RateLimits& limits, uint64_t message_bytes) {
    messages_ -= limits.messages.unit;
    bytes_ -= limits.bytes.unit * message_bytes;
  }

 private:
  [[gnu::noinline]] uint64_t hold(const RateLimits& limits, uint64_t messages, uint64_t bytes, Instant now) {
    const uint64_t wait_ms = std::max(limits.messages.wait_ms(messages), limits.bytes.wait_ms(bytes));
    held_until_ = now + wait_ms;
    judged_at_ = Instant::never();
    return wait_ms;
  }
  [[gnu::noinline]] void leak(const RateLimits& limits, Instant now) {
    const uint64_t passed_ms = now - leaked_at_;
    limits.messages.leak(messages_, passed_ms);
    limits.bytes.leak(bytes_, passed_ms);
    leaked_at_ = judged_at_ = now;
  }

  uint64_t messages_ = 0;
  uint64_t bytes_ = 0;
  Instant leaked_at_;
  Instant held_until_;
  Instant judged_at_ = Instant::never();  // What is sent then as well needs no look at the time.
};

}  // namespace onehop::core
