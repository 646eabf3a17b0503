// When a shard's host takes which step towards its end:
//
//   drain ──(delay)──▶ announce ──▶ settle ──▶ leave
//                      clients are  all have    nothing is left, or time is up
//                      told         ended, or
//                                   time nears its end
//
// Pure: instants in, steps out. Leaving needs stop(): a drained broker can be looked at until then.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>

#include "core/base/instant.h"

namespace onehop::server {

class Ending {
 public:
  enum class Step : uint8_t {
    kNone,      // Nothing, until due().
    kAnnounce,  // Accept no more, tell clients.
    kSettle,    // Let the shard stop.
    kCut,       // Leave, whatever is open.
    kLeave,     // Leave: nothing is open.
  };

  // Only the first counts. Announces at `announce_at`, to be over at `deadline`; clients are told to come back over
  // `spread_ms`, as the last call says it.
  void drain(core::Instant now, core::Instant announce_at, core::Instant deadline, uint32_t spread_ms) {
    spread_ms_ = spread_ms;
    if (begun_) return;
    begun_ = true;
    announce_at_ = announce_at;
    settle_at_ = settle_before(now, deadline);
  }
  // The drain is taken back before anything was done about it. Once stop() was called there is no way back.
  void take_back() {
    if (stop_wanted_) return;
    begun_ = announced_ = settled_ = false;
    announce_at_ = settle_at_ = core::Instant::never();
  }
  // Over at `deadline` at the latest. The earliest counts.
  void stop(core::Instant now, core::Instant deadline, uint32_t spread_ms) {
    drain(now, now, deadline, spread_ms);
    stop_wanted_ = true;
    cut_at_ = std::min(cut_at_, deadline);
    settle_at_ = std::min(settle_at_, settle_before(now, deadline));
    if (now >= settle_at_) announce_at_ = std::min(announce_at_, now);
  }

  // What to do now; to be asked again after each step. `has_links`: the shard has some; `over`: nothing at all is left.
  Step next(core::Instant now, bool has_links, bool over) {
    if (!begun_) return Step::kNone;
    const bool cut = now >= cut_at_;
    if (!settled_) {
      const bool time_is_up = now >= settle_at_;
      if (time_is_up || (announced_ && !has_links)) {
        settled_ = true;
        return Step::kSettle;
      }
      if (!announced_ && now >= announce_at_) {
        announced_ = true;
        return Step::kAnnounce;
      }
      return Step::kNone;
    }
    if (!stop_wanted_) return Step::kNone;
    if (over) return Step::kLeave;
    return cut ? Step::kCut : Step::kNone;
  }
  // When to ask again at the latest.
  core::Instant due() const {
    if (!begun_) return core::Instant::never();
    if (settled_) return cut_at_;
    return announced_ ? settle_at_ : std::min(announce_at_, settle_at_);
  }
  // Whether it has announced or gone further: it accepts no more.
  bool accepts_no_more() const { return announced_ || settled_; }
  // How long clients have before it settles. Once it has begun.
  uint64_t grace_ms(core::Instant now) const { return settle_at_ > now ? settle_at_ - now : 0; }
  uint32_t spread_ms() const { return spread_ms_; }

 private:
  // Settling takes a moment, too: what is decided at the end must still reach those whom it concerns.
  static constexpr uint64_t kSettleMs = 1'000;
  static core::Instant settle_before(core::Instant now, core::Instant deadline) {
    if (deadline <= now) return now;
    return {deadline.ms - std::min(kSettleMs, (deadline - now) / 4)};
  }

  uint32_t spread_ms_ = 0;
  bool begun_ = false;
  bool announced_ = false;
  bool settled_ = false;
  bool stop_wanted_ = false;
  core::Instant announce_at_ = core::Instant::never();
  core::Instant settle_at_ = core::Instant::never();
  core::Instant cut_at_ = core::Instant::never();
};

}  // namespace onehop::server
