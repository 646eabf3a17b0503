// Shard: what becomes of messages after their admission. Recipients settle them, time runs out for them, sessions end
// with them; what waits in a backlog moves on when there is room.
#include <algorithm>
#include <utility>

#include "core/shard.h"
#include "core/utf8.h"

namespace onehop::core {
namespace {

constexpr Fate kDelivered{v1::OUTCOME_DELIVERED, v1::REASON_UNSPECIFIED, 0, 0, true};

}  // namespace

// What breaks the rules in an ack; or nothing. Looked at before any of it is applied.
Bytes Shard::wrong_with_verdicts(const Session& session, const v1::Ack& ack) const {
  const uint64_t highest = session.backlog == nullptr ? 0 : session.backlog->highest_sent();
  uint64_t named = ack.up_to();
  for (const v1::Refusal& refusal : ack.refused()) named = std::max(named, refusal.delivery_tag());
  for (const v1::Range& range : ack.taken()) {
    if (range.first() > range.last()) return "a range in an ack runs backwards";
    named = std::max(named, range.last());
  }
  return named > highest ? Bytes("an ack speaks of a delivery tag that was never given") : Bytes();
}

// In the order refused, taken, up_to; the first verdict of a tag wins.
void Shard::take_verdicts(Session& session, const v1::Ack& ack, Instant now) {
  if (session.backlog == nullptr) return;
  Backlog& backlog = *session.backlog;
  const uint32_t open = backlog.open();
  for (const v1::Refusal& refusal : ack.refused()) {
    Backlog::Entry* entry = backlog.find_open(refusal.delivery_tag());
    if (entry == nullptr) continue;
    const Fate fate{v1::OUTCOME_REJECTED, v1::REASON_REFUSED_BY_RECIPIENT, refusal.retry_after_ms(), refusal.code(),
                    true};
    settle(backlog, *entry, fate, cut_utf8(refusal.text(), kRefusalTextBytesMax));
  }
  const auto take = [this, &backlog](Backlog::Entry& entry) { settle(backlog, entry, kDelivered, {}); };
  // In their order, so that outcomes of one sender make ranges, whatever the order in which the client names them.
  taken_.clear();
  for (const v1::Range& range : ack.taken()) taken_.emplace_back(range.first(), range.last());
  std::sort(taken_.begin(), taken_.end());
  uint64_t looked_at = 0;
  for (const auto& [first, last] : taken_) {
    if (last <= looked_at) continue;
    backlog.for_each_open(std::max(first, looked_at + 1), last, take);
    looked_at = last;
  }
  backlog.for_each_open(0, ack.up_to(), take);
  tell_settled();
  backlog.close_holes();
  if (backlog.open() != open && backlog.window_full_since != Instant::never()) {
    backlog.window_full_since = window_open(session, 0) ? Instant::never() : now;
  }
  if (session.link) mark_dirty(session.link, links_[session.link.index]);
}

// Ends one entry with a fate that its sender is told, if it asked and was not told already. Runs of ids with one fate
// are gathered: tell_settled follows.
void Shard::settle(Backlog& backlog, Backlog::Entry& entry, const Fate& fate, Bytes text) {
  tell_end(entry, fate, text);
  backlog.settle(entry);
}

void Shard::tell_end(const Backlog::Entry& entry, const Fate& fate, Bytes text) {
  if (!entry.confirmed || entry.state == Backlog::State::kExpired) return;
  counters_.count_outcome(fate.outcome);
  if (fate.outcome == v1::OUTCOME_LOST) counters_.count_lost(fate.reason);
  if (settled_.goes_on_with(entry.sender, entry.id, fate, text)) return settled_.absorb(entry.id, entry.frame_bytes);
  tell_settled();
  settled_ = {entry.sender, {}, false, true, entry.frame_bytes, {entry.id, entry.id, fate, std::string(text)}};
}

void Shard::tell_settled() {
  if (settled_.sender.kind == Origin::Kind::kNone) return;
  tell_receipt(std::exchange(settled_, {}));
}

// Whether the window has room for a delivery that wants an ack, its sender's frame being so long.
bool Shard::window_open(const Session& session, size_t frame_bytes) const {
  const Backlog& backlog = *session.backlog;
  if (backlog.open() == 0) return true;
  return backlog.open() < session.receive_window &&
         backlog.open_bytes() + frame_bytes <= config_.limits.receive_window_bytes;
}

// Moves what waits to the connection's queue, as far as the window and the portion go.
void Shard::pump(SessionId id, Session& session, Link& link, Instant now) {
  Backlog& backlog = *session.backlog;
  if (backlog.earliest_deadline() <= now) expire(session, now);
  while (backlog.has_unsent() && link.output.bytes() < kPumpBytes) {
    Backlog::Entry& entry = backlog.next_unsent();
    if (!window_open(session, entry.confirmed ? entry.frame_bytes : 0)) break;
    const size_t before = link.output.bytes();
    if (entry.attempted) ++counters_.messages_redelivered;
    const RoutedMessage message = entry.message();
    Delivery delivery(message);
    if (entry.confirmed) delivery.set_tag(entry.tag);
    if (entry.attempted) delivery.set_redelivered(static_cast<uint32_t>(entry.deadline - now));
    delivery.append_to(link.output, segments_);
    counters_.queued_bytes += link.output.bytes() - before;
    backlog.mark_sent();
  }
  backlog.close_holes();
  watch_window(id, session, now);
}

// The clock of a recipient whose window is full runs until it settles something.
void Shard::watch_window(SessionId id, Session& session, Instant now) {
  Backlog& backlog = *session.backlog;
  if (window_open(session, backlog.has_unsent() ? backlog.next_unsent().frame_bytes : 0)) {
    backlog.window_full_since = Instant::never();
  } else if (session.link && backlog.window_full_since == Instant::never()) {
    backlog.window_full_since = now;
    session_wheel_.arm_earlier(id.index, now + config_.limits.ack_timeout_ms);
  }
}

// Ends the wait of everything whose ttl has run out.
void Shard::expire(Session& session, Instant now) {
  Backlog& backlog = *session.backlog;
  backlog.for_each_due(now, [&](Backlog::Entry& entry) {
    if (!entry.confirmed) ++counters_.messages_expired;
    const bool attempted = entry.attempted;
    const Fate fate{v1::OUTCOME_EXPIRED, v1::REASON_UNSPECIFIED, 0, 0, attempted};
    tell_end(entry, fate, {});
    backlog.expire(entry);
  });
  tell_settled();
  backlog.close_holes();
  if (session.link) mark_dirty(session.link, links_[session.link.index]);
}

// The recipient is gone for good: everything it has not settled is lost.
void Shard::lose(Session& session, v1::Reason reason) {
  if (session.backlog == nullptr) return;
  Backlog& backlog = *session.backlog;
  backlog.for_each([&](Backlog::Entry& entry) {
    if (!entry.confirmed) ++counters_.messages_dropped;
    settle(backlog, entry, {v1::OUTCOME_LOST, reason, 0, 0, entry.attempted}, {});
  });
  tell_settled();
  backlog.close_holes();
}

}  // namespace onehop::core
