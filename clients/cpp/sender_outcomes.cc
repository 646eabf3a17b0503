// What comes back: receipts, flow, pongs, and the end of the session.
#include <algorithm>
#include <utility>

#include "client/sender.h"

namespace onehop::client {
namespace {

// For a PAUSE or a refusal that does not say how long.
constexpr uint32_t kRetryAfterMsDefault = 1'000;

uint32_t or_default(uint32_t retry_after_ms) {
  return retry_after_ms == 0 ? kRetryAfterMsDefault : retry_after_ms;
}

// Whether waiting cures it.
bool is_passing(v1::Reason reason) {
  return reason == v1::REASON_QUEUE_FULL || reason == v1::REASON_BROKER_BUSY || reason == v1::REASON_RATE_LIMITED;
}

Reason to_reason(v1::Reason reason) {
  return static_cast<Reason>(static_cast<uint8_t>(reason));
}

}  // namespace

void Sender::begin_stream() {
  log_ = SendLog();
  barriers_.clear();
  next_barrier_ = kNoBarrier;
  wanted_barrier_ = 0;
  last_barrier_id_ = 0;
}

void Sender::open(uint32_t frame_bytes_max) {
  frame_bytes_max_ = frame_bytes_max;
  streaming_ = open_ = true;
}

void Sender::on_receipts(const v1::Receipts& receipts, core::Instant now) {
  for (const v1::Receipt& receipt : receipts.items()) {
    if (receipt.outcome() != v1::OUTCOME_REJECTED || log_.messages() == 0) continue;
    const uint64_t first = std::max(receipt.first_id(), log_.first_id());
    const uint64_t last = std::min(receipt.last_id(), log_.next_id() - 1);
    for (uint64_t id = first; id <= last; ++id) on_refused(id, receipt, now);
  }
}

void Sender::on_refused(uint64_t id, const v1::Receipt& receipt, core::Instant now) {
  SendLog::Record* record = log_.find(id);
  if (record->ticket == 0) return;
  const uint64_t ticket = std::exchange(record->ticket, 0);
  const core::Bytes body = record->body_bytes();
  if (!is_passing(receipt.reason())) {
    settle(destination_of(body), {.ticket = ticket,
                                  .id = id,
                                  .outcome = Outcome::kRejected,
                                  .reason = to_reason(receipt.reason()),
                                  .retry_after_ms = receipt.retry_after_ms()});
    return;
  }
  ++counts_.repeats;
  Hold& hold = hold_for(destination_of(body));
  hold.refused.push_back({ticket, id, to_reason(receipt.reason()), record->maybe_repeated, std::string(body)});
  if (receipt.reason() == v1::REASON_QUEUE_FULL) hold.gate_closed = true;
  const bool busy = receipt.reason() != v1::REASON_QUEUE_FULL;
  if (hold.phase != Hold::Phase::kClosed || busy) {
    // A full queue tells PAUSE before it refuses. Where that is over, or was never told, one message may try at once;
    // only if that one is refused as well is the time to be waited for. While closed, refusals are those of messages
    // that were under way when the gate closed, and say nothing new.
    const bool at_once = hold.phase == Hold::Phase::kReady && !busy;
    close_hold(hold, at_once ? 0 : or_default(receipt.retry_after_ms()), now);
  }
  hold.barrier = wanted_barrier_ = last_nonce_ + 1;
  next_barrier_ = std::min(next_barrier_, hold.barrier);
}

void Sender::on_flow(const v1::Flow& flow, core::Instant now) {
  if (flow.target_case() != v1::Flow::kClient) return;
  if (flow.state() == v1::STATE_PAUSE) {
    ++counts_.pauses;
    close_hold(hold_for(flow.client()), or_default(flow.retry_after_ms()), now);
  } else if (flow.state() == v1::STATE_RESUME) {
    Hold* hold = find_hold(flow.client());
    if (hold == nullptr) return;
    hold->resumed = true;
    hold->until = now;
    // What follows a probe is in order behind it, so that its answer need not be waited for.
    if (hold->phase == Hold::Phase::kProbing) hold->barrier = 0;
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
  for (auto& [name, hold] : holds_) {
    if (hold.barrier > nonce) {
      next_barrier_ = std::min(next_barrier_, hold.barrier);
    } else {
      try_to_open(hold, now);
    }
  }
}

void Sender::settle_admitted(uint64_t last_id) {
  while (log_.messages() != 0 && log_.first_id() <= last_id) {
    const uint64_t id = log_.first_id();
    const core::Bytes body = log_.front().body_bytes();
    const uint64_t ticket = log_.front().ticket;
    log_.pop_front();
    if (ticket != 0) settle(destination_of(body), {.ticket = ticket, .id = id, .outcome = Outcome::kAdmitted});
  }
  log_.release();
}

void Sender::on_tick(core::Instant now) {
  if (now < due_) return;
  due_ = core::Instant::never();
  for (auto& [name, hold] : holds_) {
    if (hold.phase != Hold::Phase::kClosed) continue;
    if (now < hold.until) {
      due_ = std::min(due_, hold.until);
    } else {
      try_to_open(hold, now);
    }
  }
}

void Sender::flush(std::function<void()> done) {
  if (unsettled_ == 0) {
    done();
  } else {
    flushes_.push_back({last_ticket_, unsettled_, std::move(done)});
  }
}

void Sender::settle(core::Bytes to, const SendResult& result) {
  --unsettled_;
  for (Flush& flush : flushes_) {
    if (result.ticket <= flush.ticket) --flush.left;
  }
  events_.on_outcome(to, result);
  // A later flush waits for all that an earlier one waits for, so they complete in order.
  while (!flushes_.empty() && flushes_.front().left == 0) {
    const std::function<void()> done = std::move(flushes_.front().done);
    flushes_.pop_front();
    done();
  }
}

void Sender::settle_held(const Held& held, Outcome outcome, Reason reason) {
  settle(destination_of(held.body), {.ticket = held.ticket, .id = held.id, .outcome = outcome, .reason = reason});
}

void Sender::lose_stream(bool repeat_unknown) {
  streaming_ = open_ = false;
  const SendLog lost = std::exchange(log_, SendLog());
  lost.for_each([&](uint64_t id, const SendLog::Record& record) {
    if (record.ticket == 0) return;
    const core::Bytes to = destination_of(record.body_bytes());
    const bool unknown = record.end() <= lost.sent();
    if (unknown && !repeat_unknown) {
      settle(to, {.ticket = record.ticket, .id = id, .outcome = Outcome::kUnknown});
      return;
    }
    Held held{record.ticket, unknown ? id : 0, Reason::kNone, record.maybe_repeated, std::string(record.body_bytes())};
    if (unknown && !held.maybe_repeated) {
      held.maybe_repeated = true;
      held.body += kMaybeRepeatedField;
    }
    hold_for(to).refused.push_back(std::move(held));
  });
}

void Sender::regroup_holds() {
  begin_stream();
  due_ = core::Instant::never();
  ready_.clear();
  for (auto place = holds_.begin(); place != holds_.end();) {
    Hold& hold = place->second;
    take_back_refused(hold);
    if (hold.waiting.empty()) {
      place = holds_.erase(place);
      continue;
    }
    hold.listed = hold.gate_closed = hold.resumed = hold.probe = false;
    hold.barrier = 0;
    hold.until = {};
    make_ready(hold);
    ++place;
  }
}

void Sender::lose() {
  lose_stream(options_.repeat_unknown);
  regroup_holds();
}

void Sender::end() {
  accepting_ = false;
  lose_stream(false);
  regroup_holds();
  ready_.clear();
  // Nothing is accepted any more, so that no event can change the holds.
  for (auto& [name, hold] : std::exchange(holds_, {})) {
    for (const Held& held : hold.waiting) settle_held(held, Outcome::kNotSent, held.reason);
  }
  waiting_bytes_ = 0;
}

}  // namespace onehop::client
