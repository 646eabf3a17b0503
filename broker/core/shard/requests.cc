// Requests: see the header.
#include "core/shard/requests.h"

#include <cassert>

#include "core/shard/shard_parts.h"

namespace onehop::core {
namespace {

// An entry of the table of open requests, with the room beside it.
constexpr size_t kOpenBytes = 32;

RequestKey key_of(const Backlog::Entry& entry) {
  return {entry.from_session, entry.id};
}

bool is_request(const Backlog::Entry& entry) {
  return entry.sender.kind == Origin::Kind::kMarked && (entry.sender.detail & kRequest) != 0;
}

// The message that it replies to. Only its body has the id, once it has crossed.
RequestKey replied_to(const RoutedMessage& message) {
  ScannedMessage scanned;
  [[maybe_unused]] const ScanError error = scan_message(message.body, {}, scanned);
  assert(error == ScanError::kNone);
  return {scanned.in_reply_to_session, scanned.in_reply_to};
}

}  // namespace

Requests::Requests(ShardParts& shard) : shard_(shard), replies_(shard.counters), account_(shard.counters.state_bytes) {}

void Requests::count_held() {
  account_.set(open_count_ * kOpenBytes + open_.size() * (sizeof(OpenOfOne) + kOpenBytes));
}

// --- The requester's shard -------------------------------------------------------------------------------------------

void Requests::open(RoutedMessage& message) {
  message.scanned.flags |= kRequest;
  std::unique_ptr<OpenOfOne>& own = open_[message.sender.session.index];
  if (own == nullptr) own = std::make_unique<OpenOfOne>();
  own->emplace(message.scanned.id, message.frame_bytes);
  ++open_count_;
  count_held();
}

void Requests::cancel(const RoutedMessage& message) {
  uint64_t frame_bytes = 0;
  if ((message.scanned.flags & kRequest) != 0) close(message.sender.session, message.scanned.id, frame_bytes);
}

// False if it is not open.
bool Requests::close(SessionId requester, uint64_t id, uint64_t& frame_bytes) {
  const auto found = open_.find(requester.index);
  if (found == open_.end()) return false;
  const auto request = found->second->find(id);
  if (request == found->second->end()) return false;
  frame_bytes = request->second;
  found->second->erase(request);
  --open_count_;
  if (found->second->empty()) open_.erase(found);
  count_held();
  return true;
}

void Requests::take_fate(const Receipt& receipt) {
  const SessionId requester = receipt.sender.session;
  Receipt plain = receipt;
  plain.sender.kind = Origin::Kind::kSession;
  plain.sender.detail = 0;
  // The requester has ended. It has no open requests, and the indices of sessions are used again.
  if (shard_.sessions.find(requester) == nullptr) return shard_.outcomes.tell_receipt(plain);
  // The last id may be the highest that there is.
  for (uint64_t id = receipt.ids.first_id;; ++id) {
    plain.ids.first_id = plain.ids.last_id = id;
    if (close(requester, id, plain.frame_bytes)) {
      tell_outcome(plain);
      plain.gate_closed = false;
    }
    if (id == receipt.ids.last_id) return;
  }
}

void Requests::tell_outcome(const Receipt& receipt) {
  const Fate& fate = receipt.ids.fate;
  // A refusal at admission has been counted there.
  const bool was_admitted = fate.outcome != v1::OUTCOME_REJECTED || fate.reason == v1::REASON_REFUSED_BY_RECIPIENT;
  if (was_admitted) shard_.outcomes.count(fate);
  shard_.outcomes.tell_receipt(receipt);
}

void Requests::take_reply(const RoutedMessage& message, SessionId requester) {
  if ((message.scanned.flags & kAnswers) == 0) return;
  const RequestKey key = replied_to(message);
  Receipt receipt;
  receipt.sender = shard_.origin_of(requester);
  receipt.sender.kind = Origin::Kind::kMarked;
  receipt.sender.detail = kRequest;
  receipt.confirmed = true;
  receipt.ids = {key.id, key.id, {v1::OUTCOME_REPLIED, v1::REASON_UNSPECIFIED, 0, 0, true}, {}};
  take_fate(receipt);
  const ShardIndex responder = message.sender.shard;
  if (responder == shard_.config.index) return take_reply_taken(key);
  RequestRecord record{};
  record.head.kind = RecordKind::kReplyTaken;
  record.from_session = key.session;
  record.id = key.id;
  shard_.crossing.post_to(responder).add_control(record);
}

// --- The responder's shard -------------------------------------------------------------------------------------------

bool Requests::owes(const RoutedMessage& message) {
  const OpenReplies::Request* const request =
      replies_.find({message.scanned.in_reply_to_session, message.scanned.in_reply_to});
  return request != nullptr && !request->replied && request->responder == message.sender.session;
}

void Requests::mark_reply(RoutedMessage& message) {
  if (owes(message)) message.scanned.flags |= kAnswers;
}

bool Requests::replies_while_draining(const RoutedMessage& message) {
  const bool may_reply =
      message.scanned.in_reply_to_session != 0 && message.scanned.destination == Destination::kClient;
  return may_reply && !shard_.shutdown.stopping() && owes(message);
}

bool Requests::admits_while_draining(const RoutedMessage& message) const {
  return !shard_.shutdown.stopping() && (message.scanned.flags & kAnswers) != 0;
}

void Requests::note_kept(SessionId recipient, Backlog::Entry& entry, const RoutedMessage& message) {
  const uint8_t flags = message.scanned.flags;
  if ((flags & (kRequest | kToService)) == 0) return;
  entry.sender.kind = Origin::Kind::kMarked;
  entry.sender.detail = flags & (kRequest | kToService | kRetryAttempted);
  entry.attempted = (flags & kAttempted) != 0;
  if ((flags & kRequest) != 0) replies_.add(key_of(entry), entry.sender, entry.frame_bytes, recipient);
}

bool Requests::tells_end(const Backlog::Entry& entry, const Fate& fate) {
  if (!is_request(entry)) {
    shard_.outcomes.count(fate);
    return true;
  }
  OpenReplies::Request* const request = replies_.find(key_of(entry));
  if (fate.outcome == v1::OUTCOME_DELIVERED && !request->replied) {
    replies_.acknowledge(*request, entry.deadline);
    return false;
  }
  replies_.erase(*request);
  return fate.outcome != v1::OUTCOME_DELIVERED;
}

bool Requests::is_replied(const Backlog::Entry& entry) {
  return is_request(entry) && replies_.find(key_of(entry))->replied;
}

void Requests::forget(const Backlog::Entry& entry) {
  if (is_request(entry)) replies_.erase(*replies_.find(key_of(entry)));
}

void Requests::take_reply_taken(const RequestKey& key) {
  OpenReplies::Request* const request = replies_.find(key);
  if (request == nullptr) return;
  if (request->acknowledged) return replies_.erase(*request);
  request->replied = true;
}

void Requests::tell_requester(const OpenReplies::Request& request, v1::Outcome outcome, v1::Reason reason) {
  Receipt receipt;
  receipt.sender = request.sender;
  receipt.confirmed = true;
  receipt.frame_bytes = request.frame_bytes;
  receipt.ids = {request.key.id, request.key.id, {outcome, reason, 0, 0, true}, {}};
  shard_.outcomes.tell_receipt(receipt);
}

size_t Requests::held_for(SessionId id) const {
  const auto own = open_.find(id.index);
  return replies_.held_for(id) + (own == open_.end() ? 0 : own->second->size() * kOpenBytes);
}

void Requests::session_ended(SessionId id) {
  const v1::Reason reason = shard_.shutdown.draining() ? v1::REASON_SHUTTING_DOWN : v1::REASON_CONNECTION_LOST;
  OpenReplies::Request request;
  while (replies_.take_acknowledged_of(id, request)) tell_requester(request, v1::OUTCOME_RESPONDER_LOST, reason);
  replies_.erase_all_of(id);
  const auto own = open_.find(id.index);
  if (own == open_.end()) return;
  open_count_ -= own->second->size();
  open_.erase(own);
  count_held();
}

void Requests::stop() {
  OpenReplies::Request request;
  while (replies_.take_acknowledged(request))
    tell_requester(request, v1::OUTCOME_RESPONDER_LOST, v1::REASON_SHUTTING_DOWN);
}

Instant Requests::advance() {
  OpenReplies::Request request;
  while (replies_.take_due(shard_.now(), request)) tell_requester(request, v1::OUTCOME_EXPIRED, v1::REASON_UNSPECIFIED);
  return replies_.next_deadline();
}

}  // namespace onehop::core
