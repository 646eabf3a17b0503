// Oracle: limits: of what one client may send, and of what all shards may hold together.
#include <algorithm>
#include <utility>

#include "core/base/memory_ledger.h"
#include "sim/oracle.h"

namespace onehop::sim {
namespace {

// Shards know what the others hold when those have flushed, which is at the end of what they do at one time.
constexpr uint64_t kFlushSlackUs = 5 * kUsPerMs;

uint64_t or_a_second(uint64_t burst, uint64_t per_second) {
  return burst == 0 ? per_second : burst;
}

}  // namespace

std::string Oracle::why_rate_illegal(const SentMessage& sent, uint32_t retry_after_ms) {
  coverage_.add(Provoked::kRateLimited);
  const core::Limits& limits = scenario_.limits;
  if (limits.messages_per_second == 0 && limits.bytes_per_second == 0) return "there is no such limit";
  // It has room for all that the session has sent up to here, however fast.
  uint64_t messages = 0;
  uint64_t bytes = 0;
  for (const uint32_t record : sessions_[sent.sender].messages) {
    ++messages;
    bytes += messages_[record].frame_bytes;
    if (messages_[record].position == sent.position) break;
  }
  const bool many =
      limits.messages_per_second != 0 && messages > or_a_second(limits.messages_burst, limits.messages_per_second);
  const bool large =
      limits.bytes_per_second != 0 &&
      bytes > std::max<uint64_t>(or_a_second(limits.bytes_burst, limits.bytes_per_second), limits.frame_bytes_max);
  if (!many && !large) return "it was within its limit";
  // What is refused takes nothing, so there is soon room for one more.
  uint64_t wait_ms = 0;
  if (limits.messages_per_second != 0) wait_ms = 1000 / limits.messages_per_second + 1;
  if (limits.bytes_per_second != 0) {
    wait_ms = std::max(wait_ms, uint64_t{limits.frame_bytes_max} * 1000 / limits.bytes_per_second + 1);
  }
  return retry_after_ms != 0 && retry_after_ms <= wait_ms ? "" : "without a fit retry_after_ms";
}

// All that has passed did so since its sender's session began.
void Oracle::count_passed(const SentMessage& sent) {
  Session& sender = sessions_[sent.sender];
  ++sender.passed;
  sender.passed_bytes += sent.frame_bytes;
  const core::Limits& limits = scenario_.limits;
  const uint64_t us = now_us_ - sender.opened_us + kUsPerMs;
  const auto allowed = [us](uint64_t per_second, uint64_t burst) {
    return or_a_second(burst, per_second) + per_second * us / 1'000'000 + 1;
  };
  if (limits.messages_per_second != 0 && sender.passed > allowed(limits.messages_per_second, limits.messages_burst)) {
    return fail(sender, "sends faster than it may: " + std::to_string(sender.passed) + " messages");
  }
  if (limits.bytes_per_second != 0 &&
      sender.passed_bytes > allowed(limits.bytes_per_second, limits.bytes_burst) + limits.frame_bytes_max) {
    fail(sender, "sends faster than it may: " + std::to_string(sender.passed_bytes) + " bytes");
  }
}

// After each call: so much more may have been held within it.
void Oracle::watch_memory(core::ShardIndex shard, const core::Counters& counters, uint64_t within) {
  Held& held = held_[shard];
  const uint64_t clients = counters.links * core::kLinkMemoryBytes + counters.sessions * core::kSessionMemoryBytes;
  held.memory = counters.held_bytes() + clients;
  held.away = counters.away_bytes;
  uint64_t total = 0;
  for (const Held& each : held_) total += each.memory;
  const uint64_t bytes_max = scenario_.limits.memory_bytes_max;
  if (total + within >= bytes_max / 8 * 7 && !std::exchange(memory_is_short_, true)) memory_short_since_us_ = now_us_;
  if (memory_is_short_) memory_short_until_us_ = now_us_;
  if (total + within < bytes_max / 4 * 3) memory_is_short_ = false;
  if (total + within >= bytes_max) memory_full_until_us_ = now_us_;
  watch_away(within);
  // With the one that came and was refused within this call.
  const uint64_t newcomer = core::kLinkMemoryBytes + core::kSessionMemoryBytes;
  if ((clients + newcomer) * held_.size() >= bytes_max / 2) clients_took_half_us_ = now_us_;
}

bool Oracle::may_refuse_for_memory(uint64_t begun_us) const {
  const bool clients = clients_took_half_us_ != kNever && clients_took_half_us_ + kFlushSlackUs >= begun_us;
  return clients || memory_was_short_since(begun_us);
}

bool Oracle::memory_was_short_since(uint64_t at_us) const {
  return memory_is_short_ || (memory_short_until_us_ != kNever && memory_short_until_us_ + kFlushSlackUs >= at_us);
}

std::string Oracle::what_is_held() const {
  uint64_t total = 0;
  uint64_t away = 0;
  for (const Held& each : held_) {
    total += each.memory;
    away += each.away;
  }
  return std::to_string(total) + " of " + std::to_string(scenario_.limits.memory_bytes_max) + ", " +
         std::to_string(away) + " of it for sessions that are away";
}

void Oracle::watch_away(uint64_t within) {
  for (const Held& each : held_) within += each.away;
  if (within >= scenario_.limits.memory_bytes_max / 2) away_full_until_us_ = now_us_;
}

bool Oracle::away_was_full_since(uint64_t at_us) const {
  return away_full_until_us_ != kNever && away_full_until_us_ + kFlushSlackUs >= at_us;
}

void Oracle::memory_ending(core::ShardIndex shard, const core::Counters& counters, core::Bytes name,
                           uint64_t session_number) {
  coverage_.add(Provoked::kMemoryEnded);
  // A message to a topic may have filled it within this call.
  watch_memory(shard, counters, 0);
  const auto found = by_number_.find(session_number);
  if (found == by_number_.end()) return fail("a session that never was is ended for want of memory");
  Session& session = sessions_[found->second];
  if (names_[session.name].text != name) return fail(session, "is ended for want of memory under another name");
  session.ended_for_memory = true;
  // What was held before the end of this one is seen no more.
  memory_short_until_us_ = now_us_;
  // Or it has been short for too long.
  const bool long_short = memory_is_short_ && now_us_ - memory_short_since_us_ + kFlushSlackUs >=
                                                  core::MemoryLedger::kRefusingMsMax * kUsPerMs;
  const bool full = memory_full_until_us_ != kNever && memory_full_until_us_ + kFlushSlackUs >= now_us_;
  const bool away_full = session.connection == kNone && away_was_full_since(now_us_);
  if (away_full) coverage_.add(Provoked::kAwayFull);
  if (!full && !long_short && !away_full) {
    fail(session, "is ended for want of memory, and there is enough: " + what_is_held());
  }
}

}  // namespace onehop::sim
