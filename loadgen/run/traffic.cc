// See the header.
#include "loadgen/run/traffic.h"

#include <algorithm>

#include "loadgen/run/clock.h"

namespace onehop::loadgen {
namespace {

Stamper stamper_of(const Plan& plan) {
  const std::string& payload = plan.settings().scenario.payload;
  return payload.empty() ? Stamper(plan.run(), plan.settings().sizes->bytes_max()) : Stamper(plan.run(), payload);
}

}  // namespace

Traffic::Traffic(const Plan& plan, Findings& findings, Residents& residents, ThreadSchedule& schedule, Random& random)
    : plan_(plan),
      ledger_(findings.ledger),
      recorder_(findings.recorder),
      residents_(residents),
      schedule_(schedule),
      random_(random),
      stamper_(stamper_of(plan)),
      payload_(plan.settings().sizes->bytes_max()),
      waiting_bytes_max_(plan.settings().waiting_bytes_max / std::max(plan.settings().clients, 1U)) {
  if (plan.settings().window != 0) under_way_.resize(plan.stays());
}

void Traffic::send_next(uint64_t intended_ns, uint64_t now) {
  send_one(residents_.next_sender(random_), intended_ns, now);
}

void Traffic::send_one(Client& sender, uint64_t intended_ns, uint64_t now) {
  schedule_.take_one();
  Wanted wanted;
  wanted.recipient = plan_.recipient_of(sender.index(), recipients_chosen_++, random_);
  wanted.intended_ns = intended_ns;
  wanted.payload_bytes = static_cast<uint32_t>(plan_.settings().sizes->draw(random_));
  ++wanted_;
  ++counted_wanted_;
  recorder_.note_wanted(intended_ns, plan_.is_slow(plan_.is_echo() ? sender.index() : wanted.recipient), true);
  const bool has_room = sender.sender().waiting_bytes() <= waiting_bytes_max_;
  if (has_room || !under_way_.empty()) return sender.want(wanted, now);
  const Stream stream = stream_of(sender.index(), wanted.recipient);
  ledger_.told(stream, ledger_.next_number(stream), Outcome::kNotSent);
  recorder_.note_reason("NOT_SENT", "GENERATOR_QUEUE_FULL", 1);
}

void Traffic::fill_window(Client& sender, uint64_t now) {
  if (!schedule_.is_open(now)) return;
  for (uint32_t& under_way = under_way_[sender.index()]; under_way < plan_.settings().window && schedule_.has_left();
       ++under_way) {
    send_one(sender, now, now);
  }
}

void Traffic::fill_all_windows(uint64_t now) {
  for (Client* sender : residents_.senders()) fill_window(*sender, now);
}

// Other messages take the place of these when everything that was read with them has been looked at: they are one
// batch, and timed from when it is written.
void Traffic::free_window(Client& sender, uint64_t messages) {
  uint32_t& under_way = under_way_[sender.index()];
  under_way -= static_cast<uint32_t>(std::min<uint64_t>(messages, under_way));
  sender.ask_for_flush();
}

void Traffic::before_flush(Client& client) {
  if (under_way_.empty() || plan_.is_guest(client.index())) return;
  if (under_way_[client.index()] >= plan_.settings().window) return;
  if (plan_.sends(client.index())) fill_window(client, now_ns());
}

Bytes Traffic::payload_of(const Wanted& wanted, uint32_t sender, uint32_t number, uint64_t now) {
  Stamp stamp;
  stamp.sender = sender;
  stamp.number = number;
  stamp.answers = wanted.answers;
  stamp.intended_ns = wanted.intended_ns;
  stamp.wait_us = wanted.wait_us;
  if (!wanted.answers && now > wanted.intended_ns) {
    stamp.wait_us = static_cast<uint32_t>(std::min<uint64_t>((now - wanted.intended_ns) / 1'000, UINT32_MAX));
  }
  stamper_.write(payload_.data(), wanted.payload_bytes, stamp, wanted.recipient);
  return {payload_.data(), wanted.payload_bytes};
}

void Traffic::on_message(Client& client, Bytes payload, const Incoming& incoming, uint64_t arrived_ns,
                         uint64_t next_tick_ns) {
  Stamp stamp;
  switch (stamper_.read(payload, client.index(), plan_.stays(), arrived_ns, stamp)) {
    case Stamper::Found::kCorrupted:
      return ledger_.count_corrupted();
    case Stamper::Found::kMisdirected:
      return ledger_.count_misdirected();
    case Stamper::Found::kGood:
      break;
  }
  const Ledger::Arrival arrival = ledger_.received(stream_of(stamp.sender, client.index()), stamp.number);
  if (arrival == Ledger::Arrival::kDuplicate) return recorder_.note_double(arrived_ns);
  if (plan_.is_echo() && !stamp.answers) return answer(client, stamp, payload.size(), incoming, arrived_ns);
  ++counted_delivered_;
  const uint64_t overdue_ns = arrived_ns > next_tick_ns ? arrived_ns - next_tick_ns : 0;
  recorder_.note_arrival(stamp.intended_ns, arrived_ns, overdue_ns, client.is_slow());
  const uint32_t asker = plan_.is_echo() ? client.index() : stamp.sender;
  if (under_way_.empty()) {
    if (!client.is_slow()) note_uncorrected(asker, stamp, arrived_ns);
    return;
  }
  const bool ended_by_arrival = plan_.is_echo() || plan_.settings().confirm != Confirm::kDelivered;
  if (!ended_by_arrival) return;
  if (Client* const sender = residents_.find(asker)) free_window(*sender, 1);
}

// A client that waits for each message before it sends the next would not have sent this one while an earlier one was
// awaited.
void Traffic::note_uncorrected(uint32_t sender, const Stamp& stamp, uint64_t arrived_ns) {
  if (sender < plan_.stays()) {
    std::atomic<uint64_t>& waits_until = plan_.waits_until(sender);
    if (stamp.written_ns() < waits_until.load(std::memory_order_relaxed)) return;
    waits_until.store(arrived_ns, std::memory_order_relaxed);
  }
  recorder_.note_uncorrected(stamp.intended_ns, stamp.written_ns(), arrived_ns);
}

// The answer carries the times of its question, so that latency counts from there.
void Traffic::answer(Client& client, const Stamp& stamp, size_t payload_bytes, const Incoming& incoming,
                     uint64_t arrived_ns) {
  Wanted wanted;
  wanted.recipient = stamp.sender;
  wanted.intended_ns = stamp.intended_ns;
  wanted.payload_bytes = static_cast<uint32_t>(payload_bytes);
  wanted.answers = true;
  wanted.wait_us = stamp.wait_us;
  wanted.in_reply_to = incoming.id;
  wanted.in_reply_to_session = incoming.session;
  ++wanted_;
  recorder_.note_wanted(wanted.intended_ns, false, false);
  client.want(wanted, arrived_ns);
}

void Traffic::on_settled(Client& client, uint64_t messages) {
  const bool ended_by_outcome = plan_.settings().confirm == Confirm::kDelivered && !plan_.is_echo();
  if (!under_way_.empty() && ended_by_outcome) free_window(client, messages);
}

void Traffic::on_down(const Client& client) {
  if (!under_way_.empty()) under_way_[client.index()] = static_cast<uint32_t>(client.sender().waiting());
}

}  // namespace onehop::loadgen
