// See the header.
#include "loadgen/run/sender.h"

#include <algorithm>
#include <utility>

#include "onehop/client_types.h"

namespace onehop::loadgen {
namespace {

using client::Outcome;

bool is_good(Outcome outcome) {
  return outcome == Outcome::kDelivered || outcome == Outcome::kAdmitted;
}

}  // namespace

void Sender::want(const Wanted& wanted) {
  waiting_bytes_ += wanted.payload_bytes + sizeof wanted;
  waiting_.push_back(wanted);
}

const Wanted* Sender::next() {
  while (!waiting_.empty()) {
    const uint32_t recipient = waiting_.front().recipient;
    if (paused_until_.empty() || !paused_until_.contains(recipient)) return &waiting_.front();
    parked_[recipient].push_back(waiting_.front());
    waiting_.pop_front();
    ++parked_count_;
  }
  return nullptr;
}

uint32_t Sender::take_next(bool is_told_of, uint64_t& id) {
  const Wanted wanted = waiting_.front();
  waiting_bytes_ -= wanted.payload_bytes + sizeof wanted;
  waiting_.pop_front();
  return take(wanted, is_told_of, id);
}

uint32_t Sender::take(const Wanted& wanted, bool is_told_of, uint64_t& id) {
  const Stream stream = stream_of(client_, wanted.recipient);
  const uint32_t number = ledger_.next_number(stream);
  id = next_id_++;
  if (is_told_of) {
    under_way_.push_back({stream, wanted.intended_ns, number});
    ++untold_;
  }
  return number;
}

void Sender::on_resume(uint32_t recipient) {
  paused_until_.erase(recipient);
  const auto parked = parked_.find(recipient);
  if (parked == parked_.end()) return;
  // Parked messages are older than messages that wait for the same recipient.
  parked_count_ -= parked->second.size();
  waiting_.insert(waiting_.begin(), parked->second.begin(), parked->second.end());
  parked_.erase(parked);
}

void Sender::on_time(uint64_t now_ns) {
  std::vector<uint32_t> due;
  for (const auto& [recipient, until_ns] : paused_until_) {
    if (until_ns <= now_ns) due.push_back(recipient);
  }
  for (const uint32_t recipient : due) on_resume(recipient);
}

bool Sender::on_told(uint64_t first_id, uint64_t last_id, Outcome outcome, std::string_view reason, uint64_t now_ns,
                     uint64_t& settled) {
  if (first_id == 0 || first_id > last_id || last_id >= next_id_) return false;
  bool in_order = true;
  uint64_t told = 0;
  // Messages of one stream with consecutive numbers are told together.
  Stream stream = 0;
  uint32_t first = 0, count = 0;
  for (uint64_t id = std::max(first_id, oldest_id_); id <= last_id; ++id) {
    UnderWay& message = under_way_[id - oldest_id_];
    if (std::exchange(message.told, true)) {
      in_order = in_order && outcome == Outcome::kAdmitted;
      continue;
    }
    ++told;
    if (is_good(outcome)) recorder_.note_outcome(message.intended_ns, now_ns);
    if (count != 0 && message.stream == stream && message.number == first + count) {
      ++count;
      continue;
    }
    if (count != 0) ledger_.told_all(stream, first, first + count - 1, outcome);
    stream = message.stream;
    first = message.number;
    count = 1;
  }
  if (count != 0) ledger_.told_all(stream, first, first + count - 1, outcome);
  if (first_id < oldest_id_) in_order = in_order && outcome == Outcome::kAdmitted;
  untold_ -= told;
  settled += told;
  if (!is_good(outcome) && told != 0) recorder_.note_reason(client::to_string(outcome), reason, told);
  for (; !under_way_.empty() && under_way_.front().told; ++oldest_id_) under_way_.pop_front();
  return in_order;
}

void Sender::on_connection_lost() {
  under_way_.clear();
  untold_ = 0;
  oldest_id_ = next_id_ = 1;
  while (!paused_until_.empty()) on_resume(paused_until_.begin()->first);
}

void Sender::give_up() {
  while (!paused_until_.empty()) on_resume(paused_until_.begin()->first);
  for (const Wanted& wanted : waiting_) {
    const Stream stream = stream_of(client_, wanted.recipient);
    ledger_.told(stream, ledger_.next_number(stream), Outcome::kNotSent);
  }
  waiting_.clear();
  waiting_bytes_ = 0;
}

}  // namespace onehop::loadgen
