// ServiceMoves: see the header.
#include "core/shard/service_moves.h"

#include <algorithm>
#include <cassert>

#include "core/base/limits.h"
#include "core/shard/shard_parts.h"

namespace onehop::core {
namespace {

// An instance that is away is not looked at more often than this.
constexpr uint64_t kMovePaceMs = 100;

// It may have been written to another instance before.
bool is_unwritten(const Backlog& backlog, const Backlog::Entry& entry) {
  return entry.state == Backlog::State::kUnsent && entry.tag > backlog.highest_sent();
}

bool is_to_service(const Backlog::Entry& entry) {
  return entry.sender.kind == Origin::Kind::kMarked && (entry.sender.detail & kToService) != 0;
}

}  // namespace

ServiceMoves::ServiceMoves(ShardParts& shard) : shard_(shard), account_(shard.counters.state_bytes) {}

Instant ServiceMoves::not_waited_for(const Away& away) {
  return away.left + kInstanceAwayMs;
}

bool ServiceMoves::may_move(const Backlog& backlog, const Backlog::Entry& entry) const {
  if (!is_to_service(entry) || entry.state == Backlog::State::kExpired) return false;
  if (is_unwritten(backlog, entry)) return true;
  return entry.confirmed && (entry.sender.detail & kRetryAttempted) != 0 && !shard_.requests.is_replied(entry);
}

bool ServiceMoves::take(const Backlog& backlog, const Backlog::Entry& entry) {
  if (shard_.shutdown.draining() || !may_move(backlog, entry)) return false;
  RoutedMessage message = message_of(entry);
  shard_.requests.forget(entry);
  move(message, entry.deadline);
  return true;
}

// As it came from its sender. Its bytes are those of the entry.
RoutedMessage ServiceMoves::message_of(const Backlog::Entry& entry) const {
  RoutedMessage message = entry.message();
  [[maybe_unused]] const ScanError error = scan_message(message.body, {}, message.scanned);
  assert(error == ScanError::kNone);
  message.scanned.flags = static_cast<uint8_t>(entry.sender.detail | kMoved | (entry.attempted ? kAttempted : 0));
  message.sender.kind = Origin::Kind::kSession;
  message.sender.detail = 0;
  return message;
}

template <typename Wanted>
void ServiceMoves::move_some(SessionId id, Session& session, Wanted wanted) {
  if (session.backlog == nullptr || !session.backlog->has_unsent() || shard_.shutdown.draining()) return;
  Backlog& backlog = *session.backlog;
  backlog.resumes_paid = std::max(backlog.resumes_paid, shard_.now()) + backlog.unsent() / kResumedDeliveriesPerMs;
  backlog.for_each([this, &backlog, &wanted](Backlog::Entry& entry) {
    if (!is_to_service(entry) || !is_unwritten(backlog, entry)) return;
    RoutedMessage message = message_of(entry);
    if (!wanted(message.scanned.destination_name)) return;
    shard_.requests.forget(entry);
    move(message, entry.deadline);
    backlog.settle(entry);
  });
  backlog.close_holes();
  if (!session.link) shard_.memory.count_away(id, session);
}

void ServiceMoves::move_unwritten(SessionId id, Session& session, Bytes service) {
  move_some(id, session, [service](Bytes destination) { return destination == service; });
}

void ServiceMoves::want_moves(SessionId id, Session& session) {
  Away& away = *session.away;
  if (away.moves != Instant::never()) return;
  away.moves = std::max({not_waited_for(away), away.moved + kMovePaceMs, shard_.now()});
  shard_.sessions.arm_earlier(id.index, away.moves);
}

void ServiceMoves::move_from_away(SessionId id, Session& session) {
  session.away->moves = Instant::never();
  session.away->moved = shard_.now();
  move_some(id, session, [this](Bytes destination) { return shard_.services.has_available(destination); });
}

bool ServiceMoves::may_move_again(const Session& session) const {
  return session.backlog == nullptr || session.backlog->resumes_paid <= shard_.now() + kResumesAheadMs;
}

void ServiceMoves::move_on(const RoutedMessage& message) {
  const Limits& limits = shard_.config.limits;
  const uint32_t ttl_ms = message.scanned.ttl_ms;
  RoutedMessage moved = message;
  move(moved, shard_.now() + (ttl_ms == 0 ? limits.ttl_ms_max : std::min(ttl_ms, limits.ttl_ms_max)));
}

void ServiceMoves::move(RoutedMessage& message, Instant deadline) {
  if (deadline <= shard_.now()) return tell_end(message, v1::OUTCOME_EXPIRED, v1::REASON_UNSPECIFIED);
  message.scanned.ttl_ms = static_cast<uint32_t>(std::min<uint64_t>(deadline - shard_.now(), UINT32_MAX));
  switch (shard_.services.place(message)) {
    case Services::Placed::kDone:
      return;
    case Services::Placed::kNobody:
      return lose(message);
    case Services::Placed::kNoCredit:
      break;
  }
  const size_t bytes = waiting_.bytes() + KeptMessages::weight_of(message);
  if (bytes > shard_.config.limits.queue_bytes_max) return lose(message);
  waiting_.add(message, deadline);
  account_.set(waiting_.bytes());
}

void ServiceMoves::lose(const RoutedMessage& message) {
  if ((message.scanned.flags & kMoved) == 0)
    return shard_.outcomes.refuse(message, {v1::OUTCOME_REJECTED, v1::REASON_NOBODY_THERE, 0, 0, false});
  const bool draining = shard_.shutdown.draining();
  tell_end(message, v1::OUTCOME_LOST, draining ? v1::REASON_SHUTTING_DOWN : v1::REASON_CONNECTION_LOST);
}

void ServiceMoves::tell_end(const RoutedMessage& message, v1::Outcome outcome, v1::Reason reason) {
  if (!message.confirmed()) {
    ++(outcome == v1::OUTCOME_EXPIRED ? shard_.counters.messages_expired : shard_.counters.messages_dropped);
    return;
  }
  const Fate fate{outcome, reason, 0, 0, (message.scanned.flags & kAttempted) != 0};
  // What becomes of a request is counted where it is decided.
  if ((message.scanned.flags & kRequest) == 0) shard_.outcomes.count(fate);
  shard_.outcomes.tell_receipt(shard_.outcomes.receipt_for(message, fate));
}

void ServiceMoves::send_waiting() {
  while (!waiting_.empty()) {
    RoutedMessage message = waiting_.front();
    const Instant deadline = waiting_.deadline();
    if (deadline <= shard_.now()) {
      tell_end(message, v1::OUTCOME_EXPIRED, v1::REASON_UNSPECIFIED);
    } else {
      message.scanned.ttl_ms = static_cast<uint32_t>(std::min<uint64_t>(deadline - shard_.now(), UINT32_MAX));
      const Services::Placed placed = shard_.services.place(message);
      if (placed == Services::Placed::kNoCredit) break;
      if (placed == Services::Placed::kNobody) lose(message);
    }
    waiting_.pop();
  }
  account_.set(waiting_.bytes());
}

void ServiceMoves::stop() {
  for (; !waiting_.empty(); waiting_.pop()) lose(waiting_.front());
  account_.set(0);
}

}  // namespace onehop::core
