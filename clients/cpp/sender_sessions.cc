// What becomes of messages when connections and sessions end: kept for the resumed session, told, or held for the next.
#include <algorithm>
#include <utility>

#include "client/sender.h"

namespace onehop::client {

void Sender::begin_stream() {
  log_.restart();
  end_barriers();
}

// Pings of an earlier connection are not answered any more; nonces go on rising, so that none can be taken for another.
void Sender::end_barriers() {
  barriers_.clear();
  next_barrier_ = kNoBarrier;
  wanted_barrier_ = 0;
  last_barrier_id_ = 0;
}

void Sender::open(const SessionTerms& terms, core::Instant now) {
  terms_ = terms;
  if (terms.resumed) {
    ++counts_.resumes;
    resume(terms.last_id);
  } else if (suspended_) {
    lose_messages(options_.repeat_unknown);
    regroup_holds();
  }
  if (!terms.resumed || terms.prove_ms != 0) begin_proving(now, terms.prove_ms);
  suspended_ = false;
  streaming_ = open_ = true;
}

void Sender::suspend() {
  streaming_ = open_ = false;
  suspended_ = true;
}

// What the broker has got keeps waiting for its receipts, which it tells again as far as they are not acknowledged. Of
// unconfirmed messages it tells nothing again. The rest is written again.
void Sender::resume(uint64_t last_id) {
  log_.skip_ids(last_id);
  // Connect said which receipts have arrived.
  unacked_outcomes_ = 0;
  owes_receipts_ack_ = false;
  for (size_t i = 0; i < log_.size(); ++i) {
    SendLog::Record& record = log_[i];
    record.apart_written = record.id <= last_id;
    if (record.apart_written ? !record.confirmed : follows_refused(record)) {
      leave_unknown(record, options_.repeat_unknown);
    }
  }
  log_.write_again_from(last_id + 1);
  resume_holds();
}

// Whether a message must wait because one before it, to the same destination, will be repeated.
bool Sender::follows_refused(const SendLog::Record& record) {
  const Hold* hold = find_hold(destination_of(record.body_bytes()));
  return hold != nullptr && !hold->refused.empty();
}

// The broker's gates are as they were: where one may be closed, it is opened behind a barrier of this connection.
void Sender::resume_holds() {
  for (auto& [key, hold] : holds_) {
    // The connection before this one may have ended before the answer to its own barrier came.
    const bool unanswered = hold.phase == Hold::Phase::kClosed && hold.barrier > passed_nonce_;
    if (!hold.gate_closed && hold.refused.empty() && hold.phase != Hold::Phase::kProbing && !unanswered) {
      hold.barrier = 0;
      continue;
    }
    if (hold.phase == Hold::Phase::kReady) {
      hold.phase = Hold::Phase::kClosed;
      hold.resumed = !hold.probe;
      hold.until = {};
    } else if (hold.phase == Hold::Phase::kProbing && hold.proof.wanted) {
      // The answer may be lost with the connection: it is asked for again.
      hold.phase = Hold::Phase::kClosed;
      hold.resumed = false;
      hold.until = {};
    }
    hold.barrier = next_barrier_ = wanted_barrier_ = last_nonce_ + 1;
  }
}

void Sender::leave_unknown(SendLog::Record& record, bool repeat_unknown) {
  const bool unknown = log_.was_written(record);
  const uint64_t ticket = log_.take(record);
  const Address to = destination_of(record.body_bytes());
  if (unknown && !repeat_unknown) {
    settle(to, {.ticket = ticket, .id = record.id, .outcome = Outcome::kUnknown});
  } else {
    Held held{.ticket = ticket,
              .body = std::string(record.body_bytes()),
              .patience_ms = record.patience_ms,
              .confirmed = record.confirmed,
              .maybe_repeated = record.maybe_repeated,
              .id = unknown ? record.id : 0};
    if (unknown && !held.maybe_repeated) {
      held.maybe_repeated = true;
      held.body += kMaybeRepeatedField;
    }
    hold_for(to).refused.push_back(std::move(held));
  }
  log_.drop(record);
}

// Events that send meanwhile send into holds.
void Sender::lose_messages(bool repeat_unknown) {
  streaming_ = open_ = suspended_ = false;
  for (size_t i = 0; i < log_.size(); ++i) {
    if (log_[i].ticket != 0) leave_unknown(log_[i], repeat_unknown);
  }
  tell_no_replies(replies_.take_all());
  log_.forget_messages();
  last_unconfirmed_id_ = admitted_up_to_ = 0;
  receipts_seen_ = unacked_outcomes_ = 0;
  owes_receipts_ack_ = false;
}

void Sender::regroup_holds() {
  end_barriers();
  due_ = core::Instant::never();
  ready_.clear();
  window_waiters_.clear();
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
    hold.proof = {};
    make_ready(hold);
    ++place;
  }
}

void Sender::lose() {
  lose_messages(options_.repeat_unknown);
  regroup_holds();
  begin_stream();
}

void Sender::end() {
  accepting_ = false;
  lose_messages(false);
  regroup_holds();
  begin_stream();
  ready_.clear();
  // Nothing is accepted any more, so that no event can change the holds.
  for (auto& [key, hold] : std::exchange(holds_, {})) {
    for (const Held& held : hold.waiting) settle_held(held, Outcome::kNotSent, held.reason);
  }
  waiting_bytes_ = 0;
}

}  // namespace onehop::client
