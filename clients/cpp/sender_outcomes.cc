// What comes back: receipts, flow, pongs.
#include <algorithm>
#include <utility>

#include "client/sender.h"
#include "message/message_codec.h"

namespace onehop::client {
namespace {

// For a PAUSE or a refusal that does not say how long.
constexpr uint32_t kRetryAfterMsDefault = 1'000;

uint32_t or_default(uint32_t retry_after_ms) {
  return retry_after_ms == 0 ? kRetryAfterMsDefault : retry_after_ms;
}

// Whether waiting cures it. A broker that goes has told so, or is about to: what it would not take any more is for the
// session after it, like what was accepted since.
bool is_passing(v1::Reason reason) {
  return reason == v1::REASON_QUEUE_FULL || reason == v1::REASON_BROKER_BUSY || reason == v1::REASON_RATE_LIMITED ||
         reason == v1::REASON_SHUTTING_DOWN;
}

Reason to_reason(v1::Reason reason) {
  return reason >= 0 && reason <= UINT8_MAX ? static_cast<Reason>(reason) : static_cast<Reason>(UINT8_MAX);
}

}  // namespace

void Sender::on_receipts(const v1::Receipts& receipts, core::Instant now) {
  if (receipts.seq() != 0) {
    owes_receipts_ack_ = true;
    // Told again, because the broker does not know that it arrived.
    if (receipts.seq() <= receipts_seen_) return;
    receipts_seen_ = receipts.seq();
  }
  // What events add meanwhile is not meant.
  const uint64_t newest = log_.next_id() - 1;
  for (const v1::Receipt& receipt : receipts.items()) {
    const uint64_t last = std::min(receipt.last_id(), newest);
    for (size_t i = log_.place_from(receipt.first_id()); i < log_.size() && log_[i].id <= last; ++i) {
      SendLog::Record& record = log_[i];
      if (record.ticket == 0) continue;
      if (record.confirmed && receipts.seq() != 0) ++unacked_outcomes_;
      on_fate(record, receipt, now);
      log_.drop(record);
    }
  }
  log_.tidy();
  // What waited for a name that was refused just now, and has no patience, is told with it.
  on_tick(now);
}

// A topic has no queue that could be waited for: if all of its subscribers are full, that is what became of the
// message. And what subscribers have missed is the end of it: some may have had it, and later messages have gone ahead.
bool Sender::will_pass(const SendLog::Record& record, const v1::Receipt& receipt, core::Instant now) {
  const v1::Reason reason = receipt.reason();
  const bool is_topic = destination_of(record.body_bytes()).kind == Destination::kTopic;
  if (is_topic && (receipt.missed() != 0 || reason == v1::REASON_QUEUE_FULL)) return false;
  return is_passing(reason) || (reason == v1::REASON_UNKNOWN_CLIENT && waits_for_name(record, now));
}

void Sender::on_fate(SendLog::Record& record, const v1::Receipt& receipt, core::Instant now) {
  const uint64_t ticket = log_.take(record);
  const bool rejected = receipt.outcome() == v1::OUTCOME_REJECTED;
  replies_.settled(record.id, ticket, receipt.outcome() == v1::OUTCOME_REPLIED, now + terms_.ttl_ms_max);
  if (rejected && will_pass(record, receipt, now)) return hold_refused(record, ticket, receipt, now);
  SendResult result{.ticket = ticket,
                    .id = record.id,
                    .outcome = to_outcome(receipt.outcome()),
                    .reason = to_reason(receipt.reason()),
                    .attempted = receipt.attempted(),
                    .reached = receipt.reached(),
                    .missed = receipt.missed()};
  if (rejected) {
    result.retry_after_ms = receipt.retry_after_ms();
    result.code = receipt.code();
    result.text = receipt.text();
  }
  settle(destination_of(record.body_bytes()), result);
}

void Sender::hold_refused(const SendLog::Record& record, uint64_t ticket, const v1::Receipt& receipt,
                          core::Instant now) {
  ++counts_.repeats;
  Hold& hold = hold_for(destination_of(record.body_bytes()));
  hold.refused.push_back({.ticket = ticket,
                          .body = std::string(record.body_bytes()),
                          .patience_ms = record.patience_ms,
                          .confirmed = record.confirmed,
                          .maybe_repeated = record.maybe_repeated,
                          .id = record.id,
                          .reason = to_reason(receipt.reason())});
  // A service has no gate, and no RESUME is told for each refusal: the time is waited for, as where the broker is busy.
  const bool at_gate = receipt.reason() == v1::REASON_QUEUE_FULL && hold.is_client();
  if (at_gate) {
    hold.gate_closed = true;
    prove(hold);
  }
  const bool busy = !at_gate;
  if (hold.phase != Hold::Phase::kClosed || busy) {
    // A full queue tells PAUSE before it refuses. Where that is over, or was never told, one message may try at once;
    // only if that one is refused as well is the time to be waited for. While closed, refusals are those of messages
    // that were under way when the gate closed, and say nothing new.
    const bool at_once = hold.phase == Hold::Phase::kReady && !busy;
    close_hold(hold, at_once ? 0 : or_default(receipt.retry_after_ms()), now);
  }
  // Of one that went alone the barrier is that behind it.
  if (receipt.reason() == v1::REASON_UNKNOWN_CLIENT) return;
  hold.barrier = wanted_barrier_ = last_nonce_ + 1;
  next_barrier_ = std::min(next_barrier_, hold.barrier);
}

void Sender::on_flow(const v1::Flow& flow, core::Instant now) {
  if (flow.target_case() != v1::Flow::kClient && flow.target_case() != v1::Flow::kService) return;
  const Address target = flow.has_service() ? Address{flow.service(), Destination::kService} : Address{flow.client()};
  if (flow.state() == v1::STATE_PAUSE) {
    ++counts_.pauses;
    close_hold(hold_for(target), or_default(flow.retry_after_ms()), now);
  } else if (flow.state() == v1::STATE_RESUME) {
    Hold* hold = find_hold(target);
    if (hold == nullptr) return;
    hold->resumed = true;
    hold->until = now;
    // What follows a probe is in order behind it, so that its answer need not be waited for, where somebody is there.
    if (hold->phase == Hold::Phase::kProbing && !hold->proof.wanted) hold->barrier = 0;
    try_to_open(*hold, now);
  }
}

void Sender::on_pong(uint64_t nonce, core::Instant now) {
  if (nonce > last_nonce_ || nonce <= passed_nonce_) return;
  passed_nonce_ = nonce;
  uint64_t last_id = 0;
  while (!barriers_.empty() && barriers_.front().nonce <= nonce) {
    last_id = barriers_.front().last_id;
    barriers_.pop_front();
  }
  settle_admitted(last_id);
  if (next_barrier_ > nonce) return;
  next_barrier_ = kNoBarrier;
  for (auto& [key, hold] : holds_) {
    if (hold.barrier > nonce) {
      next_barrier_ = std::min(next_barrier_, hold.barrier);
    } else {
      try_to_open(hold, now);
    }
  }
}

void Sender::settle_admitted(uint64_t last_id) {
  for (size_t i = log_.place_from(admitted_up_to_ + 1); i < log_.size() && log_[i].id <= last_id; ++i) {
    SendLog::Record& record = log_[i];
    if (record.confirmed || record.ticket == 0) continue;
    const uint64_t ticket = log_.take(record);
    settle(destination_of(record.body_bytes()), {.ticket = ticket, .id = record.id, .outcome = Outcome::kAdmitted});
    log_.drop(record);
  }
  admitted_up_to_ = std::max(admitted_up_to_, last_id);
  log_.tidy();
}

uint64_t Sender::take_reply(uint64_t id) {
  if (const uint64_t ticket = replies_.take(id)) return ticket;
  const size_t place = log_.place_from(id);
  if (place == log_.size()) return 0;
  const SendLog::Record& record = log_[place];
  const bool is_open = record.id == id && record.ticket != 0 && is_request(record.body_bytes());
  return is_open && replies_.came_first(id) ? record.ticket : 0;
}

void Sender::tell_no_replies(const std::vector<uint64_t>& tickets) {
  for (const uint64_t ticket : tickets) events_.on_no_reply(ticket);
}

void Sender::on_tick(core::Instant now) {
  if (now >= replies_.deadline()) tell_no_replies(replies_.take_due(now));
  if (now < due_) return;
  if (now >= proven_.end_due()) proven_.end();
  due_ = proven_.end_due();
  std::vector<Held> over;
  for (auto& [key, hold] : holds_) {
    give_up(hold, now, over);
    if (hold.phase != Hold::Phase::kClosed) continue;
    if (now < hold.until) {
      due_ = std::min(due_, hold.until);
    } else {
      try_to_open(hold, now);
    }
  }
  for (const Held& held : over) settle_held(held, Outcome::kRejected, Reason::kUnknownClient);
}

void Sender::flush(std::function<void()> done) {
  if (unsettled_ == 0) {
    events_.call(done);
  } else {
    flushes_.push_back({last_ticket_, unsettled_, std::move(done)});
  }
}

void Sender::settle(const Address& to, const SendResult& result) {
  --unsettled_;
  for (Flush& flush : flushes_) {
    if (result.ticket <= flush.ticket) --flush.left;
  }
  events_.on_outcome(to.name, result);
  // A later flush waits for all that an earlier one waits for, so they complete in order.
  while (!flushes_.empty() && flushes_.front().left == 0) {
    const std::function<void()> done = std::move(flushes_.front().done);
    flushes_.pop_front();
    events_.call(done);
  }
}

void Sender::settle_held(const Held& held, Outcome outcome, Reason reason) {
  settle(destination_of(held.body), {.ticket = held.ticket, .id = held.id, .outcome = outcome, .reason = reason});
}

}  // namespace onehop::client
