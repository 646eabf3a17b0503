// PendingControl: see the header.
#include "core/queue/pending_control.h"

#include <utility>

#include "core/wire/control_frames.h"

namespace onehop::core {
namespace {

// Room for so many of each is kept once they are encoded: one that had very many at once may never again.
constexpr size_t kKept = 64;

}  // namespace

void PendingControl::add_flow(const FlowTarget& target, v1::State state, uint32_t retry_after_ms) {
  other_bytes_ += kFlowBytes + target.name.size();
  flows_.push_back({std::string(target.name), target.is_service, state, retry_after_ms});
  count_held();
}

void PendingControl::set_ping(uint64_t nonce) {
  ping_nonce_ = nonce;
  has_ping_ = true;
}

void PendingControl::set_pong(uint64_t nonce) {
  pong_nonce_ = nonce;
  has_pong_ = true;
}

void PendingControl::set_renewed(v1::Reason reason, uint32_t expires_in_ms) {
  renewed_reason_ = static_cast<uint8_t>(reason);
  expires_in_ms_ = expires_in_ms;
  has_renewed_ = true;
}

void PendingControl::add_subscribed(uint64_t ref, v1::Reason reason, uint32_t retry_after_ms) {
  if (answers_ == nullptr) answers_ = std::make_unique<std::vector<Answer>>();
  answers_->push_back({ref, reason, retry_after_ms});
  other_bytes_ += kAnswerBytes;
  count_held();
}

void PendingControl::add_watch_ended(uint64_t ref, v1::Reason reason) {
  add_subscribed(ref, reason, 0);
  answers_->back().is_watch = true;
}

size_t PendingControl::encode_answers(OutputQueue& queue, SegmentPool& pool, v1::Frame& frame) {
  const std::unique_ptr<std::vector<Answer>> answers = std::exchange(answers_, nullptr);
  size_t size = 0;
  for (const Answer& answer : *answers) {
    if (answer.is_watch) {
      v1::Presence& presence = *frame.mutable_presence();
      presence.Clear();
      presence.set_ref(answer.ref);
      presence.set_reason(answer.reason);
      presence.set_complete(answer.reason == v1::REASON_UNSPECIFIED);
      size += append_frame(queue, pool, frame);
      continue;
    }
    v1::Subscribed& subscribed = *frame.mutable_subscribed();
    subscribed.set_ref(answer.ref);
    subscribed.set_reason(answer.reason);
    subscribed.set_retry_after_ms(answer.retry_after_ms);
    size += append_frame(queue, pool, frame);
  }
  return size;
}

size_t PendingControl::encode(OutputQueue& queue, SegmentPool& pool, v1::Frame& frame, Instant now) {
  size_t size = 0;
  for (std::span<const FateOfIds> left = refusals_; !left.empty();) {
    const size_t count = receipts_per_frame(left);
    size += append_receipts(queue, pool, frame, left.first(count), 0);
    left = left.subspan(count);
  }
  for (const PendingFlow& waiting : flows_) {
    v1::Flow& flow = *frame.mutable_flow();
    if (waiting.is_service) {
      flow.set_service(waiting.name);
    } else {
      flow.set_client(waiting.name);
    }
    flow.set_state(waiting.state);
    flow.set_retry_after_ms(waiting.retry_after_ms);
    size += append_frame(queue, pool, frame);
  }
  if (answers_ != nullptr) size += encode_answers(queue, pool, frame);
  if (presence_ != nullptr) size += std::exchange(presence_, nullptr)->encode(queue, pool, frame, now);
  if (has_renewed_) {
    frame.mutable_renewed()->set_reason(static_cast<v1::Reason>(renewed_reason_));
    frame.mutable_renewed()->set_expires_in_ms(expires_in_ms_);
    size += append_frame(queue, pool, frame);
  }
  if (has_ping_) {
    frame.mutable_ping()->set_nonce(ping_nonce_);
    size += append_frame(queue, pool, frame);
  }
  if (has_pong_) {
    frame.mutable_pong()->set_nonce(pong_nonce_);
    size += append_frame(queue, pool, frame);
  }
  refusals_.clear();
  flows_.clear();
  if (refusals_.capacity() > kKept) std::vector<FateOfIds>().swap(refusals_);
  if (flows_.capacity() > kKept) std::vector<PendingFlow>().swap(flows_);
  other_bytes_ = 0;
  has_ping_ = has_pong_ = has_renewed_ = false;
  count_held();
  return size;
}

}  // namespace onehop::core
